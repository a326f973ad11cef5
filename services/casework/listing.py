"""Lists of cases: selection and order, as a database query. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from services.casework.actors import normal_assignee

Status = Literal["open", "closed"]
SORT_FIELDS = {"updated": "updated_at", "opened": "opened_at", "due": "due_at", "number": "_id"}

# Each matches an index.
OVERDUE = {"status": "open", "overdue_at": {"$type": "date"}}
BECOMING_OVERDUE = {"status": "open", "due_at": {"$type": "date"}, "overdue_at": None}
# The last two are there so that counting overdue cases reads no document.
LATEST_OVERDUE = ("process", "-updated_at", "-_id", "overdue_at", "status")
# The process is at the end, so that counting someone's cases reads no document.
BY_ASSIGNEE = ("assignee", "status", "-updated_at", "-_id", "process")


@dataclass(frozen=True)
class CaseFilter:
    """Which cases a list shows. None means all.

    `processes` limits the list to what the reader may see; None if they may see everything.
    `assignee` is a user's address, `group:NAME`, or empty for unassigned cases; `assignees` are
    several of these. `text` is searched for in title, opener and participants, ignoring case.
    """

    process: str | None = None
    stage: str | None = None
    status: Status | None = None
    assignee: str | None = None
    assignees: Sequence[str] | None = None
    overdue: bool = False
    text: str | None = None
    opened_before: datetime | None = None
    processes: Sequence[str] | None = None

    def query(self) -> dict[str, Any]:
        """The filter of a MongoDB query."""
        wanted: dict[str, Any] = {
            "process": self.process,
            "stage": self.stage,
            "status": self.status,
        }
        query: dict[str, Any] = {name: value for name, value in wanted.items() if value is not None}
        if self.assignee is not None:
            query["assignee"] = normal_assignee(self.assignee) or None
        if self.assignees is not None:
            query["assignee"] = {"$in": [assignee or None for assignee in self.assignees]}
        if self.overdue:
            query |= OVERDUE
        if self.opened_before is not None:
            query["opened_at"] = {"$lt": self.opened_before}
        if self.text is not None:
            query["$or"] = _text_query(self.text)
        if self.processes is not None:
            query = {"$and": [query, {"process": {"$in": list(self.processes)}}]}
        return query

    @property
    def counted_with(self) -> Sequence[str] | None:
        """The index that counts these cases without reading one; None if MongoDB is to choose.

        For someone's or nobody's cases, it may choose wrongly: if the newest cases of a process are
        nobody's, its trial ends in a draw, and it reads every open case.
        """
        is_assigned = self.assignee is not None or self.assignees is not None
        more = (self.stage, self.text, self.opened_before)
        is_indexed = not self.overdue and all(value is None for value in more)
        return BY_ASSIGNEE if is_assigned and is_indexed else None


def sort_order(sort: str, *, descending: bool) -> str:
    """One of SORT_FIELDS as the order of a query."""
    field = SORT_FIELDS[sort]
    return f"-{field}" if descending else field


def _text_query(text: str) -> list[dict[str, Any]]:
    pattern = {"$regex": re.escape(text), "$options": "i"}
    fields = ("title", "opened_by.name", "opened_by.address", "participants")
    return [{field: pattern} for field in fields]


@dataclass(frozen=True)
class RelatedCase:
    """A case that is related to another; `kind` and `by` as in `schemas.changes.CaseLink`, or
    `refers-to` and `referred-by` for a mail that named a case.
    """

    number: int
    title: str
    kind: str
    by: str = ""
