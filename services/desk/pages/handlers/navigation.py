"""How much waits: the numbers of the navigation, for whole pages and for live updates."""

from collections.abc import Mapping
from dataclasses import replace

from starlette.responses import Response

from services.desk.access import Permission
from services.desk.api.cases.counts import Counts
from services.desk.pages.visit import Visit


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
    """The numbers alone, for live updates."""
    counted = replace(visit, counts=await navigation_counts(visit))
    return counted.html("layout/counts.html", counted.page(""))
