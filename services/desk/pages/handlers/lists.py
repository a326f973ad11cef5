"""Work lists, bulk actions, and the single row for live updates."""

import asyncio
import re
from typing import Any

from starlette.responses import Response

from services.casework.refusals import ActionRefusedError, StaleRevisionError
from services.desk.access import Permission
from services.desk.api.cases.bulk import BulkResults
from services.desk.api.cases.cases import CaseList, History
from services.desk.api.processes import ProcessList, ProcessView
from services.desk.http.problems import ProblemError
from services.desk.pages.case_views import case_row, case_rows, with_query
from services.desk.pages.handlers.people_names import assignable, names_of_people
from services.desk.pages.refusals import PartlyRefusedError
from services.desk.pages.undo import UndoStep, inverse, read_steps, write_steps
from services.desk.pages.views.lists import (
    ListFilters,
    ListView,
    Option,
    StageCount,
)
from services.desk.pages.views.page import Message
from services.desk.pages.visit import Visit, local_path

MAX_OVERDUE = 20
MAX_TOTAL = 1_000  # counting more takes longer than reading the cases that the page shows
MAX_BULK = 200
_LISTS: dict[str, dict[str, Any]] = {
    "todo": {"status": "open", "assignee": "todo"},
    "mine": {"status": "open", "assignee": "me"},
    "unassigned": {"status": "open", "assignee": ""},
    "all": {"status": "open"},
    "closed": {"status": "closed"},
}
_SORTS = ("updated", "due", "number")
_PICKED = re.compile(r"[1-9]\d{0,14}\.\d{1,9}")  # a case and the revision that the reader saw


async def show_list(visit: Visit) -> Response:
    """Shows one of the work lists, filtered by the URL."""
    name = visit.request.url.path.strip("/")
    chosen = _chosen(visit)
    query = _LISTS[name] | {key: value for key, value in chosen.items() if value}
    cursor = visit.request.query_params.get("cursor")
    page_query = query | {"limit": 50, "total": True, "total_up_to": MAX_TOTAL}
    page_query |= {"cursor": cursor} if cursor else {}
    late_query = query | {"overdue": True, "limit": MAX_OVERDUE, "sort": "due"}
    has_overdue = not cursor and query["status"] == "open" and not chosen["overdue"]
    found, late, declared, names = await asyncio.gather(
        _listed(visit, page_query),
        _listed(visit, late_query) if has_overdue else _nothing(),
        declared_processes(visit),
        names_of_people(visit),
    )
    processes = visit.desk.settings.processes
    overdue = case_rows(late, processes, names) if late else ()
    late_numbers = {row.number for row in overdue}
    rows = tuple(
        row for row in case_rows(found, processes, names) if row.number not in late_numbers
    )
    path = f"/{name}"
    following = found.next and with_query(path, **_texts(chosen), cursor=found.next)
    view = ListView(
        name=name,
        title=getattr(visit.t.nav, name),
        path=path,
        here=with_query(path, **_texts(chosen)),
        rows=rows,
        overdue=overdue,
        filters=_filters(visit, chosen, declared),
        stages=_stages(path, chosen, declared) if name == "all" else (),
        people=assignable(visit, names, chosen["process"]),
        moves=_moves(chosen["process"], declared),
        total=found.total,
        total_is_capped=found.total_is_capped,
        next_href=following or None,
        first_href=with_query(path, **_texts(chosen)) if cursor else None,
        can_work=visit.may(Permission.WORK),
        is_mixed=len(declared) > 1 and not chosen["process"],
    )
    page = visit.page(view.title, name)
    return await visit.html("work/list.html", page, view=view)


async def _listed(visit: Visit, query: dict[str, Any]) -> CaseList:
    found: CaseList = (await visit.api("list_cases", query=query)).body
    return found


async def _nothing() -> None:
    """In place of what a page does not show: overdue cases apart, or hits without a query."""


async def declared_processes(visit: Visit) -> list[ProcessView]:
    """The processes that the reader sees."""
    declared: ProcessList = (await visit.api("list_processes")).body
    return declared.items


async def show_row(visit: Visit) -> Response:
    """Shows one row of a list, for live updates."""
    reply = await visit.api("show_case")
    row = case_row(reply.body, visit.desk.settings.processes, await names_of_people(visit))
    return await visit.html(
        "work/one_row.html",
        visit.page(""),
        row=row,
        can_pick=visit.may(Permission.WORK),
        is_mixed=visit.request.query_params.get("mixed") == "true",
    )


async def act_on_many(visit: Visit) -> Response:
    """Assigns, moves or closes the chosen cases, each separately, as its rules allow."""
    back = local_path(visit.text("next")) or "/todo"
    chosen = [each for each in dict.fromkeys(visit.texts("case")) if _PICKED.fullmatch(each)]
    if not chosen:
        return visit.redirect(back)
    seen = [[int(part) for part in each.split(".")] for each in chosen[:MAX_BULK]]
    cases = [{"number": number, "revision": revision} for number, revision in seen]
    results: BulkResults = (
        await visit.api("act_on_many", body={"action": _bulk(visit), "cases": cases})
    ).body
    done = [
        UndoStep(number, before, result.revision)
        for (number, before), result in zip(seen, results.items, strict=True)
        if result.status == 200 and result.revision is not None
    ]
    texts = [visit.t.list.done.form(len(done)).format(n=len(done))] if done else []
    refused = [result for result in results.items if result.status != 200]
    if not refused:
        return visit.redirect(back, " ".join(texts), undo=write_steps(done))
    first = refused[0]
    texts.append(visit.t.list.failed.form(len(refused)).format(n=len(refused)))
    texts.append(visit.t.failures.refusal(first.reason, first.facts, first.detail))
    message = Message(text=" ".join(texts), tone="bad", undo=write_steps(done))
    left = [
        f"{number}.{result.revision or revision}"
        for (number, revision), result in zip(seen, results.items, strict=True)
        if result.status != 200
    ]
    raise PartlyRefusedError("case", left, message)


async def undo(visit: Visit) -> Response:
    """Restores the state of cases before an action. A case that has changed since is left alone."""
    back = local_path(visit.text("next")) or "/todo"
    steps = read_steps(visit.text("steps"))
    undone = [step for step in steps if await _undo(visit, step)]
    texts = []
    if undone:
        texts.append(visit.t.list.undone.form(len(undone)).format(n=len(undone)))
    if failed := len(steps) - len(undone):
        texts.append(visit.t.list.not_undone.form(failed).format(n=failed))
    return visit.redirect(back, " ".join(texts), tone="bad" if failed else "good")


async def _undo(visit: Visit, step: UndoStep) -> bool:
    """Undoes the step's changes, latest first, each only at the revision that the previous one
    created.
    """
    path = {"number": str(step.number)}
    try:
        query = {"after": step.before, "limit": step.after - step.before}
        history: History = (await visit.api("show_history", path=path, query=query)).body
        revision: int | None = step.after
        for change in reversed(history.items):
            operation = inverse(change.what, change.details)
            if operation is None:
                return False
            name, body = operation
            revision = (await visit.api(name, body=body, path=path, expected=revision)).revision
    except (ActionRefusedError, StaleRevisionError, ProblemError):
        return False
    return bool(history.items)


def _bulk(visit: Visit) -> dict[str, Any]:
    match visit.text("do"):
        case "assign":
            return {"action": "assign", "to": visit.text("assignee") or None}
        case "move":
            return {"action": "move", "stage": visit.text("stage")}
        case _:
            return {"action": "close"}


async def save_view(visit: Visit) -> Response:
    """Saves a list with its filters in the navigation."""
    path = local_path(visit.text("href")) or "/todo"
    await visit.api("add_view", body={"name": visit.text("name")[:60], "path": path})
    return visit.redirect(path)


async def remove_view(visit: Visit) -> Response:
    """Removes a list from the navigation."""
    await visit.api("remove_view")
    return visit.redirect(local_path(visit.text("next")) or "/todo")


def _chosen(visit: Visit) -> dict[str, Any]:
    """The filters in the URL. The API refuses invalid values."""
    params = visit.request.query_params
    sort = params.get("sort", "")
    return {
        "process": params.get("process", ""),
        "stage": params.get("stage", ""),
        "text": params.get("text", "").strip()[:200],
        "sort": sort if sort in _SORTS else "",
        "overdue": params.get("overdue") == "true",
    }


def _texts(chosen: dict[str, Any]) -> dict[str, str]:
    return {name: "true" if value is True else value for name, value in chosen.items() if value}


def _filters(visit: Visit, chosen: dict[str, Any], declared: list[ProcessView]) -> ListFilters:
    t = visit.t.list
    titles = {
        "updated": t.sort_updated,
        "due": t.sort_due,
        "number": t.sort_number,
    }
    stages = _stage_titles([each for each in declared if chosen["process"] in {"", each.name}])
    return ListFilters(
        processes=process_options(declared, chosen["process"]),
        stages=_options(stages, chosen["stage"]),
        sorts=_options(titles, chosen["sort"] or "updated"),
        text=chosen["text"],
        overdue=chosen["overdue"],
    )


def _stage_titles(declared: list[ProcessView]) -> dict[str, str]:
    """Stages by name; with several processes, each with the processes that have it."""
    found: dict[str, list[str]] = {}
    titles: dict[str, str] = {}
    for process in declared:
        for stage in process.stages:
            titles.setdefault(stage.name, stage.title)
            found.setdefault(stage.name, []).append(process.title)
    if len(declared) <= 1:
        return titles
    return {name: f"{title} ({', '.join(found[name])})" for name, title in titles.items()}


def process_options(declared: list[ProcessView], chosen: str) -> tuple[Option, ...]:
    return _options({process.name: process.title for process in declared}, chosen)


def _options(titles: dict[str, str], chosen: str) -> tuple[Option, ...]:
    return tuple(
        Option(value=value, title=title, is_chosen=value == chosen)
        for value, title in titles.items()
    )


def _stages(
    path: str, chosen: dict[str, Any], declared: list[ProcessView]
) -> tuple[StageCount, ...]:
    """How many open cases are at each stage."""
    return tuple(
        StageCount(
            title=stage.title,
            process_title=process.title,
            href=with_query(path, process=process.name, stage=stage.name),
            count=stage.open_cases,
            is_current=(chosen["process"], chosen["stage"]) == (process.name, stage.name),
        )
        for process in declared
        for stage in process.stages
        if not stage.final
    )


def _moves(process: str, declared: list[ProcessView]) -> tuple[Option, ...]:
    """The stages to which the chosen cases may be moved, for a single process only: names differ
    between processes.
    """
    processes = [each for each in declared if process in {"", each.name}]
    if len(processes) != 1:
        return ()
    return tuple(Option(value=stage.name, title=stage.title) for stage in processes[0].stages)
