"""A stream ends with its reader's session, the desk or the client, and never waits for a slow
client.
"""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any

import pytest

from services.desk.live import sse
from services.desk.live.hub import LiveHub
from services.desk.live.sse import EventStream
from services.runtime.errors import TransientError
from tests.unit.desk.live.test_hub import datas, titled

PATIENCE_S = 10.0


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in {"HEARTBEAT_S": 0.05, "CHECK_EVERY_S": 0.05, "MERGE_S": 0.01}.items():
        monkeypatch.setattr(sse, name, seconds)


class Client:
    """Reads a stream; `leave` closes the connection."""

    def __init__(self) -> None:
        self.body = b""
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.complete = False
        self.reads = True
        self._gone = asyncio.Event()

    def leave(self) -> None:
        self._gone.set()

    async def receive(self) -> dict[str, Any]:
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], dict(message["headers"])
            return
        if not self.reads:
            await asyncio.Event().wait()
        self.body += message["body"]
        self.complete = not message.get("more_body")

    async def reads_until(self, text: bytes) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while text not in self.body:  # noqa: ASYNC110 - the body grows in the stream's task
                await asyncio.sleep(0.005)


class Reader:
    """What the reader may see now, or an error to raise instead."""

    def __init__(self) -> None:
        self.now: Collection[str] | TransientError | None = {"invoices"}

    async def visible(self) -> Collection[str] | None:
        if isinstance(self.now, TransientError):
            raise self.now
        return self.now


@asynccontextmanager
async def streaming(
    hub: LiveHub, reader: Reader, *, resumed: bool = False
) -> AsyncIterator[tuple[Client, "asyncio.Task[None]"]]:
    client = Client()
    response = EventStream(hub, hub.join("anna", {"invoices"}), reader.visible, resumed=resumed)
    task = asyncio.create_task(response({"type": "http"}, client.receive, client.send))
    try:
        yield client, task
    finally:
        client.leave()
        await asyncio.wait_for(task, PATIENCE_S)
        assert len(hub) == 0


async def test_a_stream_begins_at_once_and_carries_events_and_heartbeats() -> None:
    hub = LiveHub()
    async with streaming(hub, Reader()) as (client, _):
        await client.reads_until(b"event: open")
        hub.publish(titled(235))
        await client.reads_until(b'"case":235')
        await client.reads_until(b": still here")
        assert b"refetch" not in client.body
    assert client.status == 200
    assert client.headers[b"content-type"].startswith(b"text/event-stream")
    assert client.headers[b"cache-control"] == b"no-store"
    assert b"content-length" not in client.headers


async def test_a_client_that_comes_back_fetches_everything() -> None:
    async with streaming(LiveHub(), Reader(), resumed=True) as (client, _):
        await client.reads_until(b"event: refetch")


async def test_signing_out_ends_the_stream() -> None:
    hub, reader = LiveHub(), Reader()
    async with streaming(hub, reader) as (client, task):
        await client.reads_until(b"event: open")
        reader.now = None
        await asyncio.wait_for(asyncio.shield(task), PATIENCE_S)
    assert client.complete
    assert datas(client.body)[-1] == {"reason": "signed-out"}


async def test_a_role_that_is_taken_away_counts_and_one_that_is_given_too() -> None:
    hub, reader = LiveHub(), Reader()
    async with streaming(hub, reader) as (client, _):
        await client.reads_until(b"event: open")
        reader.now = {"help"}
        await client.reads_until(b"event: refetch")
        hub.publish(titled(235))
        hub.publish(titled(7, process="help"))
        await client.reads_until(b'"case":7')
    assert b'"case":235' not in client.body


async def test_nothing_is_sent_to_a_reader_who_was_found_signed_out() -> None:
    hub, reader = LiveHub(), Reader()
    async with streaming(hub, reader) as (client, task):
        await client.reads_until(b"event: open")
        reader.now = None
        await asyncio.sleep(0.06)
        hub.publish(titled(235))
        await asyncio.wait_for(asyncio.shield(task), PATIENCE_S)
    assert b'"case":235' not in client.body


async def test_an_outage_of_the_database_ends_the_stream_after_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sse, "UNCHECKED_FOR_S", 0.3)
    hub, reader = LiveHub(), Reader()
    async with streaming(hub, reader) as (client, task):
        reader.now = TransientError("away")
        await client.reads_until(b": still here")
        await asyncio.wait_for(asyncio.shield(task), PATIENCE_S)
    assert datas(client.body)[-1] == {"reason": "unavailable"}


async def test_stopping_the_desk_ends_the_stream_completely() -> None:
    hub = LiveHub()
    async with streaming(hub, Reader()) as (client, task):
        await client.reads_until(b"event: open")
        hub.close()
        await asyncio.wait_for(asyncio.shield(task), PATIENCE_S)
    assert client.complete
    assert datas(client.body)[-1] == {"reason": "shutdown"}


async def test_a_client_that_does_not_read_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "SEND_TIMEOUT_S", 0.1)
    hub = LiveHub()
    async with streaming(hub, Reader()) as (client, task):
        await client.reads_until(b"event: open")
        client.reads = False
        hub.publish(titled(235))
        await asyncio.wait_for(asyncio.shield(task), PATIENCE_S)
    assert not client.complete
