"""`mailcase case …` on a real database: what a person types, what is printed, what is written."""

import asyncio
import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from deploy.local import PrivateServers
from schemas.stored import Attachment, Case, Comment, to_document
from services.casework.persistence.repository import CaseRepository
from services.cli import main
from services.runtime.store.blobs import Blobs
from services.runtime.store.mongo import Store
from tests.integration.casework.test_casework import mail_key, open_case
from tests.unit.casework.builders import PROCESSES

SETTINGS = """
[store]
database = "{database}"
[process.invoices]
[[process.invoices.stage]]
name = "registration"
initial = true
next = ["approval"]
due_after = "2d"
[[process.invoices.stage]]
name = "approval"
roles = ["approver"]
next = ["paid"]
[[process.invoices.stage]]
name = "paid"
final = true
[[process.invoices.access]]
role = "approver"
users = ["adam@office.example"]
[[process.invoices.access]]
role = "worker"
users = ["anna@office.example"]
[[process.invoices.field]]
name = "gross"
type = "money"
"""

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def database() -> str:
    return f"test_{uuid.uuid4().hex[:12]}"


@pytest.fixture
def store_url(servers: PrivateServers) -> str:
    return servers.store.url


@pytest.fixture
def run(
    database: str,
    store_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Run a command; returns the exit status, standard output and standard error."""
    config = tmp_path / "mailcase.toml"
    config.write_text(SETTINGS.format(database=database))
    monkeypatch.setenv("MAILCASE_STORE_URL", store_url)
    monkeypatch.setenv("COLUMNS", "80")

    def running(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["case", *arguments, "--config", str(config)])
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return running


def prepare(store_url: str, database: str, *numbers: int, mails: tuple[str, ...] = ("a",)) -> None:
    async def preparing() -> None:
        async with Store.opened(store_url, database) as store:
            await CaseRepository(store, PROCESSES).ensure_indexes()
            for number in numbers:
                await open_case(store, number, mails=mails)

    asyncio.run(preparing())


class TestWorking:
    def test_a_case_goes_from_its_first_stage_to_its_last(
        self, run: Run, store_url: str, database: str
    ) -> None:
        prepare(store_url, database, 235)
        assert run("move", "[#235]", "approval")[0] == 0
        assert run("set", "#235", "gross=1 234,56 zł")[0] == 0
        status, out, _ = run("move", "235", "paid", "--as", "adam@office.example", "--json")
        assert status == 0
        answer = json.loads(out)
        assert (answer["case"]["stage"], answer["case"]["status"]) == ("paid", "closed")
        assert answer["case"]["fields"]["gross"]["value"] == "1234.56 PLN"
        status, out, _ = run("history", "235", "--json")
        whats = [json.loads(line)["what"]["type"] for line in out.splitlines()]
        assert whats == ["opened", "stage-moved", "fields-set", "stage-moved"]

    def test_a_refusal_is_one_line_with_what_to_do(
        self, run: Run, store_url: str, database: str
    ) -> None:
        prepare(store_url, database, 1)
        status, _, err = run("move", "1", "paid")
        assert status == 1
        assert (
            err
            == "mailcase: stage registration does not lead to paid; the next stages are: approval\n"
        )
        run("move", "1", "approval")
        status, _, err = run("move", "1", "paid", "--as", "anna@office.example")
        assert status == 1
        assert "only approver may move a case out of approval" in err

    def test_a_stale_revision_changes_nothing(
        self, run: Run, store_url: str, database: str
    ) -> None:
        prepare(store_url, database, 1)
        assert run("title", "1", "One", "--revision", "1")[0] == 0
        status, _, err = run("title", "1", "Two", "--revision", "1")
        assert status == 1
        assert "case 1 is at revision 2, not 1" in err

    def test_assigning_closing_and_reopening(self, run: Run, store_url: str, database: str) -> None:
        prepare(store_url, database, 1)
        assert run("assign", "1", "--to-me", "--as", "anna@office.example")[0] == 0
        _, out, err = run("close", "1")
        assert "closed" in out
        assert err == ""  # a command prints what it did, and logs nothing
        assert run("reopen", "1")[0] == 0
        assert run("close", "1")[0] == 0
        assert run("reopen", "1")[0] == 0
        assert run("assign", "1", "--nobody")[0] == 0
        assert run("due", "1", "2026-12-24T12:00")[0] == 0
        _, out, _ = run("due", "1", "7d", "--json")  # from now, never ago
        due = datetime.fromisoformat(json.loads(out)["case"]["due_at"])
        assert timedelta(days=6.9) < due - datetime.now(UTC) <= timedelta(days=7)
        assert run("due", "1", "never")[0] == 0
        assert "such as 2h or 7d" in run("due", "1", "tomorrow")[2]
        status, _, err = run("assign", "1")
        assert (status, "needs exactly one assignee" in err) == (2, True)

    def test_the_environment_says_who_acts(
        self, run: Run, store_url: str, database: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        prepare(store_url, database, 1)
        assert "set the variable MAILCASE_AS" in run("assign", "1", "--to-me")[2]
        monkeypatch.setenv("MAILCASE_AS", "anna@office.example")
        status, out, _ = run("assign", "1", "--to-me")
        assert status == 0
        assert "anna@office.example" in out
        monkeypatch.setenv("MAILCASE_AS", "")  # of a script, from a variable that is not set
        status, _, err = run("close", "1")
        assert (status, "is empty" in err) == (2, True)

    def test_an_address_is_the_same_in_any_case(
        self, run: Run, store_url: str, database: str
    ) -> None:
        prepare(store_url, database, 1)
        status, out, _ = run("assign", "1", "--to-me", "--as", "Anna@Office.example")
        assert (status, "assigned to anna@office.example" in out) == (0, True)
        assert "Invoice 12/2026" in run("list", "--assignee", "ANNA@office.example")[1]

    def test_merging_and_unmerging(self, run: Run, store_url: str, database: str) -> None:
        prepare(store_url, database, 1, 2)
        assert run("merge", "1", "2")[0] == 0
        status, _, err = run("close", "1")
        assert status == 1
        assert "case 1 is merged into case 2" in err
        assert run("unmerge", "1")[0] == 0

    def test_splitting_by_the_beginning_of_an_id(
        self, run: Run, store_url: str, database: str
    ) -> None:
        prepare(store_url, database, 1, mails=("a", "b"))
        status, out, _ = run(
            "split", "1", "--comment", mail_key(1, "b"), "--title", "Another matter"
        )
        assert status == 0
        assert "opened case 2" in out

    def test_a_note_with_a_file(
        self, run: Run, store_url: str, database: str, tmp_path: Path
    ) -> None:
        prepare(store_url, database, 1)
        text, file = tmp_path / "note.txt", tmp_path / "sum.csv"
        text.write_text("Called them.")
        file.write_text("1;2")
        status, out, _ = run("note", "1", "--text-file", str(text), "--attach", str(file), "--json")
        assert status == 0
        assert json.loads(out)["case"]["revision"] == 2
        saved = tmp_path / "saved"
        assert run("save", "1", "--to", str(saved))[0] == 0
        assert (saved / "sum.csv").read_text() == "1;2"

    def test_numbers_that_are_none_are_refused(self, run: Run) -> None:
        for text in ("0", "abc", "[#]", "1.5", "99999999999999999999"):
            status, _, err = run("show", text)
            assert status == 2, text
            assert "is not a case number" in err


class TestListing:
    def test_lists_choose_and_sort(self, run: Run, store_url: str, database: str) -> None:
        prepare(store_url, database, 1, 2, 3)
        run("close", "2")
        run("assign", "3", "anna@office.example")

        def numbers(*options: str) -> list[int]:
            status, out, _ = run("list", "--json", "--sort", "number", *options)
            assert status == 0
            return [json.loads(line)["_id"] for line in out.splitlines()]

        assert numbers() == [3, 1]
        assert numbers("--status", "all", "--ascending") == [1, 2, 3]
        assert numbers("--status", "closed") == [2]
        assert numbers("--assignee", "anna@office.example") == [3]
        assert numbers("--assignee", "nobody") == [1]
        assert numbers("--text", "INVOICE 12/") == [3, 1]
        assert numbers("--text", "no such (text") == []
        assert numbers("--stage", "approval") == []
        assert numbers("--limit", "1") == [3]
        assert run("list", "--overdue")[1] == "no cases\n"


class TestSaving:
    @pytest.mark.parametrize("name", ["../../evil.txt", "/etc/evil.txt", "..", "a/../../evil.txt"])
    def test_nothing_is_written_outside_the_folder_and_nothing_is_overwritten(
        self, run: Run, store_url: str, database: str, tmp_path: Path, name: str
    ) -> None:
        """Names are made safe when they are stored; a document that was changed later leads nowhere
        else either.
        """
        prepare(store_url, database, 1)

        async def attach() -> None:
            async with Store.opened(store_url, database) as store:
                blob = await Blobs(store).put(b"content")
                one = Attachment(
                    name=name,
                    content_type="text/plain",
                    size=7,
                    sha256=blob.sha256,
                    inline=False,
                    content_id=None,
                    blob=blob.sha256,
                )
                change: dict[str, Any] = {"$set": {"attachments": [to_document(one)]}}
                await store.collection(Comment.COLLECTION).update({"case": 1}, change)
                await store.collection(Case.COLLECTION).update(
                    {"_id": 1}, {"$set": {"attachment_count": 1}}
                )

        asyncio.run(attach())
        folder = tmp_path / "below" / "saved"
        for _ in range(2):
            assert run("save", "1", "--to", str(folder))[0] == 0
        written = sorted(
            path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()
        )
        assert [path.parent for path in written if path.name != "mailcase.toml"] == [
            Path("below/saved"),
            Path("below/saved"),
        ]

    def test_a_case_without_files_says_so(
        self, run: Run, store_url: str, database: str, tmp_path: Path
    ) -> None:
        prepare(store_url, database, 1)
        assert run("save", "1", "--to", str(tmp_path / "x"))[:2] == (1, "nothing to save\n")
        status, _, err = run("save", "9", "--to", str(tmp_path / "x"))
        assert status == 1
        assert "there is no case 9" in err
