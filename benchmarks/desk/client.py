"""A small HTTP/1.1 client for the desk's trial: requests at a steady rate, and streams of events.

It is cheaper than a library's, so that the desk is measured, not the client. Requests are due at
times drawn in advance (a Poisson process), whether or not the desk keeps up; the latency counts
from that time.
"""

import asyncio
import gzip
import json
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

PATIENCE_S = 300.0
_CASE = b'data: {"case"'
_EMPTY: Mapping[str, str] = {}


@dataclass(frozen=True)
class Got:
    """A response; `wire_bytes` is the length of its body as sent."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    wire_bytes: int


class StatusError(RuntimeError):
    """A response with a status of 400 and above."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class HttpClient:
    """Keeps connections open; `headers` go with every request."""

    port: int
    headers: Mapping[str, str] = field(default_factory=dict)
    _idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = field(default_factory=list)

    async def ask(
        self,
        path: str,
        *,
        method: str = "GET",
        body: bytes = b"",
        headers: Mapping[str, str] = _EMPTY,
    ) -> Got:
        """Send one request. Raises OSError, or StatusError for a status of 400 and above."""
        reader, writer = connection = await self._free()
        writer.write(self._head(method, path, {**headers, "content-length": str(len(body))}) + body)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        status_line, *lines = head.split("\r\n")
        fields = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in lines)
        }
        content = await reader.readexactly(int(fields.get("content-length", "0")))
        self._idle.append(connection)
        status = int(status_line.split()[1])
        if status >= 400:
            raise StatusError(status, f"{method} {path}: {status} {content[:300]!r}")
        unpacked = gzip.decompress(content) if fields.get("content-encoding") == "gzip" else content
        return Got(status, fields, unpacked, len(content))

    @asynccontextmanager
    async def stream(self, path: str) -> AsyncIterator["EventsOf"]:
        """An open stream of events, which has sent `open` when the block begins."""
        reader, writer = await self._connect()
        try:
            writer.write(self._head("GET", path, {}))
            async with asyncio.timeout(PATIENCE_S):
                await reader.readuntil(b"event: open\n")
            yield EventsOf(reader)
        finally:
            writer.close()

    def close(self) -> None:
        for _, writer in self._idle:
            writer.close()

    async def _free(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """An idle connection that the desk has not closed."""
        while self._idle:
            connection = self._idle.pop()
            if not connection[0].at_eof():
                return connection
            connection[1].close()
        return await self._connect()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port, limit=2**24)

    def _head(self, method: str, path: str, headers: Mapping[str, str]) -> bytes:
        sent = {"host": f"127.0.0.1:{self.port}", "accept-encoding": "gzip", **self.headers} | dict(
            headers
        )
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {sent[name]}" for name in sent)]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()


@dataclass
class EventsOf:
    """The events of one stream."""

    reader: asyncio.StreamReader

    async def note(self, published: Mapping[int, float], delays: list[float]) -> None:
        """Until cancelled, append the seconds between the publishing and the arrival of each case's
        event.
        """
        rest = b""
        while data := await self.reader.read(65536):
            now = time.monotonic()
            *lines, rest = (rest + data).split(b"\n")
            numbers = [json.loads(line[6:])["case"] for line in lines if line.startswith(_CASE)]
            delays += [now - published[number] for number in numbers if number in published]


async def at_rate(
    rate: float, count: int, request: Callable[[int], Awaitable[object]]
) -> list[float]:
    """The latency in seconds of each of `count` requests, sent at `rate` per second on average."""
    chance, seconds = random.Random(count), list[float]()
    due = time.monotonic() + 0.1

    async def timed(number: int, due_s: float) -> None:
        await request(number)
        seconds.append(time.monotonic() - due_s)

    async with asyncio.timeout(PATIENCE_S + count / rate), asyncio.TaskGroup() as group:
        for number in range(count):
            due += chance.expovariate(rate)
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            group.create_task(timed(number, due))
    return seconds
