"""Selects the entries of the search index that an event concerns. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from schemas.case_events import CaseEvent

_ONE_COMMENT = frozenset({"opened", "appended", "noted", "sent", "rederived"})
_OWN_ENTRY = frozenset({"opened", "adopted", "rederived", "titled", "fields-set"})
_NO_ENTRY = frozenset(
    {
        *("answered", "answer-recalled", "assigned", "due-set", "overdue"),
        *("closed", "reopened"),
    }
)
_PARTICIPANTS = frozenset({"appended", "merged", "unmerged"})


@dataclass
class Selection:
    """What to index: single comments, the own entries of cases, and whole cases."""

    comments: set[str] = field(default_factory=set)
    own: set[int] = field(default_factory=set)
    whole: set[int] = field(default_factory=set)


def select(events: Iterable[CaseEvent]) -> Selection:
    """The entries that a batch of events concerns. An event of an unknown kind concerns its whole
    case."""
    selection = Selection()
    for event in events:
        _add(selection, event)
    return selection


def _add(selection: Selection, event: CaseEvent) -> None:
    number, details, what = event.data.case, event.data.details, event.what
    if what in _OWN_ENTRY | _PARTICIPANTS:
        selection.own.add(number)
    if what in _ONE_COMMENT and isinstance(details.get("comment"), str):
        selection.comments.add(details["comment"])
    elif what == "mail-moved" and isinstance(details.get("comment"), str):
        selection.comments.add(details["comment"])
        selection.own.add(number)
    elif what == "split":
        selection.comments.update(details["comments"])
        selection.own.update({number, details["to"]})
    elif what == "stage-moved":
        if details["from_process"] != details["to_process"]:
            selection.whole.add(number)
    elif what not in _OWN_ENTRY | _PARTICIPANTS | _NO_ENTRY:
        selection.whole.add(number)
