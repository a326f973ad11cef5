"""Live events: which case is at which revision, as server-sent events."""

from collections.abc import Collection
from typing import Any

from starlette.responses import Response

from services.desk.access import Permission
from services.desk.accounts.subjects import subjects_of
from services.desk.http.endpoint import Call, Endpoint, NoQuery, Reply
from services.desk.http.problems import ProblemError
from services.desk.live.hub import TooManyStreamsError
from services.desk.live.sse import EventStream


async def stream_events(call: Call[NoQuery, None]) -> Reply | Response:
    """A stream that says which case is at which revision; ask for the case to see it.

    Events: `open` once; `case` with case, revision, process and kind of change; `refetch` when
    events were missed: fetch again what you show; `ended` with a reason, `signed-out` among others.
    Comments in between keep the connection open.
    """
    desk, principal = call.desk, call.principal

    async def visible() -> Collection[str] | None:
        now = await call.principal_now()
        return None if now is None else desk.access.processes(now)

    try:
        stream = desk.live.join(
            principal.account, desk.access.processes(principal), subjects_of(principal)
        )
    except TooManyStreamsError as error:
        if error.own:
            detail = "you have too many open streams; close some pages"
            raise ProblemError(429, "too-many-streams", detail) from error
        detail = "this desk cannot serve more streams; try again in a few seconds"
        raise ProblemError(503, "unavailable", detail, headers={"Retry-After": "5"}) from error
    headers = call.request.headers if call.request is not None else {}
    return EventStream(desk.live, stream, visible, resumed="last-event-id" in headers)


ROUTES: tuple[Endpoint[Any, Any], ...] = (
    Endpoint(
        method="GET",
        path="/events",
        name="stream_events",
        summary="Stream changes of cases",
        handler=stream_events,
        permission=Permission.READ,
        media="text/event-stream",
        refusals=(429,),
        tag="events",
    ),
)
