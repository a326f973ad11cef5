"""The history that a batch writes: each entry gets the next revision of its case. Pure."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from msgspec import structs

from schemas.changes import Actor, Change, MailAdded, Opened, Rederived, What
from schemas.stored import Case
from services.casework.records import WrittenChanges, new_change

StageDue = Callable[[str, str, datetime], datetime | None]


@dataclass(frozen=True)
class HistoryEntry:
    """Something that happens to a case; it gets its revision in the transaction."""

    case: int
    what: What
    actor: Actor
    mail_key: str | None = None


@dataclass
class NumberedHistory:
    """The changes of a batch, and the state of the cases after them."""

    changes: Sequence[Change]
    cases: Mapping[int, Case]


def by_mail(mail_key: str) -> Actor:
    """A mail as an actor; its author's name is only in the comment."""
    return Actor(kind="mail", id=mail_key)


def number_history(
    entries: Sequence[HistoryEntry],
    cases: Mapping[int, Case],
    new_cases: Mapping[int, Case],
    now: datetime,
    stage_due: StageDue,
) -> NumberedHistory:
    """Give each entry the next revision of its case; entries of unknown cases are left out.

    `cases` are the existing ones as the transaction read them. `stage_due` returns when a case that
    enters a stage of a process now is due.
    """
    written = WrittenChanges()
    by_case: dict[int, list[HistoryEntry]] = defaultdict(list)
    for entry in entries:
        by_case[entry.case].append(entry)
    for number, of_case in by_case.items():
        if number in cases:
            _continue(written, cases[number], of_case, now, stage_due)
        elif number in new_cases:
            _begin(written, new_cases[number], of_case, now, stage_due)
    return NumberedHistory(written.changes, written.cases)


def _begin(
    written: WrittenChanges,
    case: Case,
    entries: Sequence[HistoryEntry],
    now: datetime,
    stage_due: StageDue,
) -> None:
    """Begin the history of a new case with its opening, wherever that is among the entries."""
    opening = next(entry for entry in entries if isinstance(entry.what, Opened))
    due_at = stage_due(case.process, case.stage, now)
    what = structs.replace(opening.what, due_at=due_at)
    change = new_change(
        case.number,
        1,
        what,
        actor=opening.actor,
        now=now,
        process=case.process,
        mail_key=opening.mail_key,
    )
    written.changes.append(change)
    opened = structs.replace(case, revision=1, stage_since=now, due_at=due_at)
    written.cases[case.number] = opened
    _continue(written, opened, [entry for entry in entries if entry is not opening], now, stage_due)


def _continue(
    written: WrittenChanges,
    case: Case,
    entries: Sequence[HistoryEntry],
    now: datetime,
    stage_due: StageDue,
) -> None:
    for entry in entries:
        what = _in_state(entry.what, written.cases.get(case.number, case), now, stage_due)
        written.add(case, [what], entry.actor, now, entry.mail_key)


def _in_state(what: What, case: Case, now: datetime, stage_due: StageDue) -> What:
    """The entry with what the state of the case decides about it."""
    if isinstance(what, MailAdded) and what.reopened:
        return structs.replace(what, due_at=stage_due(case.process, case.stage, now))
    if isinstance(what, Rederived) and what.title is not None and case.title != what.was_title:
        return structs.replace(what, title=None)  # a person gave the case another title
    return what
