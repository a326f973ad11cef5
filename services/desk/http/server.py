"""The HTTP server: uvicorn, stopped by the service's own lifecycle and guarded against slow
clients.
"""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from services.runtime.errors import PermanentError
from services.runtime.process.lifecycle import Stop

HEAD_WITHIN_S = 10.0
MAX_HEAD_BYTES = 32 * 1024
MAX_CONNECTIONS = 2000
DRAIN_S = 15
KEEP_ALIVE_S = 30


class GuardedProtocol(H11Protocol):
    """Closes a connection whose first request has no complete head after ten seconds.

    uvicorn's own limit starts with the first response, so a client that sends a byte a minute
    (slowloris) would keep its connection open forever.
    """

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._head_timer = self.loop.call_later(HEAD_WITHIN_S, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_timer.cancel()
        super().connection_lost(exc)

    def _give_up(self) -> None:
        if self._is_waiting_for_head:
            self.transport.close()

    @property
    def _is_waiting_for_head(self) -> bool:
        # None until the first head is complete, although its type does not say so.
        head: object = self.scope
        return head is None


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Does nothing: the service's lifecycle handles signals."""
        yield


def listening_socket(listen: str) -> socket.socket:
    """A socket for HOST:PORT, with `[…]` around an IPv6 address. Raises PermanentError."""
    host, _, port = listen.rpartition(":")
    try:
        family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
        return socket.create_server((host.strip("[]"), int(port)), family=family, backlog=512)
    except (OSError, ValueError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise PermanentError(
            f"cannot listen on {listen}: {reason}; choose another address with --listen HOST:PORT"
        ) from error


async def serve(app: ASGIApp, listener: socket.socket, stop: Stop) -> None:
    """Serve requests until `stop`. Requests in progress get some seconds to end."""
    config = uvicorn.Config(
        app,
        http=GuardedProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=DRAIN_S,
    )
    server = _Server(config)

    async def stopping() -> None:
        await stop.wait()
        server.should_exit = True

    watching = asyncio.ensure_future(stopping())
    try:
        await server.serve([listener])
    finally:
        watching.cancel()
