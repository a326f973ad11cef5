"""Work lists and search results."""

from datetime import datetime

import msgspec


class Option(msgspec.Struct, frozen=True, kw_only=True):
    """A choice of a filter or a form."""

    value: str
    title: str
    is_chosen: bool = False


class StageCount(msgspec.Struct, frozen=True, kw_only=True):
    """A stage with its open cases; `href` filters the list by it. `count` is None if unknown."""

    title: str
    process_title: str
    href: str
    count: int | None = None
    is_current: bool = False


class Assignee(msgspec.Struct, frozen=True, kw_only=True):
    """Who works on a case: a person or a group. `initials` has one or two letters."""

    name: str
    initials: str
    is_group: bool = False


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """A comment that a search found, and the text around the words found in it."""

    href: str
    author: str
    snippet: str


class CaseRow(msgspec.Struct, frozen=True, kw_only=True):
    """A case in a list. `snippet` is the text around a search hit, None in work lists. `matches`
    are the next hits in the same case, and `more_matches` is the number of those not shown.
    """

    number: int
    reference: str
    revision: int
    href: str
    title: str
    author: str
    process_title: str
    stage_title: str
    is_closed: bool
    is_overdue: bool
    due_at: datetime | None
    updated_at: datetime
    assignee: Assignee | None
    flags: tuple[str, ...] = ()
    comment_count: int = 0
    attachment_count: int = 0
    snippet: str | None = None
    matches: tuple[Match, ...] = ()
    more_matches: int = 0


class ListFilters(msgspec.Struct, frozen=True, kw_only=True):
    """The filters as chosen; they are in the page's URL."""

    processes: tuple[Option, ...]
    stages: tuple[Option, ...]
    sorts: tuple[Option, ...]
    text: str = ""
    overdue: bool = False


class ListView(msgspec.Struct, frozen=True, kw_only=True):
    """A work list. `path` is its path without the query; `next_href` is None on the last page.

    `overdue` rows are shown separately, above `rows`. `people` are the possible assignees.
    `is_mixed` is true if it may contain cases of several processes; stages then show their process.
    """

    name: str
    title: str
    path: str
    here: str
    rows: tuple[CaseRow, ...]
    filters: ListFilters
    overdue: tuple[CaseRow, ...] = ()
    stages: tuple[StageCount, ...] = ()
    people: tuple[Option, ...] = ()
    moves: tuple[Option, ...] = ()
    total: int | None = None
    total_is_capped: bool = False
    next_href: str | None = None
    first_href: str | None = None
    can_work: bool = False
    is_mixed: bool = False


class SearchView(msgspec.Struct, frozen=True, kw_only=True):
    """Search with its results, or the reason why there are none; `is_mixed` is that of ListView."""

    query: str
    rows: tuple[CaseRow, ...]
    processes: tuple[Option, ...] = ()
    open_only: bool = False
    error: str = ""
    next_href: str | None = None
    is_mixed: bool = False
