"""Search: cases and comments by what they say."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from services.desk.access import Permission
from services.desk.http.endpoint import Call, Endpoint, Reply
from services.desk.http.problems import FieldError, ProblemError
from services.desk.search.query import Hit, InvalidSearchError
from services.desk.search.terms import MAX_QUERY_CHARS


class SearchQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The query. Every word and identifier of `q` must occur in a comment, or in the title and
    fields of a case. Accents, case and inflection do not matter, nor does the spelling of a number.

    `process` limits the search to one process.
    """

    q: Annotated[str, Meta(min_length=1, max_length=MAX_QUERY_CHARS)]
    process: Annotated[str, Meta(max_length=320)] | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    cursor: Annotated[str, Meta(max_length=4096)] | None = None


class SearchHit(msgspec.Struct, frozen=True, kw_only=True):
    """A comment that was found, or a case by its own title and fields: `comment` is null then.

    `reference` is the case's number as people write it. `marks` are the (start, end) of what
    matched in `snippet`, in characters. `merged_into` is the case that took this one in, null for
    most. `stage`, `assignee`, `due_at`, `overdue` and `updated_at` are the case's; `at` is the
    time of the comment.
    """

    case: int
    reference: str
    comment: str | None
    process: str
    title: str
    status: str
    merged_into: int | None
    at: datetime
    author: str
    snippet: str
    marks: list[tuple[int, int]]
    stage: str
    stage_title: str
    assignee: str | None
    due_at: datetime | None
    overdue: bool
    updated_at: datetime


class SearchResults(msgspec.Struct, frozen=True, kw_only=True):
    """A page of hits, the latest first. `jump` is the case whose number `q` is, null when it is
    none that the caller may see. `next` is the cursor of the next page, null on the last.
    """

    items: list[SearchHit]
    jump: int | None
    next: str | None
    has_more: bool


async def search(call: Call[SearchQuery, None]) -> Reply:
    """Cases and comments of the processes in which the caller may read."""
    desk, query = call.desk, call.query
    processes = desk.access.processes(call.principal)
    if query.process is not None:
        processes = tuple(name for name in processes if name == query.process)
    try:
        page = await desk.search.search(query.q, processes, limit=query.limit, cursor=query.cursor)
    except InvalidSearchError as error:
        pointer = FieldError(pointer=f"?{error.parameter}", detail=str(error))
        raise ProblemError(400, error.reason, str(error), errors=[pointer]) from error
    return Reply(
        SearchResults(
            items=[_view(call, hit) for hit in page.hits],
            jump=page.jump,
            next=page.next,
            has_more=page.next is not None,
        )
    )


def _view(call: Call[Any, Any], hit: Hit) -> SearchHit:
    process = call.desk.settings.processes.get(hit.process)
    stage = process.stage(hit.stage) if process else None
    return SearchHit(
        case=hit.case,
        reference=call.desk.reference.write(hit.case),
        comment=hit.comment,
        process=hit.process,
        title=hit.title,
        status=hit.status,
        merged_into=hit.merged_into,
        at=hit.time,
        author=hit.author,
        snippet=hit.snippet.text,
        marks=list(hit.snippet.marks),
        stage=hit.stage,
        stage_title=stage.title if stage else hit.stage,
        assignee=hit.assignee,
        due_at=hit.due_at,
        overdue=hit.is_overdue,
        updated_at=hit.updated_at,
    )


ROUTES: tuple[Endpoint[Any, Any], ...] = (
    Endpoint(
        method="GET",
        path="/search",
        name="search",
        summary="Search cases and comments",
        handler=search,
        permission=Permission.READ,
        query=SearchQuery,
        response=SearchResults,
        refusals=(400,),
        tag="search",
    ),
)
