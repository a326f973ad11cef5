"""The history that a batch writes: what happened to each case gets its revision. Pure."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from msgspec import structs

from schemas.changes import Actor, Change, MailAdded, Opened, Rederived, What
from schemas.stored import Case
from services.casework.history import apply, effect
from services.casework.persistence.records import MIGRATION, adoption, new_change

StageDue = Callable[[str, str, datetime], datetime | None]


@dataclass(frozen=True)
class HistoryEntry:
    """Something that happens to a case; its revision comes in writing."""

    case: int
    what: What
    actor: Actor
    mail_key: str | None = None


@dataclass
class NumberedHistory:
    """The changes of a batch, and what they set in the documents of existing cases."""

    changes: list[Change]
    fields: dict[int, dict[str, Any]]
    revisions: dict[int, int]


def by_mail(mail_key: str) -> Actor:
    """A mail as an actor; its author's name stands in the comment alone."""
    return Actor(kind="mail", id=mail_key)


def number_history(
    entries: Sequence[HistoryEntry], cases: Mapping[int, Case], now: datetime, stage_due: StageDue
) -> NumberedHistory:
    """Give each entry the next revision of its case.

    `cases` are the existing ones as the transaction sees them; an entry of a case that is not among them
    belongs to a new one. `stage_due` says when a case that enters a stage of a process now is due.
    """
    by_case: dict[int, list[HistoryEntry]] = defaultdict(list)
    for entry in entries:
        by_case[entry.case].append(entry)
    numbered = NumberedHistory([], {}, {})
    for number, of_case in by_case.items():
        if number in cases:
            _continue(numbered, cases[number], of_case, now, stage_due)
        else:
            _begin(numbered, number, of_case, now, stage_due)
    return numbered


def _begin(
    numbered: NumberedHistory,
    number: int,
    entries: Sequence[HistoryEntry],
    now: datetime,
    stage_due: StageDue,
) -> None:
    """A new case; its document is written whole, with the fields that the opening settles."""
    process = next(entry.what.process for entry in entries if isinstance(entry.what, Opened))
    opening_first = sorted(entries, key=lambda entry: not isinstance(entry.what, Opened))
    for revision, entry in enumerate(opening_first, start=1):
        what = entry.what
        if isinstance(what, Opened):
            what = structs.replace(what, due_at=stage_due(what.process, what.stage, now))
            numbered.fields[number] = {"stage_since": now, "due_at": what.due_at}
        numbered.changes.append(
            new_change(
                number,
                revision,
                what,
                actor=entry.actor,
                now=now,
                process=process,
                mail_key=entry.mail_key,
            )
        )
    numbered.revisions[number] = len(entries)


def _continue(
    numbered: NumberedHistory,
    case: Case,
    entries: Sequence[HistoryEntry],
    now: datetime,
    stage_due: StageDue,
) -> None:
    fields: dict[str, Any] = {}
    waiting = list(entries)
    if case.revision == 0:
        waiting.insert(0, HistoryEntry(case.number, adoption(case), MIGRATION))
    for entry in waiting:
        change = new_change(
            case.number,
            case.revision + 1,
            _settled(entry.what, case, now, stage_due),
            actor=entry.actor,
            now=now,
            process=case.process,
            mail_key=entry.mail_key,
        )
        fields |= effect(case, change)
        case = apply(case, change)
        numbered.changes.append(change)
    numbered.fields[case.number] = fields
    numbered.revisions[case.number] = case.revision


def _settled(what: What, case: Case, now: datetime, stage_due: StageDue) -> What:
    """What the state of the case decides about an entry."""
    if isinstance(what, MailAdded) and what.reopened:
        return structs.replace(what, due_at=stage_due(case.process, case.stage, now))
    if isinstance(what, Rederived) and what.title is not None and case.title != what.was_title:
        return structs.replace(what, title=None)  # a person gave the case another title
    return what
