"""The search page."""

import asyncio
from typing import Any

from starlette.responses import Response

from services.desk.api.cases.search import SearchResults
from services.desk.http.problems import Problem, ProblemError
from services.desk.pages.case_views import hit_rows, with_query
from services.desk.pages.handlers.lists import declared_processes, process_options
from services.desk.pages.handlers.people_names import names_of_people
from services.desk.pages.views.lists import CaseRow, SearchView
from services.desk.pages.visit import Visit

_SEARCH_AGAIN = frozenset({"empty-search", "search-too-broad"})  # other words may help
MIN_DIGITS = 4


async def search(visit: Visit) -> Response:
    """Searches. A query that is only the number of a visible case opens that case, and so does the
    number of an invoice or an account that only one case has.
    """
    params = visit.request.query_params
    text, process = params.get("q", "").strip()[:300], params.get("process", "")
    open_only = params.get("open") == "true"
    declared, (results, problem) = await asyncio.gather(
        declared_processes(visit), _found(visit, text, process)
    )
    if results is not None and results.jump is not None:
        return visit.redirect(f"/cases/{results.jump}")
    rows = await _rows(visit, results, open_only=open_only)
    following = results.next if results else None
    if len({row.number for row in rows}) == 1 and _is_number(text) and not following:
        return visit.redirect(rows[0].href)
    again = {"q": text, "process": process, "open": "true" if open_only else ""}
    view = SearchView(
        query=text,
        rows=rows,
        processes=process_options(declared, process),
        open_only=open_only,
        error=visit.refusal_text(problem) if problem else "",
        next_href=with_query("/search", **again, cursor=following) if following else None,
        is_mixed=len(declared) > 1 and not process,
    )
    page = visit.page(visit.t.search.title, "search")
    status = problem.status if problem else 200
    return await visit.html("work/search.html", page, status=status, view=view)


async def _found(
    visit: Visit, text: str, process: str
) -> tuple[SearchResults | None, Problem | None]:
    """The results, None without a query; or why there are none."""
    cursor = visit.request.query_params.get("cursor", "")
    query: dict[str, Any] = {"q": text, "process": process, "cursor": cursor}
    if not text:
        return None, None
    given = {name: value for name, value in query.items() if value}
    try:
        return (await visit.api("search", query=given)).body, None
    except ProblemError as refused:
        if refused.problem.reason not in _SEARCH_AGAIN:
            raise
        return None, refused.problem


async def _rows(
    visit: Visit, results: SearchResults | None, *, open_only: bool
) -> tuple[CaseRow, ...]:
    if results is None:
        return ()
    hits = [hit for hit in results.items if not open_only or hit.status == "open"]
    names = await names_of_people(visit)
    return hit_rows(hits, visit.desk.settings.processes, names)


def _is_number(text: str) -> bool:
    """Whether people look for a number, which may have letters and separators."""
    digits = sum(map(str.isdigit, text))
    return digits >= MIN_DIGITS and 2 * digits >= sum(map(str.isalnum, text))
