"""Responses with one case, and actions that are answered with their case."""

import asyncio
from collections.abc import Sequence
from typing import Any

from msgspec import structs

from schemas.stored import Case
from services.casework import actions
from services.casework.decide import decide
from services.casework.decisions.situation import Situation
from services.casework.listing import RelatedCase
from services.casework.refusals import ActionRefusedError
from services.casework.results import Done
from services.desk.access import Permission
from services.desk.api.cases.views import CaseViews, StageOption
from services.desk.http.endpoint import Call, Reply
from services.runtime.process.lifecycle import cancel_all

_Neighbors = tuple[Sequence[int], Sequence[RelatedCase]]


async def case_reply(call: Call[Any, Any], case: Case, status: int | None = None) -> Reply:
    """A response with a case and the entity tag of its revision."""
    return _reply_with(call, case, await _neighbors(call, case), status)


async def act_and_reply(call: Call[Any, Any], action: actions.Action) -> tuple[Done, Reply]:
    """Apply `action` to the case in the path, at the revision that the caller saw; what it did, and
    a response with the case.
    """
    case = await call.visible_case(Permission.WORK)
    # Read while the action is written: an action waits for each request to the database.
    reading = asyncio.ensure_future(_neighbors(call, case))
    try:
        done = await call.desk.cases.act(
            case.number, action, call.principal.acting, expected=call.expected, seen=case
        )
        call.desk.publish(done.written, done.outgoing)
        neighbors = await (reading if kept_neighbors(case, done) else _neighbors(call, done.case))
    finally:
        await cancel_all([reading])
    return done, _reply_with(call, done.case, neighbors)


def kept_neighbors(case: Case, done: Done) -> bool:
    """Whether a case has the same neighbors as before an action. Not if the action changed other
    cases, or if someone else changed the case in between.
    """
    only_this = all(change.case == case.number for change in done.written)
    links = (case.links, case.refers_to, case.revision + len(done.written))
    return only_this and links == (done.case.links, done.case.refers_to, done.case.revision)


async def _neighbors(call: Call[Any, Any], case: Case) -> _Neighbors:
    return await call.desk.reader.neighbors(case, call.desk.access.filter(call.principal))


def _reply_with(
    call: Call[Any, Any], case: Case, neighbors: _Neighbors, status: int | None = None
) -> Reply:
    absorbed, related = neighbors
    view = case_views(call).case(case, absorbed, stage_options(call, case), related)
    return Reply(view, revision=case.revision, status=status)


def case_views(call: Call[Any, Any]) -> CaseViews:
    return CaseViews(call.desk.settings.processes, call.desk.reference)


def stage_options(call: Call[Any, Any], case: Case) -> list[StageOption]:
    """The stages that the present one leads to, with the reason if the caller cannot move the case
    there.
    """
    processes = call.desk.settings.processes
    process = processes.get(case.process)
    current = process.stage(case.stage) if process else None
    if process is None or current is None:
        return []
    situation = Situation(
        case=case, processes=processes, acting=call.principal.acting, now=call.desk.clock()
    )
    options = []
    for stage in process.stages:
        if stage.name not in current.next:
            continue
        option = StageOption(name=stage.name, title=stage.title)
        try:
            call.desk.access.require(call.principal, Permission.WORK, case.process)
            decide(actions.Move(stage=stage.name), situation)
        except ActionRefusedError as error:
            option = structs.replace(
                option, refusal=str(error), reason=error.reason, facts=error.facts
            )
        options.append(option)
    return options
