"""`mailcase case history N`: who did what to a case."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from schemas.changes import (
    Actor,
    Adopted,
    Answered,
    AnswerRecalled,
    Assigned,
    Change,
    Closed,
    DueSet,
    Erased,
    FieldsSet,
    Linked,
    MailAdded,
    MailMoved,
    Merged,
    Noted,
    Opened,
    Overdue,
    Rederived,
    Reopened,
    Sent,
    Split,
    StageMoved,
    Titled,
    Unmerged,
)
from schemas.stored import to_document
from services.cli.case.context import existing, opened_repository
from services.cli.terminal.options import CaseNumber
from services.cli.terminal.output import DEFAULT_CONFIG, Config, Json, counted, loaded
from services.cli.terminal.tables import print_table
from services.cli.terminal.times import local_time
from services.runtime.settings import Settings


def history(number: CaseNumber, /, *, config: Config = DEFAULT_CONFIG, json: Json = False) -> None:
    """Show every change of a case, the oldest first."""
    changes = asyncio.run(_history(loaded(config), number))
    if json:
        for change in changes:
            print(msgspec.json.encode(to_document(change)).decode())
        return
    rows = [
        (str(change.revision), local_time(change.at), _who(change.actor), described(change))
        for change in changes
    ]
    print_table(
        ("revision", "when", "who", "what"), rows, whole=("revision", "when"), wrap_last=True
    )


def _who(actor: Actor) -> str:
    """A person's name, or the kind of another actor."""
    return actor.name or {"mail": "mail", "rule": f"rule {actor.id}"}.get(actor.kind, actor.id)


async def _history(settings: Settings, number: int) -> list[Change]:
    async with opened_repository(settings) as (_, repository):
        await existing(repository, number)
        return await repository.history(number)


def described(change: Change) -> str:
    """A change in words; ids of mails and comments are left out."""
    what = change.what
    words = _WORDS.get(type(what))
    return words(what) if words is not None else str(what.__struct_config__.tag)


def _moved(what: StageMoved) -> str:
    to = (
        what.to_stage
        if what.to_process == what.from_process
        else f"{what.to_process} / {what.to_stage}"
    )
    closed = ", closed" if what.closed else ", reopened" if what.reopened else ""
    return f"moved from {what.from_stage} to {to}{closed}"


def _opened(what: Opened) -> str:
    split = f", split from case {what.split_from}" if what.split_from is not None else ""
    return f"opened at {what.stage}{split}"


def _mail_moved(what: MailMoved) -> str:
    return (
        f"mail moved to case {what.to}"
        if what.to is not None
        else f"mail moved here from case {what.was}"
    )


_LINKS = {
    "duplicate-of": "a duplicate of",
    "corrects": "a correction of",
    "corrected-by": "corrected by",
}


def _fields(what: FieldsSet) -> str:
    values = [
        f"{name} = {value.value if value else 'removed'}" for name, value in what.values.items()
    ]
    flags = "" if what.flags is None else f"flags: {', '.join(what.flags) or 'none'}"
    read = [*what.candidates] or ["the mail"] * bool(what.mail_flags)
    compared = "" if values else f"read {', '.join(read)}" if read else ""
    set_to = f"set {', '.join(values)}" if values else ""
    return "; ".join(words for words in (set_to, compared, flags) if words)


def _linked(what: Linked) -> str:
    words = [f"{_LINKS[link.kind]} case {link.case}" for link in what.links]
    kept = {(link.case, link.kind) for link in what.links}  # by stronger evidence
    ended = [
        f"{_LINKS[link.kind]} case {link.case}"
        for link in what.gone
        if (link.case, link.kind) not in kept
    ]
    found = f"found to be {', '.join(words)}" if words else ""
    gone = f"no longer {', '.join(ended)}" if ended else ""
    return "; ".join(part for part in (found, gone) if part)


def _merged(what: Merged) -> str:
    return (
        f"merged into case {what.into}"
        if what.into is not None
        else f"took in case {what.absorbed}"
    )


def _unmerged(what: Unmerged) -> str:
    return (
        f"left case {what.out_of}" if what.out_of is not None else f"gave back case {what.released}"
    )


def _added(what: MailAdded) -> str:
    kind = {"bounce": "delivery report", "automatic": "automatic reply"}.get(what.kind, "mail")
    return f"{kind} added{', reopened' if what.reopened else ''}"


_WORDS: dict[type, Callable[[Any], str]] = {
    Opened: _opened,
    Adopted: lambda what: f"history began at {what.stage}",
    MailAdded: _added,
    MailMoved: _mail_moved,
    Rederived: lambda _what: "mail read again",
    Answered: lambda what: f"answered to {', '.join(what.to)}",
    AnswerRecalled: lambda _what: "took an answer back",
    Sent: lambda what: f"outgoing mail: {what.state}",
    Noted: lambda _what: "added a note",
    StageMoved: _moved,
    Assigned: lambda what: (
        f"assigned to {what.to}" if what.to else f"took the case from {what.was}"
    ),
    Titled: lambda what: f"titled {what.to!r}",
    DueSet: lambda what: f"due {local_time(what.to)}" if what.to else "removed the due date",
    Overdue: lambda what: f"overdue since {local_time(what.due_at)}",
    FieldsSet: _fields,
    Linked: _linked,
    Closed: lambda _what: "closed",
    Reopened: lambda _what: "reopened",
    Merged: _merged,
    Unmerged: _unmerged,
    Split: lambda what: (
        f"split {counted(len(what.comments), 'comment', 'comments')} off into case {what.to}"
    ),
    Erased: lambda what: f"erased personal data in {counted(what.comments, 'comment', 'comments')}",
}
