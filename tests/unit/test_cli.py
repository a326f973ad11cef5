"""The `mailcase` command without servers: exit statuses, mistakes on one line, hostile text kept harmless."""

import asyncio
import io
import os
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from rich.console import Console

from services.cli import common, demo, main, progress
from services.cli.case import print_case
from services.cli.check import Finding
from services.cli.common import printable, size_text
from services.cli.ingest import _mailbox_name, _Run
from services.cli.mail_files import expanded, mails_of
from services.cli.progress import Count
from services.runtime import store
from services.runtime.errors import PermanentError, SettingsError
from services.runtime.settings import Settings, load_settings

SETTINGS = """
[server.corp]
protocol = "imap"
host = "imap.example.com"
[process.invoices]
title = "Invoices"
stage = [{ name = "registration", initial = true }]
[[process.invoices.mailbox]]
server = "corp"
address = "invoices@example.com"
password_env = "PASSWORD"
[process.claims]
title = "Claims"
stage = [{ name = "intake", initial = true }]
[[process.claims.mailbox]]
name = "claims-en"
server = "corp"
address = "claims@example.com"
password_env = "PASSWORD"
[[process.claims.mailbox]]
name = "claims-pl"
server = "corp"
address = "szkody@example.com"
password_env = "PASSWORD"
[process.letters]
title = "Letters"
stage = [{ name = "intake", initial = true }]
"""
COMMANDS = [
    ["up"],
    ["fetcher"],
    ["router"],
    ["case-writer"],
    ["check"],
    ["ingest"],
    ["demo"],
    ["replay"],
    ["audit"],
    ["dead", "list"],
    ["dead", "show"],
    ["dead", "retry"],
    ["dead", "discard"],
    ["case", "show"],
    ["parked", "list"],
    ["parked", "show"],
    ["parked", "retry"],
    ["parked", "discard"],
]


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(common, "configure_logs", lambda *_: None)  # pytest has its own
    for variable in ("MAILCASE_BROKER_URL", "MAILCASE_STORE_URL"):
        monkeypatch.delenv(variable, raising=False)
    file = tmp_path / "mailcase.toml"
    file.write_text(SETTINGS)
    return file


@pytest.fixture
def settings(config: Path) -> Settings:
    return load_settings(config, {"PASSWORD": "secret"})


def status(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(list(arguments))
    assert isinstance(caught.value.code, int)
    return caught.value.code


class TestExitStatus:
    @pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
    def test_every_command_has_help_with_an_example(
        self, command: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert status(*command, "--help") == 0
        assert "Example" in capsys.readouterr().out

    @pytest.mark.parametrize("command", [["router"], ["check"], ["up"], ["case", "show", "1"], ["parked", "list"]])
    def test_settings_that_are_not_there_are_told_on_one_line(
        self, command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert status(*command, "--config", str(tmp_path / "missing.toml")) == 2
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1
        assert lines[0].startswith("mailcase: ")
        assert "missing.toml" in lines[0]

    def test_every_mistake_in_the_settings_has_its_line(self, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
        config.write_text(SETTINGS.replace('protocol = "imap"', 'protocol = "fax"').replace("initial = true", "a = 1"))
        assert status("check", "--config", str(config)) == 2
        assert len(capsys.readouterr().err.splitlines()) >= 3

    @pytest.mark.parametrize(
        "arguments",
        [
            ["no-such-command"],
            ["router", "--no-such-option"],
            ["case", "show", "many"],
            ["ingest"],
            ["router", "--http-port", "70000"],
            ["case", "show", "0"],
            ["case", "show", "100000000000000000000000000000000"],
            ["reply", "-1", "--text-file", "accepted.txt"],
            ["parked", "list", "--limit", "100000000000000000000"],
            ["parked", "list", "--process", ""],
            ["parked", "discard", "5f1d0c2a", "--why", " "],
            ["replay", "--rate", "nan"],
            ["replay", "--rate", "inf"],
            ["replay", "--rate", "-1"],
            ["replay", "--from-offset", "-1"],
            ["replay", "--message-id", ""],
            ["up", "--replicas", "1000000000000000000000"],
        ],
    )
    def test_arguments_of_no_use_are_told_on_one_line(
        self, arguments: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert status(*arguments) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1

    def test_an_unknown_command_leads_to_all_of_them(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert status("chek") == 2
        assert (
            capsys.readouterr().err
            == 'mailcase: Unknown command "chek". Did you mean "check"?; see `mailcase --help`\n'
        )

    def test_wrong_arguments_lead_to_the_help_of_their_command(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert status("parked", "discard", "5f1d0c2a") == 2
        assert "see `mailcase parked discard --help`" in capsys.readouterr().err

    @pytest.mark.parametrize(
        "arguments",
        [
            ["parked", "retry"],
            ["dead", "retry"],
            ["replay", "--since", "2h", "--until", "7d"],
            ["replay", "--since", "2h", "--until", ""],
            ["replay", "--since", "2999-01-01"],
            ["replay", "--only", "missing", "--rederive"],
            ["replay", "--mail-key", "zzzzzzzz"],
            ["audit", "--since", ""],
            ["ingest", "", "--process", "invoices"],
            ["audit", "--since", "999999w"],
            ["parked", "list", "--before", "999999w"],
            ["parked", "list", "--before", "1 fortnight"],
            ["parked", "retry", "5f1d0c2a", "--reason", "spam"],
            ["dead", "list", "--before", "0001-01-01T00:00+14:00"],
            ["dead", "show", "abc"],
            ["dead", "show", "zzzzzzzz"],
            ["up", "--data", "/dev/null/data"],
        ],
    )
    def test_arguments_that_do_not_go_together_are_told_on_one_line(
        self, arguments: list[str], config: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert status(*arguments, "--config", str(config)) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1

    @pytest.mark.parametrize("arguments", [["case", "show", "1"], ["dead", "list"]])
    def test_a_server_that_is_not_there_is_told_on_one_line(
        self, arguments: list[str], config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MAILCASE_BROKER_URL", "amqp://guest:guest@127.0.0.1:1/")
        monkeypatch.setenv("MAILCASE_STORE_URL", "mongodb://127.0.0.1:1/?replicaSet=rs0")
        monkeypatch.setitem(store._CLIENT_OPTIONS, "serverSelectionTimeoutMS", 100)
        assert status(*arguments, "--config", str(config)) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert "mailcase check" in line
        assert "Topology" not in line

    def test_a_router_loads_neither_a_database_s_driver_nor_the_private_servers(self) -> None:
        """Half a second of a processor and tens of megabytes, at each start."""
        program = "import sys, services.cli, services.router.main; print(*sys.modules)"
        loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
        assert not {"pymongo", "motor", "gridfs", "deploy"} & set(loaded.split())

    def test_a_stage_without_a_broker_says_where_to_set_it(
        self, config: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert status("case", "show", "1", "--config", str(config)) == 2
        assert "MAILCASE_STORE_URL" in capsys.readouterr().err

    def test_an_unknown_process_is_told_with_those_that_there_are(
        self, config: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert status("ingest", str(config), "--process", "invoice", "--config", str(config)) == 2
        assert "invoices, claims, letters" in capsys.readouterr().err


class TestReply:
    @pytest.fixture
    def sent(self, monkeypatch: pytest.MonkeyPatch) -> mock.AsyncMock:
        sending = mock.AsyncMock(return_value=0)
        monkeypatch.setattr("services.cli.reply.send_reply", sending)
        return sending

    def test_the_text_may_come_from_the_standard_input(
        self, config: Path, sent: mock.AsyncMock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("Dzięki".encode())))
        assert status("reply", "2", "--text-file", "-", "--config", str(config)) == 0
        assert sent.call_args.args[1].text == "Dzięki"

    @pytest.mark.parametrize(
        ("text", "options", "expected"),
        [
            (b" \n", [], (1, "is empty")),
            (b"caf\xe9", [], (1, "is not UTF-8")),
            (b"Thanks", ["--to", "nobody"], (2, "'nobody' is no address")),
            (b"Thanks", ["--to", ""], (2, "'' is no address")),
            (b"Thanks", ["--subject", ""], (2, "--subject")),
        ],
    )
    @pytest.mark.usefixtures("sent")
    def test_what_cannot_be_meant_is_not_sent(
        self,
        config: Path,
        capsys: pytest.CaptureFixture[str],
        text: bytes,
        options: list[str],
        expected: tuple[int, str],
    ) -> None:
        code, told = expected
        file = config.with_name("text.txt")
        file.write_bytes(text)
        assert status("reply", "2", "--text-file", str(file), *options, "--config", str(config)) == code
        (line,) = capsys.readouterr().err.splitlines()
        assert told in line


class TestDemo:
    @pytest.mark.parametrize(
        ("stopped", "error"), [(True, KeyboardInterrupt), (False, PermanentError)], ids=["stopped", "late"]
    )
    def test_a_demo_that_is_stopped_does_not_call_its_mails_late(
        self, monkeypatch: pytest.MonkeyPatch, stopped: bool, error: type[BaseException]
    ) -> None:
        monkeypatch.setattr(demo, "PATIENCE_S", 3600.0 if stopped else 0.0)
        stop = mock.Mock(wait=mock.Mock(return_value=stopped))
        story = demo._Demo(Console(), mock.Mock(), mock.Mock(), stop)
        monkeypatch.setattr(story, "_find", mock.AsyncMock(return_value=[]))
        story._sent.append("a mail that was sent")
        with pytest.raises(error):
            story._until_recorded()


class TestOutput:
    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
    @pytest.mark.parametrize("unbuffered", ["", "1"])
    def test_output_that_finds_no_room_is_told_on_one_line(self, unbuffered: str) -> None:
        environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
        with Path("/dev/full").open("wb") as full:
            run = subprocess.run(
                [sys.executable, "-m", "services.cli", "--help"],
                stdout=full,
                stderr=subprocess.PIPE,
                env=environment,
                check=False,
            )
        assert (run.returncode, run.stderr) == (1, b"mailcase: No space left on device\n")

    @pytest.mark.parametrize("unbuffered", ["", "1"])
    def test_a_reader_that_has_seen_enough_is_no_error_to_tell(self, unbuffered: str) -> None:
        reading, writing = os.pipe()
        os.close(reading)
        with os.fdopen(writing, "wb") as pipe:
            environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
            run = subprocess.run(
                [sys.executable, "-m", "services.cli", "--help"],
                stdout=pipe,
                stderr=subprocess.PIPE,
                env=environment,
                check=False,
            )
        assert (run.returncode, run.stderr) == (1, b"")

    def test_ctrl_c_at_the_very_end_shows_nothing_of_python(self) -> None:
        program = (
            "import atexit, signal, sys; from services.cli import main; sys.argv[1:] = ['--version'];"
            "atexit.register(lambda: print(signal.getsignal(signal.SIGINT) == signal.SIG_DFL)); main()"
        )
        said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
        assert said.split() == [version("mailcase"), "True"]

    def test_the_version_is_the_package_s(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert status("--version") == 0
        assert capsys.readouterr().out.strip() == version("mailcase")


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
        ("process", "asked", "mend"),
        [
            ("claims", None, "claims-en, claims-pl"),
            ("invoices", "claims-en", "invoices"),
            ("letters", "letters", "leave it out"),
            ("other", None, "invoices, claims, letters"),
        ],
    )
    def test_a_mailbox_that_is_not_clear_is_asked_for(
        self, settings: Settings, process: str, asked: str | None, mend: str
    ) -> None:
        with pytest.raises(SettingsError, match=mend):
            _mailbox_name(settings, process, asked)

    @pytest.mark.parametrize("raw", [b"", b"Subject: x\r\n\r\nFrom here\r\n", b"\xff\x00", b"from me"])
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

    def test_folders_are_searched_for_mails_in_a_settled_order(self, tmp_path: Path) -> None:
        for name in ("b.EML", "deep/a.eml", "deep/c.mbox", "notes.txt", "folder.eml/d.eml"):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_bytes(b"x")
        found = [str(one.relative_to(tmp_path)) for one in expanded(tmp_path) + expanded(tmp_path / "notes.txt")]
        assert found == ["b.EML", "deep/a.eml", "deep/c.mbox", "folder.eml/d.eml", "notes.txt"]

    def test_a_file_without_end_is_read_no_further_than_the_limit(self) -> None:
        [(_, raw)] = mails_of(Path("/dev/zero"), 1000)
        assert len(raw) == 1001

    def test_what_gives_no_mail_is_told_and_the_rest_goes_on(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "folder").mkdir()
        for name, content in {"empty": b"", "blank": b"\n", "large": b"x" * 101, "good": b"Subject: x\n"}.items():
            (tmp_path / name).write_bytes(content)
        run = _Run("invoices")
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
        run = _Run("invoices")
        run._published = [("a.eml", "k1"), ("copy of a.eml", "k1"), ("b.eml", "k2"), ("c.eml", "k3")]
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

    async def test_who_stops_it_is_told_what_became_of_the_mails(self, capsys: pytest.CaptureFixture[str]) -> None:
        run = _Run("invoices")
        run._published = [("a.eml", "k1")]
        working = asyncio.ensure_future(run.told_if_stopped(asyncio.Event().wait()))  # type: ignore[arg-type] # endless
        await asyncio.sleep(0)
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working
        assert "stopped; 1 mail is published" in capsys.readouterr().err

    def test_off_a_terminal_plain_lines_tell_how_far_it_is(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(progress, "LINE_EVERY_S", 0.0)
        with Count("mails recorded") as count:
            count.show(3, 10)
        assert capsys.readouterr().err == "mails recorded: 3 of 10 so far\n"


class TestShowing:
    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("Zażółć gęślą\tjaźń\n", "Zażółć gęślą\tjaźń\n"),
            ("\x1b[2Jgone", "\ufffd[2Jgone"),
            ("a\rb\x00\x07\x9b", "a\ufffdb\ufffd\ufffd\ufffd"),
            ("\u202egpj.exe", "\ufffdgpj.exe"),
            ("zero\u200bwidth \u2028 line", "zero\ufffdwidth \ufffd line"),
            ("\ud800", "\ufffd"),
        ],
    )
    def test_what_could_drive_a_terminal_becomes_visible(self, text: str, shown: str) -> None:
        assert printable(text) == shown

    @pytest.mark.parametrize(
        ("size", "text"),
        [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (3_400_000, "3.4 MB"), (5 * 10**12, "5000.0 GB")],
    )
    def test_sizes_are_short(self, size: int, text: str) -> None:
        assert size_text(size) == text

    def test_a_finding_is_one_line_with_its_mend(self) -> None:
        assert str(Finding("broker", ok=True, detail="RabbitMQ 4")) == "ok    broker: RabbitMQ 4"
        assert str(Finding("store", ok=False, detail="refused", mend="start it")) == "FAIL  store: refused; start it"

    def test_a_case_of_hostile_text_is_shown_harmless_and_whole(self) -> None:
        now = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
        hostile = "[bold]\x1b]0;title\x07 [link=https://evil.example]x[/link] \u202e"
        case: dict[str, Any] = {
            "_id": 235,
            "title": hostile,
            "process": "invoices",
            "stage": "registration",
            "status": "open",
            "opened_at": now,
            "participants": [hostile],
        }
        attachment = {"name": hostile, "content_type": "text/plain", "size": 3, "inline": True}
        comment: dict[str, Any] = {
            "at": now,
            "kind": "mail",
            "author": {"name": hostile, "address": "a@x.example"},
            "flags": ["unverified-sender"],
            "text": f"first\n{hostile}",
            "attachments": [attachment],
        }
        out = io.StringIO()
        print_case(Console(file=out, markup=False, highlight=False, width=500), case, [comment])
        shown = out.getvalue()
        assert "Case [#235] [bold]" in shown
        assert not set(shown) & set("\x1b\x07\u202e")
        assert shown.count("[link=https://evil.example]x[/link]") == 5
        assert "(unverified-sender)" in shown
