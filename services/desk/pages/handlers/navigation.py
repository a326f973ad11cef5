"""The counts in the navigation, for whole pages and for live updates."""

import asyncio
from collections.abc import Mapping

from starlette.responses import JSONResponse, Response

from services.desk.access import Permission
from services.desk.api.cases.counts import MAX_COUNT, Counts
from services.desk.pages.views.page import Link, Navigation
from services.desk.pages.visit import Visit


async def read_navigation(visit: Visit) -> Navigation:
    """What a whole page shows in its navigation. Raises TransientError, ProblemError."""
    views, counts = await asyncio.gather(
        visit.desk.saved_views.of(visit.principal.id), navigation_counts(visit)
    )
    links = tuple(Link(href=view.path, title=view.name, id=view.id) for view in views)
    return Navigation(saved_views=links, counts=counts)


async def navigation_counts(visit: Visit) -> Mapping[str, int]:
    """The numbers that the reader may see; none without a role."""
    if not visit.may(Permission.READ):
        return {}
    counts: Counts = (await visit.api("show_counts")).body
    found = {
        "todo": counts.todo,
        "mine": counts.mine,
        "parked": counts.parked,
        "dead": counts.dead,
    }
    return {name: count for name, count in found.items() if count is not None}


async def show_counts(visit: Visit) -> Response:
    """Shows the counts as the navigation does, for live updates."""
    counts = await navigation_counts(visit)
    return JSONResponse({name: shown_count(count) for name, count in counts.items()})


def shown_count(count: int) -> str:
    """A number of the navigation; the API counts up to 1,000."""
    return "999+" if count >= MAX_COUNT else str(count)
