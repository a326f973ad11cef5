"""`mailcase case show N`: a case as the database has it."""

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter
from rich.console import Console
from rich.text import Text

from schemas.case_ref import CaseReference
from schemas.stored import Case, Comment, OutgoingMail
from services.cli.terminal.lines import wrapped
from services.cli.terminal.options import CaseNumber
from services.cli.terminal.output import (
    DEFAULT_CONFIG,
    Config,
    Json,
    counted,
    loaded,
    printable,
    size_text,
)
from services.cli.terminal.times import local_time
from services.runtime.errors import PermanentError
from services.runtime.settings import Process, Settings
from services.runtime.store.collection import Document
from services.runtime.store.configured import store_url
from services.runtime.store.mongo import Store

_PLAIN = CaseReference()


_LINK_WORDS = {
    "duplicate-of": "duplicate of",
    "corrects": "corrects",
    "corrected-by": "corrected by",
}
_FOUND_BY = {
    "ksef-number": "its KSeF number",
    "xml": "the same file",
    "invoice": "seller, kind and number of the invoice",
    "fields": "the same values of fields",
}

_DIGEST = re.compile(r"\b(sha256:[0-9a-f]{12})[0-9a-f]{52}\b")
_BEGINNING = "\\1…"

Full = Annotated[
    bool,
    Parameter(name="--full", negative="", help="Show the whole texts, with quotes and signatures."),
]


@dataclass(frozen=True)
class ShownCase:
    """Everything that one page shows, as the database has it: comments and outgoing mails oldest
    first.

    `absorbed` are the numbers of cases that were merged into this one.
    """

    case: Document
    comments: Sequence[Document]
    waiting: Sequence[Document] = ()
    absorbed: Sequence[int] = ()


def show(
    number: CaseNumber,
    /,
    *,
    full: Full = False,
    config: Config = DEFAULT_CONFIG,
    json: Json = False,
) -> None:
    """Show a case with its fields, its comments, its attachments, and the mail that waits to be
    sent.
    """
    settings = loaded(config)
    shown = asyncio.run(read_case(settings, number))
    if json:
        more = {"comments": shown.comments, "waiting": shown.waiting, "absorbed": shown.absorbed}
        print(msgspec.json.format(msgspec.json.encode(shown.case | more)).decode())
        return
    reference = CaseReference(settings.case_reference.prefix)
    console = Console(markup=False, highlight=False)
    print_case(console, shown, reference=reference, processes=settings.processes, full=full)


async def read_case(settings: Settings, number: int) -> ShownCase:
    """The case with everything that belongs to it. Raises PermanentError if there is no such
    case.
    """
    async with Store.opened(store_url(settings), settings.store.database) as store:
        cases = store.collection(Case.COLLECTION)
        case = await cases.find_one({"_id": number})
        if case is None:
            raise PermanentError(f"there is no case {number}; `mailcase case list` shows all cases")
        waiting = {"case": number, "state": {"$in": ["pending", "claimed"]}}
        return ShownCase(
            case,
            await store.collection(Comment.COLLECTION).find({"case": number}, sort="at"),
            await store.collection(OutgoingMail.COLLECTION).find(waiting, sort="created_at"),
            [document["_id"] for document in await cases.find({"merged_into": number}, ["_id"])],
        )


def print_case(
    console: Console,
    shown: ShownCase,
    *,
    reference: CaseReference = _PLAIN,
    processes: Mapping[str, Process] | None = None,
    full: bool = False,
) -> None:
    """Print a case for a person, with its number in the form of the settings. Control characters
    are replaced.
    """
    case = shown.case
    _line(console, f"{reference.title(case['_id'], 'Case')} {case['title']}", "bold", hang=4)
    for line in _facts(shown, reference, processes or {}):
        _line(console, f"  {line}", hang=2)
    for comment in shown.comments:
        print_comment(console, comment, full=full)
    for mail in shown.waiting:
        reason = f": {mail['failure']}" if mail["failure"] else ""
        _line(
            console,
            f"\n  {mail['kind']} to {', '.join(mail['to'])} is not sent yet{reason}",
            "yellow",
        )


def _facts(
    shown: ShownCase, reference: CaseReference, processes: Mapping[str, Process]
) -> Iterator[str]:
    """The lines under the title, without those that the case does not have."""
    case = shown.case
    process = processes.get(case["process"])
    stage = process.stage(case["stage"]) if process else None
    place = f"{process.title if process else case['process']} / {stage.title if stage else case['stage']}"
    yield f"{place}, {case['status']}; opened {local_time(case['opened_at'])}"
    if case.get("assignee"):
        yield f"assigned to {case['assignee']}"
    if case.get("due_at"):
        yield f"{'overdue since' if case.get('overdue_at') else 'due'} {local_time(case['due_at'])}"
    yield f"participants: {', '.join(case['participants']) or 'none'}"
    for name, value in case.get("fields", {}).items():
        field = process.field(name) if process else None
        source = "" if value["source"] == "person" else f" (from {_origin(value)})"
        yield f"{field.title if field else name}: {value['value']}{source}"
    yield from _other_words(case, process)
    if case.get("flags"):
        yield f"flags: {', '.join(case['flags'])}"
    for name, words in (("merged_into", "merged into"), ("refers_to", "refers to")):
        if case.get(name) is not None:
            yield f"{words} {reference.write(case[name])}"
    for link in case.get("links", ()):
        words = _LINK_WORDS[link["kind"]]
        yield f"{words} {reference.write(link['case'])} (found by {_FOUND_BY[link['by']]})"
    if shown.absorbed:
        yield f"merged with {', '.join(reference.write(number) for number in shown.absorbed)}"


def _other_words(case: Document, process: Process | None) -> Iterator[str]:
    """The values of fields by mails that differ from the field's own value."""
    for name, those in case.get("candidates", {}).items():
        current = case["fields"].get(name, {}).get("value")
        field = process.field(name) if process else None
        for value in those:
            if value["value"] != current:
                title = field.title if field else name
                yield f"{title}: a mail says {value['value']} ({_origin(value)})"


def _origin(value: Document) -> str:
    """The kind of source and the place. Digests are shortened; `--json` shows them in full."""
    return f"{value['source']}: {_DIGEST.sub(_BEGINNING, value['evidence'])}"


def print_comment(console: Console, comment: dict[str, Any], *, full: bool = False) -> None:
    """Print a comment with the text of its author; with `full`, also quotes and signatures."""
    author = comment["author"]
    address = f" <{author['address']}>" if author["address"] else ""
    who = f"{author['name']}{address}" if author["name"] else author["address"] or "unknown sender"
    flags = f"  ({', '.join(comment['flags'])})" if comment["flags"] else ""
    head = f"\n  {local_time(comment['at'])}  {comment['kind']} from {who}{flags}"
    _line(console, head, "cyan", hang=6)
    if comment.get("failure"):
        _line(console, f"    ! not delivered: {comment['failure']}", "red")
    whole = comment.get("full_text") or comment["text"]
    lines = (whole if full else comment["text"]).splitlines()
    for line in lines:
        _line(console, f"    {line}")
    hidden = len(whole.splitlines()) - len(lines)
    if hidden > 0:
        _line(
            console,
            f"    [{counted(hidden, 'line', 'lines')} of quotes and signatures; --full shows them]",
            "dim",
        )
    for attachment in comment["attachments"]:
        _line(console, f"    + {_described(attachment)}", "green", hang=2)


def _described(attachment: Document) -> str:
    inline = "inline, " if attachment["inline"] else ""
    nested = "from an attached message, " if "from-message" in attachment.get("flags", ()) else ""
    kind, size = attachment["content_type"], size_text(attachment["size"])
    return f"{attachment['name']} ({kind}, {inline or nested}{size})"


def _line(console: Console, text: str, style: str = "", hang: int = 0) -> None:
    console.print(Text(wrapped(printable(text), hang), style=style), soft_wrap=True)
