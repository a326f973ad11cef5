"""Cases: lists, one case, its properties, its history."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from schemas.mails import Moment
from schemas.stored import Case
from services.casework import actions
from services.casework.listing import SORT_FIELDS, CaseFilter
from services.desk.access import Permission
from services.desk.api.cases.replies import act_and_reply, case_reply, case_views
from services.desk.api.cases.views import CaseSummary, CaseView, ChangeView, change_view
from services.desk.http.cursors import Place, after, read_cursor, write_cursor
from services.desk.http.endpoint import Call, Endpoint, NoQuery, Reply
from services.desk.http.problems import FieldError, ProblemError
from services.runtime.store.errors import QueryTimeoutError

MAX_LIMIT = 200
MAX_TOTAL = 10_000
MAX_TEXT_MS = 2_000  # `text` reads every case of the list; no other filter does
Limit = Annotated[int, Meta(ge=1, le=MAX_LIMIT)]
Cursor = Annotated[str, Meta(max_length=512)]
Word = Annotated[str, Meta(max_length=320)]


class CasesQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The selection of cases and their order. `assignee` is an address, `group:NAME`, `me`, or
    empty for nobody; `todo` stands for the caller, their groups and nobody together.

    Sorted by `due`, a list contains only cases with a due date, soonest first; all others begin
    with the latest. `total` asks for the number of all matches, which is counted up to
    `total_up_to`; counting less is faster. `text` is part of the title, of the opener or of a
    participant; over too many cases it is refused: the search finds words in any number of cases.
    """

    process: Word | None = None
    stage: Word | None = None
    status: Literal["open", "closed"] | None = None
    assignee: Word | None = None
    overdue: bool = False
    text: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    sort: Literal["updated", "due", "number"] = "updated"
    limit: Limit = 50
    cursor: Cursor | None = None
    total: bool = False
    total_up_to: Annotated[int, Meta(ge=1, le=MAX_TOTAL)] = MAX_TOTAL


class CaseList(msgspec.Struct, frozen=True, kw_only=True):
    """A page of cases. `next` is the cursor of the next page, None on the last. `total` is None
    unless the request has `total`, and if counting takes too long. `total_is_capped` is true if
    there are more.
    """

    items: list[CaseSummary]
    next: str | None
    has_more: bool
    total: int | None = None
    total_is_capped: bool = False


class CasePatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A JSON merge patch (RFC 7396): what is left out stays, null removes."""

    title: str | msgspec.UnsetType = msgspec.UNSET
    due_at: Moment | msgspec.UnsetType | None = msgspec.UNSET
    fields: dict[str, str | bool | None] = {}


class HistoryQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The changes above revision `after`, in order."""

    after: Annotated[int, Meta(ge=0, le=2**53)] = 0
    limit: Limit = 50


class History(msgspec.Struct, frozen=True, kw_only=True):
    """A page of a history. `next` is the `after` of the next page, None on the last."""

    items: list[ChangeView]
    next: int | None
    has_more: bool


async def list_cases(call: Call[CasesQuery, None]) -> Reply:
    """The cases that the caller may see, a page at a time."""
    query = call.query
    descending = query.sort != "due"
    field = SORT_FIELDS[query.sort]
    sign = "-" if descending else ""
    wanted = _filter(call)
    filters: list[dict[str, Any]] = [call.desk.access.filter(call.principal), wanted.query()]
    if query.status is None:
        filters.append({"status": {"$in": ["open", "closed"]}})  # so that an index is used
    if query.sort == "due":
        filters.append({"due_at": {"$type": "date"}})
    counted = filters.copy()
    if query.cursor is not None:
        place = read_cursor(query.cursor, query.sort)
        filters.append(after(place, field, descending=descending))
    limit_ms = MAX_TEXT_MS if query.text is not None else None
    try:
        found, total = await asyncio.gather(
            call.desk.reader.cases(
                filters,
                sort=[f"{sign}{field}", f"{sign}_id"][: 1 if field == "_id" else 2],
                limit=query.limit + 1,
                max_time_ms=limit_ms,
            ),
            _total(call, counted, limit_ms, None if query.sort == "due" else wanted.counted_with),
        )
    except QueryTimeoutError as error:
        raise ProblemError(
            400,
            "filter-too-broad",
            f"too many cases to look through for {query.text!r}; "
            "choose a process or a stage, or use the search",
            errors=[FieldError(pointer="?text", detail="too many cases to look through")],
        ) from error
    page, has_more = found[: query.limit], len(found) > query.limit
    views = case_views(call)
    return Reply(
        CaseList(
            items=[views.summary(case) for case in page],
            next=_cursor(page[-1], query.sort) if has_more else None,
            has_more=has_more,
            total=min(total, query.total_up_to) if total is not None else None,
            total_is_capped=total is not None and total > query.total_up_to,
        )
    )


async def _total(
    call: Call[CasesQuery, None],
    filters: Sequence[Mapping[str, Any]],
    limit_ms: int | None,
    index: Sequence[str] | None,
) -> int | None:
    """How many cases match; None if nobody asked, or if counting takes longer than it may."""
    if not call.query.total:
        return None
    most = call.query.total_up_to + 1
    try:
        return await call.desk.reader.count(filters, most=most, max_time_ms=limit_ms, index=index)
    except QueryTimeoutError:
        return None


def _filter(call: Call[CasesQuery, None]) -> CaseFilter:
    query, acting = call.query, call.principal.acting
    if query.assignee == "todo":
        groups = [f"group:{group}" for group in acting.groups]
        assignee, assignees = None, [call.principal.id, *groups, ""]
    else:
        assignee, assignees = call.principal.id if query.assignee == "me" else query.assignee, None
    return CaseFilter(
        process=query.process,
        stage=query.stage,
        status=query.status,
        assignee=assignee,
        assignees=assignees,
        overdue=query.overdue,
        text=query.text,
    )


def _cursor(case: Case, sort: str) -> str:
    times = {"updated": case.updated_at, "due": case.due_at}
    return write_cursor(Place(sort=sort, at=times.get(sort), id=case.number))


async def show_case(call: Call[NoQuery, None]) -> Reply:
    """One case, with the stages it may enter next."""
    return await case_reply(call, await call.visible_case())


async def patch_case(call: Call[NoQuery, CasePatch]) -> Reply:
    """Set title, due date and fields, all or none."""
    action = actions.Edit(title=call.body.title, due_at=call.body.due_at, fields=call.body.fields)
    _, reply = await act_and_reply(call, action)
    return reply


async def show_history(call: Call[HistoryQuery, None]) -> Reply:
    """The history of a case: who did what, and when."""
    case = await call.visible_case()
    limit = call.query.limit
    found = await call.desk.reader.changes(case.number, after=call.query.after, limit=limit + 1)
    page, has_more = found[:limit], len(found) > limit
    return Reply(
        History(
            items=[change_view(change) for change in page],
            next=page[-1].revision if has_more else None,
            has_more=has_more,
        )
    )


ROUTES: tuple[Endpoint[Any, Any], ...] = (
    Endpoint(
        method="GET",
        path="/cases",
        name="list_cases",
        summary="List cases",
        handler=list_cases,
        permission=Permission.READ,
        query=CasesQuery,
        response=CaseList,
    ),
    Endpoint(
        method="GET",
        path="/cases/{number}",
        name="show_case",
        summary="Show a case",
        handler=show_case,
        permission=Permission.READ,
        response=CaseView,
        refusals=(404,),
    ),
    Endpoint(
        method="PATCH",
        path="/cases/{number}",
        name="patch_case",
        summary="Set title, due date and fields of a case",
        handler=patch_case,
        permission=Permission.WORK,
        body=CasePatch,
        response=CaseView,
        conditional=True,
        refusals=(404, 409),
    ),
    Endpoint(
        method="GET",
        path="/cases/{number}/history",
        name="show_history",
        summary="Show the history of a case",
        handler=show_history,
        permission=Permission.READ,
        query=HistoryQuery,
        response=History,
        refusals=(404,),
    ),
)
