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
UNREAD_FOR_S = 30.0
MAX_HEAD_BYTES = 32 * 1024
# Of what is not sent, the kernel holds so much. It would hold megabytes, and take no more until a
# third is gone, so that a slow client would seem to read nothing.
HELD_UNSENT_BYTES = 128 * 1024
MAX_CONNECTIONS = 2000
DRAIN_S = 15
KEEP_ALIVE_S = 30


class GuardedProtocol(H11Protocol):
    """Closes a connection on which a request's head is not complete ten seconds after it began, and
    one whose client reads nothing of a response for half a minute.

    Without this, a client that sends a byte a minute (slowloris) would keep its connection open
    forever: uvicorn's own limit starts with a response and ends with the next byte. The same limit
    ends a body that follows its response. A client that does not read would keep its connection,
    too: closing waits until everything is sent.
    """

    _head_timer: asyncio.TimerHandle | None = None
    _write_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        connection = transport.get_extra_info("socket")
        if connection is not None and hasattr(socket, "TCP_NOTSENT_LOWAT"):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, HELD_UNSENT_BYTES)
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_timer()
        self._stop_watching()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_writing()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.transport.is_closing():  # the rest must still be read
            self._watch_writing()
        else:
            self._stop_watching()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._watch_writing()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._watch_writing()

    def _watch_writing(self) -> None:
        """Cut the connection if the client reads nothing for a while."""
        self._stop_watching()
        unsent = self.transport.get_write_buffer_size()
        if unsent:
            self._write_timer = self.loop.call_later(UNREAD_FOR_S, self._check_writing, unsent)

    def _check_writing(self, unsent_before: int) -> None:
        if self.transport.get_write_buffer_size() < unsent_before:
            self._watch_writing()
        else:
            self.transport.abort()

    def _stop_watching(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def _expect_head(self) -> None:
        """Wait for the rest of a head, from its first bytes on; not while a request is answered."""
        if self._is_answering:
            self._cancel_timer()
        elif self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_WITHIN_S, self._give_up)

    def _give_up(self) -> None:
        self._head_timer = None
        if not self._is_answering:
            self.transport.close()
            self._watch_writing()

    def _cancel_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    @property
    def _is_answering(self) -> bool:
        # None until the first head is complete, although its type does not say so.
        request: Any = self.cycle
        return request is not None and not request.response_complete


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
