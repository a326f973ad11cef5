"""Wraps every request: limits, safe headers, one log line, metrics. It is plain ASGI, so that
streams are not buffered.
"""

import time
from collections.abc import Callable, Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.desk.activity import Activity
from services.desk.http import metrics
from services.desk.http.dispatch import ACTOR, ROUTE, error_response
from services.desk.http.problems import ProblemError
from services.runtime.logs import get_logger

log = get_logger(__name__)

MAX_HEADERS = 100
_HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-opener-policy": b"same-origin",
    b"x-frame-options": b"SAMEORIGIN",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
}
_UNKNOWN = "(none)"  # one label for all paths without a route, because an attacker chooses them


class Observed:
    """Responds to requests that fail unexpectedly, and logs and counts every response."""

    def __init__(
        self, app: ASGIApp, address: Callable[[Scope], str], activity: Activity | None = None
    ) -> None:
        """`activity` counts the requests in progress."""
        self._app = app
        self._address = address
        self._activity = activity or Activity()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        started, status, streams = time.perf_counter(), 0, False

        async def observed_send(message: Message) -> None:
            nonlocal status, streams
            if message["type"] == "http.response.start":
                status, streams = message["status"], _is_stream(message["headers"])
                if streams:
                    metrics.IN_PROGRESS.dec()
                    metrics.STREAMS.inc()
                    self._activity.end()
                message["headers"] = [*message["headers"], *_missing(message["headers"])]
            await send(message)

        metrics.IN_PROGRESS.inc()
        self._activity.begin()
        try:
            if len(scope["headers"]) > MAX_HEADERS:
                error = ProblemError(
                    431, "too-many-headers", f"send at most {MAX_HEADERS} header fields"
                )
                await error_response(error)(scope, receive, observed_send)
            else:
                await self._app(scope, receive, observed_send)
        except Exception as error:
            if status:
                raise  # the response has begun; the connection is cut
            await error_response(error)(scope, receive, observed_send)
        finally:
            (metrics.STREAMS if streams else metrics.IN_PROGRESS).dec()
            if not streams:
                self._activity.end()
            self._report(scope, status, time.perf_counter() - started, streams=streams)

    def _report(self, scope: Scope, status: int, seconds: float, *, streams: bool) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        route = scope.get(ROUTE, _UNKNOWN)
        metrics.REQUESTS.labels(method, route, status).inc()
        if not streams:  # the reader decides how long it lasts
            metrics.REQUEST_SECONDS.labels(method, route).observe(seconds)
        log.info(
            "request_answered",
            method=method,
            path=_printable(scope["path"]),  # without the query, which may contain names
            status=status,
            ms=round(seconds * 1000, 1),
            actor=scope.get(ACTOR),
            address=self._address(scope),
        )


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def _missing(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    given = {name.lower() for name, _ in headers}
    return [(name, value) for name, value in _HEADERS.items() if name not in given]


def _is_stream(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    return any(
        name.lower() == b"content-type" and value.startswith(b"text/event-stream")
        for name, value in headers
    )


def _printable(path: str) -> str:
    return "".join(sign if sign.isprintable() else "?" for sign in path)[:200]
