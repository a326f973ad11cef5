"""The tables of the demo, built from what the servers store."""

from collections.abc import Sequence

from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console
from rich.table import Table
from rich.text import Text

from deploy.local.services import Services
from schemas.flags import CaseFlag
from services.cli.case.show import ShownCase, print_case
from services.cli.terminal.output import printable
from services.runtime.settings import Settings
from services.runtime.store.collection import Document

Counters = dict[str, float]


def counters(services: Services) -> Counters:
    """Every counter of Mailcase by name and labels, summed over all services."""
    totals: Counters = {}
    for process in services.all:
        _, text = process.get("/metrics")
        for family in text_string_to_metric_families(text):
            if family.type != "counter" or not family.name.startswith("mailcase_"):
                continue
            for sample in family.samples:
                if sample.name.endswith("_total"):
                    labels = ", ".join(
                        f"{name}={value}" for name, value in sorted(sample.labels.items())
                    )
                    name = f"{sample.name}{{{labels}}}" if labels else sample.name
                    totals[name] = totals.get(name, 0.0) + sample.value
    return totals


def show_mails(console: Console, mails: Sequence[Document], comments: Sequence[Document]) -> None:
    """One row for each mail: its subject, the rule that decided, and its outcome."""
    by_key = {comment["_id"]: comment for comment in comments}
    table = Table(title="Outcome of each mail", title_justify="left")
    for heading in ("mailbox", "subject", "rule", "outcome", "case", "deliveries"):
        table.add_column(heading)
    for mail in mails:
        subject = by_key[mail["_id"]]["subject"] if mail["_id"] in by_key else ""
        number = str(mail["case"] or "-")
        row = (
            mail["mailbox"],
            subject,
            mail["decision"]["rule"],
            mail["outcome"],
            number,
            str(mail["deliveries"]),
        )
        table.add_row(*(Text(printable(cell)) for cell in row))
    console.print(table)


def show_fields(console: Console, cases: Sequence[Document]) -> None:
    """One line for each case with fields: the values, and the flags."""
    for case in sorted(cases, key=lambda case: int(case["_id"])):
        if case["fields"]:
            number, gross, due, account = (
                case["fields"][name]["value"] for name in ("number", "gross", "due", "account")
            )
            links = [f"{link['kind']} [#{link['case']}]" for link in case["links"]]
            flags = [flag for flag in case["flags"] if flag != CaseFlag.DUPLICATE_OF]
            line = f"  [#{case['_id']}] {number}: {gross}, due {due}, to {account}"
            console.print(Text(printable("; ".join([line, *links, *flags]))))


def show_cases(
    console: Console,
    cases: Sequence[Document],
    comments: Sequence[Document],
    settings: Settings,
) -> None:
    for case in cases:
        console.print()
        of_case = [comment for comment in comments if comment["case"] == case["_id"]]
        print_case(console, ShownCase(case, of_case), processes=settings.processes)


def show_counters(console: Console, moved: Counters) -> None:
    """The counters above zero; all services started at zero."""
    table = Table(title="Counters above zero", title_justify="left")
    table.add_column("metric")
    table.add_column("by", justify="right")
    for name, count in sorted(moved.items()):
        if count:
            table.add_row(Text(name), f"{count:g}")
    console.print()
    console.print(table)
