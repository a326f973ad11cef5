"""`mailcase ingest` without servers: which mails come from which files, and what is reported."""

import asyncio
from pathlib import Path
from unittest import mock

import pytest

from services.cli.mail.files import expanded, mails_of
from services.cli.mail.ingest import _Ingestion, _mailbox_name
from services.cli.terminal import progress
from services.cli.terminal.progress import Count
from services.runtime.errors import SettingsError
from services.runtime.settings import Settings, load_settings
from tests.unit.runtime.settings.texts import THREE_PROCESSES


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    file = tmp_path / "mailcase.toml"
    file.write_text(THREE_PROCESSES)
    return load_settings(file, {"PASSWORD": "secret"})


class TestIngest:
    @pytest.mark.parametrize(
        ("process", "asked", "mailbox"),
        [
            ("invoices", None, "invoices"),
            ("invoices", "invoices", "invoices"),
            ("claims", "claims-pl", "claims-pl"),
            ("letters", None, "letters"),
        ],
    )
    def test_mails_come_as_if_from_the_process_s_mailbox(
        self, settings: Settings, process: str, asked: str | None, mailbox: str
    ) -> None:
        assert _mailbox_name(settings, process, asked) == mailbox

    @pytest.mark.parametrize(
        ("process", "asked", "hint"),
        [
            ("claims", None, "claims-en, claims-pl"),
            ("invoices", "claims-en", "invoices"),
            ("letters", "letters", "leave it out"),
            ("other", None, "invoices, claims, letters"),
        ],
    )
    def test_an_ambiguous_mailbox_must_be_named(
        self, settings: Settings, process: str, asked: str | None, hint: str
    ) -> None:
        with pytest.raises(SettingsError, match=hint):
            _mailbox_name(settings, process, asked)

    @pytest.mark.parametrize(
        "raw", [b"", b"Subject: x\r\n\r\nFrom here\r\n", b"\xff\x00", b"from me"]
    )
    def test_a_file_is_a_mail_byte_for_byte(self, tmp_path: Path, raw: bytes) -> None:
        file = tmp_path / "one.eml"
        file.write_bytes(raw)
        assert list(mails_of(file, 10_000)) == [(str(file), raw)]

    def test_an_mbox_file_gives_its_mails_without_their_envelopes(self, tmp_path: Path) -> None:
        file = tmp_path / "all.mbox"
        first, second = b"Subject: one\n\n>From the start\n\xff\n", b"Subject: two\r\n\r\ntext\r\n"
        envelope = b"From anna@customer.example Wed Mar  4 05:06:07 2026\n"
        file.write_bytes(envelope + first + b"\n" + envelope + second)
        assert list(mails_of(file, 10_000)) == [(f"{file}:1", first), (f"{file}:2", second)]

    @pytest.mark.parametrize("end", [b"text\n\n", b"text\r\n\r\n", b"text\n", b"text"])
    def test_a_single_mail_behind_an_envelope_keeps_its_last_line(
        self, tmp_path: Path, end: bytes
    ) -> None:
        file = tmp_path / "one.eml"
        file.write_bytes(b"From - Wed Mar  4 05:06:07 2026\nSubject: one\n\n" + end)
        assert list(mails_of(file, 10_000)) == [(f"{file}:1", b"Subject: one\n\n" + end)]

    def test_from_with_a_space_before_its_colon_is_a_field_and_not_an_envelope(
        self, tmp_path: Path
    ) -> None:
        file = tmp_path / "one.eml"
        raw = b"From : Anna <anna@firma.example>\nSubject: one\n\nFrom : here\nTo: there\n\n"
        file.write_bytes(raw)
        assert list(mails_of(file, 10_000)) == [(str(file), raw)]

    def test_a_sentence_that_begins_with_from_begins_no_mail(self, tmp_path: Path) -> None:
        file = tmp_path / "all.mbox"
        envelope = b"From anna@customer.example Wed Mar  4 05:06:07 2026\r\n"
        first = b"Subject: one\r\n\r\nHello,\r\n\r\nFrom Monday at 10:30 on we are open.\r\n\r\nAnna\r\n"
        second = b"Subject: two\r\n\r\nFrom now on\r\nNote: closed\r\n"
        file.write_bytes(envelope + first + b"\r\n" + envelope + second + b"\r\n")
        assert list(mails_of(file, 10_000)) == [(f"{file}:1", first), (f"{file}:2", second)]

    def test_an_envelope_with_a_time_needs_no_blank_line_before_it(self, tmp_path: Path) -> None:
        file = tmp_path / "all.mbox"
        envelope = b"From - Wed Mar  4 05:06:07 2026\n"
        file.write_bytes(
            envelope + b"Subject: one\n\ntext\n" + envelope + b"Subject: two\n\ntext\n"
        )
        assert [raw for _, raw in mails_of(file, 10_000)] == [
            b"Subject: one\n\ntext\n",
            b"Subject: two\n\ntext\n",
        ]

    def test_folders_are_searched_for_mails_in_a_fixed_order(self, tmp_path: Path) -> None:
        for name in ("b.EML", "deep/a.eml", "deep/c.mbox", "notes.txt", "folder.eml/d.eml"):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_bytes(b"x")
        found = [
            str(path.relative_to(tmp_path))
            for path in expanded(tmp_path) + expanded(tmp_path / "notes.txt")
        ]
        assert found == ["b.EML", "deep/a.eml", "deep/c.mbox", "folder.eml/d.eml", "notes.txt"]

    def test_a_file_without_end_is_read_no_further_than_the_limit(self) -> None:
        [(_, raw)] = mails_of(Path("/dev/zero"), 1000)
        assert len(raw) == 1001

    def test_files_without_a_mail_are_reported_and_the_rest_continues(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "folder").mkdir()
        for name, content in {
            "empty": b"",
            "blank": b"\n",
            "large": b"x" * 101,
            "good": b"Subject: x\n",
        }.items():
            (tmp_path / name).write_bytes(content)
        run = _Ingestion("invoices")
        names = ("missing", "folder", "empty", "blank", "large", "good")
        good = list(run._mails([tmp_path / name for name in names], 100))
        assert good == [(str(tmp_path / "good"), b"Subject: x\n")]
        complaints = capsys.readouterr().err.replace(f"{tmp_path}/", "").splitlines()
        assert complaints == [
            "mailcase: missing: cannot be read: No such file or directory",
            "mailcase: folder: there is no .eml or .mbox file in this folder",
            "mailcase: empty: is empty",
            "mailcase: blank: is empty",
            "mailcase: large: is larger than limits.max_mail_bytes allows, 100 B",
        ]
        assert run.failed == len(complaints)

    async def test_every_file_is_reported_also_of_equal_mails_and_of_those_gone_since(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        run = _Ingestion("invoices")
        run._published = [
            ("a.eml", "k1"),
            ("copy of a.eml", "k1"),
            ("b.eml", "k2"),
            ("c.eml", "k3"),
        ]
        parked = {"_id": "k2", "outcome": "parked", "case": None, "reason": "spam", "deliveries": 1}
        opened = {"_id": "k1", "outcome": "opened", "case": 7, "reason": None, "deliveries": 2}
        collection = mock.Mock(find=mock.AsyncMock(return_value=[parked, opened]))
        await run.report(mock.Mock(collection=mock.Mock(return_value=collection)))
        said = capsys.readouterr()
        assert said.out.splitlines() == [
            "a.eml: opened case 7 (delivery 2)",
            "copy of a.eml: opened case 7 (delivery 2)",
            "b.eml: parked (spam)",
        ]
        assert said.err.startswith("mailcase: c.eml: ")
        assert run.failed == 1

    async def test_a_stopped_ingest_reports_what_happened_to_the_mails(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        run = _Ingestion("invoices")
        run._published = [("a.eml", "k1")]
        working = asyncio.ensure_future(run.report_if_stopped(asyncio.Event().wait()))  # type: ignore[arg-type] # endless
        await asyncio.sleep(0)
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working
        assert "stopped; 1 mail is published" in capsys.readouterr().err

    def test_without_a_terminal_progress_is_printed_in_plain_lines(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(progress, "LINE_EVERY_S", 0.0)
        with Count("mails recorded") as count:
            count.show(3, 10)
        assert capsys.readouterr().err == "mails recorded: 3 of 10 so far\n"
