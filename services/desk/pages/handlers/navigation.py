"""How much waits: the numbers of the navigation, for whole pages and for live updates."""

from collections.abc import Mapping

from starlette.responses import JSONResponse, Response

from services.desk.access import Permission
from services.desk.api.cases.counts import MAX_COUNT, Counts
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
    """The numbers as the navigation writes them, for live updates."""
    counts = await navigation_counts(visit)
    return JSONResponse({name: shown_count(count) for name, count in counts.items()})


def shown_count(count: int) -> str:
    """A number of the navigation; the API counts up to 1,000."""
    return "999+" if count >= MAX_COUNT else str(count)
