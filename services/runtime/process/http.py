"""`/healthz`, `/readyz` and `/metrics`, served from a thread so that a stuck event loop is
noticed.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from socketserver import ThreadingMixIn
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import make_wsgi_app

from services.runtime.errors import PermanentError
from services.runtime.logs import get_logger
from services.runtime.process.health import Health

log = get_logger(__name__)

ANY_HOST = "0.0.0.0"  # noqa: S104 - probed and scraped from outside the pod
_STOP_CHECK_S = 0.1  # how often the server checks whether to stop
_StartResponse = Callable[[str, list[tuple[str, str]]], object]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the standard library's signature
        """Log one line; the standard library would print a traceback."""
        error = sys.exc_info()[1]
        if isinstance(error, OSError):  # the client disconnected
            log.debug("http_client_left", error=error)
        else:
            log.error("http_request_failed", error=error)


class _QuietHandler(WSGIRequestHandler):
    timeout = 10.0  # seconds until a silent client no longer holds a thread

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's name
        """Log nothing: probes and scrapes come every few seconds."""


@asynccontextmanager
async def serve_health(
    health: Health, http_port: int, http_host: str = ANY_HOST
) -> AsyncIterator[int]:
    """Serve `/healthz`, `/readyz` and `/metrics` while the block runs; yields the port."""
    with serve_http(health, http_port, http_host) as port:
        beating = asyncio.ensure_future(health.beat())
        log.info("http_serving", port=port)
        try:
            yield port
        finally:
            beating.cancel()


@contextmanager
def serve_http(health: Health, port: int, host: str = ANY_HOST) -> Iterator[int]:
    """Serve until the block ends; yields the port, a free one if `port` is 0.

    Raises PermanentError if the port is in use, or this machine has no such port or address.
    """
    try:
        server = make_server(host, port, _application(health), _Server, _QuietHandler)
    # OverflowError: invalid port; UnicodeError: invalid host name
    except (OSError, OverflowError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        hint = "choose another --http-port, or an address of this machine as --http-host"
        raise PermanentError(
            f"cannot serve HTTP on port {port} of {host}: {reason}; {hint}"
        ) from error
    thread = Thread(target=server.serve_forever, args=(_STOP_CHECK_S,), name="http", daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5.0)


def _application(health: Health) -> Callable[[dict[str, Any], _StartResponse], Iterable[bytes]]:
    metrics: Callable[[dict[str, Any], _StartResponse], Iterable[bytes]] = make_wsgi_app()

    def application(environ: dict[str, Any], start_response: _StartResponse) -> Iterable[bytes]:
        match environ["PATH_INFO"]:
            case "/metrics":
                return metrics(environ, start_response)
            case "/healthz":
                return _answer(
                    start_response,
                    health.alive(time.monotonic()),
                    {"alive_within_s": health.patience_s},
                )
            case "/readyz":
                return _answer(start_response, health.ready, health.report())
            case _:
                start_response("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
                return [b"/healthz, /readyz and /metrics are served here\n"]

    return application


def _answer(start_response: _StartResponse, ok: bool, report: dict[str, Any]) -> Iterable[bytes]:
    status = "200 OK" if ok else "503 Service Unavailable"
    start_response(status, [("Content-Type", "application/json")])
    return [json.dumps({"ok": ok, **report}, ensure_ascii=False).encode() + b"\n"]
