"""A stream of server-sent events as an HTTP response."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from services.desk.live.hub import REFETCH, SIGNED_OUT, LiveHub, Stream, frame_of
from services.runtime.errors import TransientError

HEARTBEAT_S = 10.0
CHECK_EVERY_S = 10.0  # whether the reader is still signed in, and what they may see
UNCHECKED_FOR_S = 60.0  # in an outage of the database; then the stream ends
MERGE_S = 0.1  # events within this time are sent together
SEND_TIMEOUT_S = 20.0  # for a client that does not read
RETRY_MS = 2_000
_HEARTBEAT = b": still here\n\n"
UNAVAILABLE = "unavailable"

# The processes that the reader may see now; None once they are signed out. Raises TransientError.
Visible = Callable[[], Awaitable[Collection[str] | None]]


class EventStream(Response):
    """Sends the hub's events until the client leaves, the desk stops, or the reader is signed
    out.
    """

    media_type = "text/event-stream"

    def __init__(self, hub: LiveHub, stream: Stream, visible: Visible, *, resumed: bool) -> None:
        """`resumed` says that the client was connected before and may have missed events."""
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._hub = hub
        self._stream = stream
        self._visible = visible
        self._resumed = resumed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - of ASGI
        gone = asyncio.ensure_future(_disconnected(receive, self._stream))
        try:
            await self._send_all(send)
        except TimeoutError:
            return  # the client does not read: the server closes the connection
        finally:
            gone.cancel()
            self._hub.leave(self._stream)

    async def _send_all(self, send: Send) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        greeting = b"retry: %d\n\n" % RETRY_MS + frame_of("open", {})
        await _write(send, greeting + (REFETCH if self._resumed else b""))
        checked_s = time.monotonic()
        # The proof may have ended after the request was checked and before the stream joined the
        # hub.
        self._stream.check()
        while not self._stream.closed_because:
            await self._stream.wait(HEARTBEAT_S)
            await asyncio.sleep(MERGE_S)
            is_due = time.monotonic() - checked_s >= CHECK_EVERY_S
            if (is_due or self._stream.must_check) and await self._check(checked_s):
                checked_s = time.monotonic()
            if not self._stream.closed_because:
                await _write(send, self._stream.take() or _HEARTBEAT)
        ended = frame_of("ended", {"reason": self._stream.closed_because})
        await _write(send, ended, more=False)

    async def _check(self, checked_s: float) -> bool:
        """Look up what the reader may see; False if that failed. A reader who is signed out sees
        nothing.
        """
        self._stream.must_check = False
        try:
            processes = await self._visible()
        except TransientError:
            self._stream.must_check = True  # again with the next event or heartbeat
            if time.monotonic() - checked_s >= UNCHECKED_FOR_S:
                self._stream.close(UNAVAILABLE)
            return False
        if processes is None:
            self._stream.close(SIGNED_OUT)
        elif set(processes) != set(self._stream.processes):
            self._stream.processes = frozenset(processes)
            self._stream.refetch()
        return True


async def _write(send: Send, body: bytes, *, more: bool = True) -> None:
    """Raises TimeoutError if the client does not read."""
    async with asyncio.timeout(SEND_TIMEOUT_S):
        await send({"type": "http.response.body", "body": body, "more_body": more})


async def _disconnected(receive: Receive, stream: Stream) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    stream.close("disconnected")
