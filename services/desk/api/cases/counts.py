"""How many cases and mails wait for the caller: the numbers of the navigation."""

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec

from schemas.stored import Mail
from services.casework.listing import BY_ASSIGNEE, CaseFilter
from services.desk.access import Permission
from services.desk.http.endpoint import Call, Endpoint, NoQuery, Reply
from services.runtime.errors import TransientError

MAX_COUNT = 1_000


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """Each is counted up to 1,000. `todo` are open cases of the caller, their groups and nobody;
    `mine` those of the caller. `parked` and `dead` are null for callers who may not manage parked
    mail; `dead` also while the broker does not answer.
    """

    todo: int
    mine: int
    parked: int | None
    dead: int | None


async def show_counts(call: Call[NoQuery, None]) -> Reply:
    """The numbers of the navigation."""
    groups = [f"group:{group}" for group in call.principal.acting.groups]
    # MongoDB chooses a wrong index only where many are nobody's.
    queries = [_open(call, [*groups, ""]), _open(call, [call.principal.id])]
    (others, mine), parked, dead = await asyncio.gather(
        call.desk.reader.count_each(queries, most=MAX_COUNT, first_index=BY_ASSIGNEE),
        _parked(call),
        _dead(call),
    )
    return Reply(Counts(todo=min(mine + others, MAX_COUNT), mine=mine, parked=parked, dead=dead))


def _open(call: Call[Any, Any], assignees: list[str]) -> Mapping[str, Any]:
    """Counts open cases with the index of assignee and status, one assignee at a time."""
    wanted = CaseFilter(status="open", assignees=assignees).query()
    return {"$and": [call.desk.access.filter(call.principal), wanted]}


async def _parked(call: Call[Any, Any]) -> int | None:
    desk = call.desk
    if not desk.access.may(call.principal, Permission.PARKED):
        return None
    visible = desk.access.filter(call.principal, Permission.PARKED)
    waiting = {**visible, "outcome": "parked", "discarded": None}
    return await desk.store.collection(Mail.COLLECTION).count(waiting, most=MAX_COUNT)


async def _dead(call: Call[Any, Any]) -> int | None:
    if not call.desk.access.may(call.principal, Permission.PARKED):
        return None
    try:
        async with asyncio.timeout(0.5):
            return await call.desk.events.dead_count()
    except (TransientError, TimeoutError):
        return None


ROUTES: tuple[Endpoint[Any, Any], ...] = (
    Endpoint(
        method="GET",
        path="/counts",
        name="show_counts",
        summary="Count the work that waits",
        handler=show_counts,
        permission=Permission.READ,
        response=Counts,
    ),
)
