"""Computes the state of a case from its history. Pure. Only `apply` defines what a change does to
the case document: the repository writes its result, and the audit folds whole histories with it and
compares. Counts, participants and `updated_at` are not part of the history: they follow from the
comments.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from msgspec import structs

from schemas.changes import (
    Adopted,
    Assigned,
    Change,
    Closed,
    DueSet,
    Erased,
    FieldsSet,
    FieldValue,
    Linked,
    MailAdded,
    Merged,
    Opened,
    Overdue,
    Rederived,
    Reopened,
    StageMoved,
    Titled,
    Unmerged,
)
from schemas.stored import Case, Person

# The fields that a history determines. Everything else in a case follows from its comments.
FOLDED = (
    *(
        "process",
        "stage",
        "stage_since",
        "status",
        "closed_at",
        "title",
        "mailbox",
        "opened_at",
        "assignee",
    ),
    *("due_at", "overdue_at", "fields", "candidates", "links", "flags", "mail_flags"),
    *("merged_into", "revision"),
)


def apply(case: Case, change: Change) -> Case:
    """The case after `change`. Raises ValueError if the change does not follow the case's
    revision.
    """
    if change.case != case.number or change.revision != case.revision + 1:
        raise ValueError(
            f"change {change.id} does not follow revision {case.revision} of case {case.number}"
        )
    return structs.replace(case, revision=change.revision, **effect(case, change))


def effect(case: Case, change: Change) -> dict[str, Any]:
    """The fields of the case document that a change sets, except the revision."""
    handler = _EFFECTS.get(type(change.what))
    return handler(case, change.what, change.at) if handler else {}


def opening(change: Change) -> dict[str, Any]:
    """The fields of a new case document that its first change determines. Raises ValueError for any
    other change.
    """
    match change.what:
        case Opened() as opened:
            return {
                "process": opened.process,
                "stage": opened.stage,
                "stage_since": change.at,
                "status": "open",
                "title": opened.title,
                "mailbox": opened.mailbox,
                "opened_at": opened.opened_at,
                "due_at": opened.due_at,
                "refers_to": opened.refers_to,
                "revision": change.revision,
            }
        case Adopted() as adopted:
            return {
                "process": adopted.process,
                "stage": adopted.stage,
                "status": adopted.status,
                "title": adopted.title,
                "mailbox": adopted.mailbox,
                "opened_at": adopted.opened_at,
                "revision": change.revision,
            }
        case _:
            raise ValueError(f"change {change.id} does not open the case")


def fold(changes: Sequence[Change]) -> Case:
    """The case after a whole history; only the parts named in FOLDED are set.

    Raises ValueError for an empty history, for one with a gap, and for one that does not begin with
    an opening.
    """
    if not changes:
        raise ValueError("there is no history")
    if changes[0].revision != 1:
        raise ValueError(f"the history begins at revision {changes[0].revision}")
    case = structs.replace(_empty(changes[0].case, changes[0].at), **opening(changes[0]))
    for change in changes[1:]:
        case = apply(case, change)
    return case


def differences(stored: Case, folded: Case) -> list[str]:
    """The names of the parts in FOLDED that differ, in their order."""
    return [name for name in FOLDED if getattr(stored, name) != getattr(folded, name)]


def touched(changes: Iterable[Change]) -> set[int]:
    """The numbers of the cases that some changes belong to."""
    return {change.case for change in changes}


def _fields_set(case: Case, what: FieldsSet, _at: datetime) -> dict[str, Any]:
    said = {
        name: values for name, values in {**case.candidates, **what.candidates}.items() if values
    }
    flags = {} if what.flags is None else {"flags": what.flags}
    by_mail = {key: those for key, those in {**case.mail_flags, **what.mail_flags}.items() if those}
    fields = _with_fields(case, what.values)
    return {"fields": fields, "candidates": said, "mail_flags": by_mail} | flags


def _linked(case: Case, what: Linked, _at: datetime) -> dict[str, Any]:
    kept = [link for link in case.links if link not in what.gone]
    return {"links": [*kept, *what.links], "flags": what.flags}


def _merged(case: Case, what: Merged, at: datetime) -> dict[str, Any]:
    """The case after it is merged. Its due date stays, so that an unmerge restores exactly the
    earlier state.
    """
    if what.into is None:
        return {}
    closed = {"status": "closed", "closed_at": at} if case.status == "open" else {}
    return {"merged_into": what.into, **closed}


def _unmerged(_case: Case, what: Unmerged, _at: datetime) -> dict[str, Any]:
    if what.out_of is None:
        return {}
    return {"merged_into": None} | (_opening() if what.status == "open" else {})


def _with_fields(case: Case, values: dict[str, FieldValue | None]) -> dict[str, FieldValue]:
    merged: dict[str, FieldValue | None] = {**case.fields, **values}
    return {name: value for name, value in merged.items() if value is not None}


def _entering(_case: Case, moved: StageMoved, at: datetime) -> dict[str, Any]:
    entered = {
        "process": moved.to_process,
        "stage": moved.to_stage,
        "stage_since": at,
        "due_at": moved.due_at,
        "overdue_at": None,
    }
    if moved.closed:
        return entered | _closing(at)
    return entered | (_opening() if moved.reopened else {})


def _erasing(case: Case, erased: Erased, _at: datetime) -> dict[str, Any]:
    kept = {name: value for name, value in case.fields.items() if name not in erased.fields}
    said = {
        name: values for name, values in case.candidates.items() if name not in erased.candidates
    }
    title = {} if erased.title is None else {"title": erased.title}
    return {"fields": kept, "candidates": said} | title


def _closing(at: datetime) -> dict[str, Any]:
    return {"status": "closed", "closed_at": at, "due_at": None, "overdue_at": None}


def _opening() -> dict[str, Any]:
    return {"status": "open", "closed_at": None}


def _reopening(due_at: datetime | None) -> dict[str, Any]:
    return _opening() | {"due_at": due_at, "overdue_at": None}


def _empty(number: int, at: datetime) -> Case:
    return Case(
        number=number,
        process="",
        stage="",
        status="open",
        title="",
        mailbox="",
        opened_at=at,
        updated_at=at,
        opened_by=Person("", ""),
        participants=[],
        comment_count=0,
        attachment_count=0,
    )


_EFFECTS: dict[type, Callable[[Case, Any, datetime], dict[str, Any]]] = {
    Titled: lambda _case, what, _at: {"title": what.to},
    Assigned: lambda _case, what, _at: {"assignee": what.to},
    DueSet: lambda _case, what, _at: {"due_at": what.to, "overdue_at": None},
    Overdue: lambda _case, _what, at: {"overdue_at": at},
    FieldsSet: _fields_set,
    Linked: _linked,
    Closed: lambda _case, _what, at: _closing(at),
    Reopened: lambda _case, what, _at: _reopening(what.due_at),
    MailAdded: lambda _case, what, _at: _reopening(what.due_at) if what.reopened else {},
    Rederived: lambda _case, what, _at: {} if what.title is None else {"title": what.title},
    StageMoved: _entering,
    Merged: _merged,
    Unmerged: _unmerged,
    Erased: _erasing,
}
