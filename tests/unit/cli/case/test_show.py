"""How commands show cases: hostile text is harmless, and sizes are short."""

import io
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console

from schemas.case_ref import CaseReference
from schemas.changes import CaseLink, FieldValue
from schemas.stored import to_document
from services.cli.case.show import ShownCase, print_case
from services.cli.check import Finding
from services.cli.terminal.output import printable, size_text
from tests.unit.casework import builders


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
        [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (3_400_000, "3.4 MB"),
            (5 * 10**12, "5000.0 GB"),
        ],
    )
    def test_sizes_are_short(self, size: int, text: str) -> None:
        assert size_text(size) == text

    def test_a_finding_is_one_line_with_its_hint(self) -> None:
        assert str(Finding("broker", ok=True, detail="RabbitMQ 4")) == "ok    broker: RabbitMQ 4"
        assert (
            str(Finding("store", ok=False, detail="refused", hint="start it"))
            == "FAIL  store: refused; start it"
        )

    def test_a_case_is_shown_under_the_reference_of_the_settings(self) -> None:
        case = {
            "_id": 235,
            "title": "Invoice 17",
            "process": "invoices",
            "stage": "registration",
            "status": "open",
            "opened_at": datetime(2026, 3, 4, tzinfo=UTC),
            "participants": [],
        }
        console = Console(file=(out := io.StringIO()), width=200)
        print_case(console, ShownCase(case, []), reference=CaseReference("Sprawa"))
        assert out.getvalue().startswith("[Sprawa #235] Invoice 17\n")

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
        print_case(
            Console(file=out, markup=False, highlight=False, width=500), ShownCase(case, [comment])
        )
        shown = out.getvalue()
        assert "Case [#235] [bold]" in shown
        assert not set(shown) & set("\x1b\x07\u202e")
        assert shown.count("[link=https://evil.example]x[/link]") == 5
        assert "(unverified-sender)" in shown

    def test_the_facts_of_a_case_are_shown_below_its_title(self) -> None:
        now = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
        case = to_document(
            builders.case(
                due_at=now,
                overdue_at=now,
                assignee="anna@office.example",
                merged_into=7,
                flags=["field-conflict"],
                fields={
                    "gross": FieldValue(
                        value="1.00 PLN", source="invoice", evidence="Fa/P_15", by="m", at=now
                    )
                },
            )
        )
        comment = {
            "at": now,
            "kind": "mail",
            "author": {"name": "", "address": "a@x.example"},
            "flags": [],
            "text": "own",
            "full_text": "own\n> quoted\n> more",
            "attachments": [],
        }
        shown = ShownCase(case, [comment], absorbed=[9])
        outputs = []
        for full in (False, True):
            out = io.StringIO()
            print_case(Console(file=out, width=200), shown, processes=builders.PROCESSES, full=full)
            outputs.append(out.getvalue())
        for line in (
            "assigned to anna@office.example",
            "overdue since ",
            "gross: 1.00 PLN (from invoice: Fa/P_15)",
            "flags: field-conflict",
            "merged into [#7]",
            "merged with [#9]",
            "[2 lines of quotes and signatures; --full shows them]",
        ):
            assert line in outputs[0]
        assert "> more" not in outputs[0]
        assert "> more" in outputs[1]

    def test_fields_candidates_and_links_are_shown_below_the_title_with_their_sources(
        self,
    ) -> None:
        now = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
        digest = "0123456789abcdef" * 4

        def value(text: str, source: str, evidence: str) -> FieldValue:
            return FieldValue(value=text, source=source, evidence=evidence, by="m", at=now)

        taken = value("12/2026", "invoice", f"a.xml /Faktura/Fa/P_2 sha256:{digest}")
        case = to_document(
            builders.case(
                flags=["duplicate-of", "account-changed"],
                fields={"number": taken, "gross": value("5.00 PLN", "person", "")},
                candidates={
                    "number": [taken],
                    "gross": [value("6.00 PLN", "line", "line 1: Gross: 6 \x1b[2J")],
                },
                links=[
                    CaseLink(case=8, kind="duplicate-of", by="invoice"),
                    CaseLink(case=9, kind="corrected-by", by="ksef-number"),
                    CaseLink(case=10, kind="duplicate-of", by="fields"),
                    CaseLink(case=11, kind="corrects", by="xml"),
                ],
            )
        )
        out = io.StringIO()
        print_case(Console(file=out, width=200), ShownCase(case, []), processes=builders.PROCESSES)
        assert [line.strip() for line in out.getvalue().splitlines()][-8:] == [
            "number: 12/2026 (from invoice: a.xml /Faktura/Fa/P_2 sha256:0123456789ab…)",
            "gross: 5.00 PLN",
            "gross: a mail says 6.00 PLN (line: line 1: Gross: 6 \ufffd[2J)",
            "flags: duplicate-of, account-changed",
            "duplicate of [#8] (found by seller, kind and number of the invoice)",
            "corrected by [#9] (found by its KSeF number)",
            "duplicate of [#10] (found by the same values of fields)",
            "corrects [#11] (found by the same file)",
        ]
