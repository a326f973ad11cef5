"""Moves field values along with the mails of a split, a merge or an unmerge, in its transaction."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from schemas.changes import Actor, Merged, Unmerged, What
from schemas.stored import Case
from services.casework.decisions.moved_mails import arrived, left, mails_of
from services.casework.records import WrittenChanges
from services.runtime.settings import Process

MOVED = Actor(kind="rule", id="mails-moved")


def follow_split(
    written: WrittenChanges,
    processes: Mapping[str, Process],
    new: Case,
    origin: Case,
    mails: Sequence[str],
) -> None:
    """Move the values of mails from case `origin` to the new case that has them."""
    now = new.updated_at
    if (what := arrived(new, processes.get(new.process), origin, mails)) is not None:
        written.add(new, [what], MOVED, now)
    if (what := left(written.cases[origin.number], mails)) is not None:
        written.add(origin, [what], MOVED, now)


def follow_merge(
    written: WrittenChanges,
    processes: Mapping[str, Process],
    changes: Mapping[int, Sequence[What]],
    now: datetime,
) -> None:
    """Apply the values of a merged case's mails to the target, and remove them after an unmerge."""
    for number, whats in changes.items():
        case = written.cases.get(number)
        for what in whats:
            if case is None:
                continue
            if isinstance(what, Merged) and what.absorbed is not None:
                origin = written.cases[what.absorbed]
                said = arrived(case, processes.get(case.process), origin)
            elif isinstance(what, Unmerged) and what.released is not None:
                said = left(case, mails_of(written.cases[what.released]))
            else:
                continue
            if said is not None:
                written.add(case, [said], MOVED, now)
