"""Checks cases against their histories: there are no gaps, and the history explains the state.
Pure.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from schemas.changes import Change
from schemas.stored import Case, from_document
from services.casework.history import differences, fold
from services.cli.audit.findings import Finding

UNPUBLISHED = timedelta(minutes=10)

Document = Mapping[str, Any]


def of_histories(cases: Sequence[Document], changes: Iterable[Document]) -> Iterable[Finding]:
    """The findings of some cases; `changes` are all their changes, in any order."""
    by_case: dict[int, list[Document]] = defaultdict(list)
    for change in changes:
        by_case[change["case"]].append(change)
    for case in cases:
        history = sorted(by_case[case["_id"]], key=lambda change: change["revision"])
        yield from _of_history(case, history)


def of_links(cases: Sequence[Document], existing: Mapping[int, Document]) -> Iterable[Finding]:
    """Links lead to existing cases; a merged case is closed and not merged into itself."""
    for case in cases:
        number, target = case["_id"], case.get("merged_into")
        if target is not None and target not in existing:
            yield Finding(
                "merged-into-nothing",
                f"case {number} is merged into case {target}, which does not exist",
            )
        if target is not None and case["status"] != "closed":
            yield Finding(
                "merged-case-open", f"case {number} is merged into case {target} and open"
            )
        refers_to = case.get("refers_to")
        if refers_to is not None and refers_to not in existing:
            yield Finding(
                "refers-to-nothing",
                f"case {number} refers to case {refers_to}, which does not exist",
            )
        for link in case.get("links", []):
            if link["case"] not in existing:
                yield Finding(
                    "linked-to-nothing",
                    f"case {number} is linked to case {link['case']}, which does not exist",
                )


def linked_cases(case: Document) -> set[int]:
    """The numbers of the cases that this one refers to."""
    named = [case.get("merged_into"), case.get("refers_to")]
    linked = [link["case"] for link in case.get("links", [])]
    return {number for number in (*named, *linked) if number is not None}


def proofs(case: Document) -> dict[str, str]:
    """The key of the mail that each field of a case was read from, by the field's name."""
    values = case.get("fields", {}).items()
    return {name: value["by"] for name, value in values if value["source"] != "person"}


def of_fields(cases: Sequence[Document], mails: Mapping[str, Document]) -> Iterable[Finding]:
    """A field that was read in a mail has a recorded mail as its evidence."""
    for case in cases:
        for name, key in proofs(case).items():
            if key not in mails:
                yield Finding(
                    "field-without-mail",
                    f"field {name} of case {case['_id']} was read in mail {key}, which is unknown",
                )


def of_change(change: Document, *, has_case: bool) -> Iterable[Finding]:
    """An entry belongs to a case."""
    if not has_case:
        yield Finding("change-without-case", f"change {change['_id']} of case {change['case']}")


def of_publication(publication: Document, now: datetime) -> Iterable[Finding]:
    """Events are published within minutes."""
    if publication["at"] < now - UNPUBLISHED:
        count, at = len(publication["changes"]), publication["at"]
        what = f"{count} changes from {publication['_id']} on, of {at:%Y-%m-%d %H:%M} UTC"
        yield Finding("event-unpublished", what)


def _of_history(case: Document, history: Sequence[Document]) -> Iterable[Finding]:
    number, revision = case["_id"], case.get("revision", 0)
    revisions = [change["revision"] for change in history]
    if revisions != list(range(1, revision + 1)):
        missing = sorted(set(range(1, revision + 1)) - set(revisions))
        what = f"lacks revision {missing[0]}" if missing else f"goes on to revision {revisions[-1]}"
        yield Finding(
            "history-gap", f"the history of case {number}, at revision {revision}, {what}"
        )
        return
    if not history:
        return  # older than its history
    try:
        folded = fold([from_document(dict(change), Change) for change in history])
        stored = from_document(dict(case), Case)
    except (ValueError, msgspec.ValidationError) as error:
        yield Finding("history-unreadable", f"the history of case {number}: {error}")
        return
    if differing := differences(stored, folded):
        yield Finding(
            "history-differs", f"case {number} is not what its history says: {', '.join(differing)}"
        )
