"""Who else has a case open."""

from datetime import datetime
from typing import Any

import msgspec

from schemas.stored.desk import PresenceKind
from services.desk.access import Permission
from services.desk.http.endpoint import Call, Endpoint, NoQuery, Reply


class PresenceReport(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the caller does with the case now; report again every ten seconds."""

    doing: PresenceKind = "reading"


class PresenceView(msgspec.Struct, frozen=True, kw_only=True):
    """Someone else who has the case open; `at` is their latest report."""

    user: str
    name: str
    doing: PresenceKind
    at: datetime


class PresenceList(msgspec.Struct, frozen=True, kw_only=True):
    """Everyone else who has the case open, at most ten."""

    items: list[PresenceView]


async def list_present(call: Call[NoQuery, None]) -> Reply:
    """Who else has the case open."""
    case = await call.visible_case()
    return await _others(call, case.number)


async def report_presence(call: Call[NoQuery, PresenceReport]) -> Reply:
    """Report that the caller has the case open, and return who else has."""
    case = await call.visible_case()
    actor = call.principal.acting.actor
    name, now = actor.name or actor.id, call.desk.clock()
    await call.desk.presences.report(case.number, actor.id, name, call.body.doing, now)
    return await _others(call, case.number)


async def end_presence(call: Call[NoQuery, None]) -> Reply:
    """Report that the caller no longer has the case open."""
    case = await call.visible_case()
    await call.desk.presences.leave(case.number, call.principal.id)
    return Reply(status=204)


async def _others(call: Call[Any, Any], number: int) -> Reply:
    desk = call.desk
    found = await desk.presences.others(number, call.principal.id, desk.clock())
    items = [
        PresenceView(user=each.user, name=each.name, doing=each.doing, at=each.at) for each in found
    ]
    return Reply(PresenceList(items=items))


def _endpoint(method: Any, name: str, summary: str, handler: Any, **more: Any) -> Any:
    return Endpoint(
        method=method,
        path="/cases/{number}/presence",
        name=name,
        summary=summary,
        handler=handler,
        permission=Permission.READ,
        refusals=(404,),
        **more,
    )


ROUTES: tuple[Endpoint[Any, Any], ...] = (
    _endpoint(
        "GET", "list_present", "List who has a case open", list_present, response=PresenceList
    ),
    _endpoint(
        "PUT",
        "report_presence",
        "Report having a case open",
        report_presence,
        body=PresenceReport,
        response=PresenceList,
    ),
    _endpoint("DELETE", "end_presence", "Report having closed a case", end_presence, status=204),
)
