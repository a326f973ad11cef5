"""Live events through a real broker and a real HTTP server."""

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from deploy.local import PrivateServers
from schemas.changes import Actor, Change, Titled
from services.casework import actions
from services.casework.publisher import ChangePublisher, event_message
from services.desk.api.routes import PREFIX
from services.desk.app import build_app
from services.desk.desk import Desk
from services.desk.http.dispatch import Authenticator
from services.desk.http.server import serve
from services.desk.live import sse
from services.desk.live.feed import LiveFeed
from services.desk.live.hub import LiveHub
from services.runtime.broker.connection import Broker
from services.runtime.broker.topology import EVENT, Topology
from services.runtime.process.lifecycle import Stop
from tests.asgi import Client
from tests.integration.brokers import connected, end_connection
from tests.integration.desk.conftest import KnownPeople, OpenCase
from tests.unit.casework.builders import OPERATOR

PATIENCE_S = 20.0
CASE = b'data: {"case"'
Clients = Callable[[str], Client]


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "CHECK_EVERY_S", 0.2)
    monkeypatch.setattr(sse, "HEARTBEAT_S", 0.2)


@pytest.fixture
async def broker(servers: PrivateServers, no_settling: None) -> AsyncIterator[Broker]:
    async with declared(servers) as broker:
        yield broker


@asynccontextmanager
async def declared(servers: PrivateServers, name: str = "test") -> AsyncIterator[Broker]:
    """A connection to a broker on which the exchange of events exists."""
    async with connected(servers, name) as broker:
        await broker.declare(Topology((EVENT,), ()))
        yield broker


@asynccontextmanager
async def fed(hub: LiveHub, broker: Broker) -> AsyncIterator[None]:
    """The hub, fed from the broker; the queue is bound before the block begins."""
    bound = asyncio.Event()
    refetch = hub.refetch

    def noticed() -> None:
        refetch()
        bound.set()

    hub.refetch = noticed  # type: ignore[method-assign] # tells that the queue is there
    stop = Stop()
    running = asyncio.create_task(LiveFeed(hub, broker).run(stop))
    try:
        await asyncio.wait_for(bound.wait(), PATIENCE_S)
        yield
    finally:
        stop.request()
        await asyncio.wait_for(asyncio.gather(running, return_exceptions=True), PATIENCE_S)


class Page:
    """An open page: the raw bytes of its stream."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer
        self.read = b""

    async def until(self, text: bytes) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while text not in self.read:
                data = await self._reader.read(65536)
                assert data, f"the stream ended: {self.read!r}"
                self.read += data

    async def to_the_end(self) -> bytes:
        async with asyncio.timeout(PATIENCE_S):
            self.read += await self._reader.read()
        return self.read


@asynccontextmanager
async def page(port: int, name: str, *headers: str) -> AsyncIterator[Page]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = [f"GET {PREFIX}/events HTTP/1.1", "Host: desk.test", f"x-test-user: {name}", *headers]
    writer.write(("\r\n".join([*lines, "Connection: close"]) + "\r\n\r\n").encode())
    try:
        yield Page(reader, writer)
    finally:
        writer.close()


@asynccontextmanager
async def served(desk: Desk, people: Authenticator) -> AsyncIterator[tuple[int, Stop]]:
    """The desk on a real port. As in its main module, the streams end first at a stop."""
    stop, listener = Stop(), socket.create_server(("127.0.0.1", 0))

    async def close_streams() -> None:
        await stop.wait()
        desk.live.close()

    running = asyncio.gather(serve(build_app(desk, people), listener, stop), close_streams())
    try:
        yield listener.getsockname()[1], stop
    finally:
        stop.request()
        await asyncio.wait_for(running, PATIENCE_S)


async def test_a_change_reaches_the_pages_that_may_show_it(
    desk: Desk, opened: OpenCase, broker: Broker
) -> None:
    await opened(1)
    await ChangePublisher(desk.store, broker).sweep(timedelta(0))
    async with (
        fed(desk.live, broker),
        served(desk, KnownPeople()) as (port, _),
        page(port, "rita") as rita,
        page(port, "hans") as hans,
    ):
        await rita.until(b"event: open")
        await hans.until(b"event: open")
        done = await desk.cases.act(1, actions.SetTitle(title="Another"), OPERATOR)
        await ChangePublisher(desk.store, broker).publish(done.written)
        await rita.until(b'"case":1')
        await asyncio.sleep(0.3)
        await hans.until(b": still here")
        assert b'"case"' not in hans.read
    [data] = [line for line in rita.read.splitlines() if line.startswith(b'data: {"case"')]
    event = json.loads(data.removeprefix(b"data: "))
    assert event == {"case": 1, "revision": 2, "process": "invoices", "what": "titled"}


async def test_pages_end_cleanly_when_the_desk_stops(desk: Desk) -> None:
    async with served(desk, KnownPeople()) as (port, stop), page(port, "rita") as rita:
        await rita.until(b"event: open")
        stop.request()
        everything = await rita.to_the_end()
    assert b'"reason":"shutdown"' in everything
    assert everything.endswith(b"0\r\n\r\n")  # the last chunk: the answer is complete


async def test_a_page_of_someone_who_is_signed_out_ends(desk: Desk) -> None:
    people = KnownPeople()
    async with served(desk, people) as (port, _), page(port, "rita") as rita:
        await rita.until(b"event: open")
        people.signed_out.add("rita")
        assert b'"reason":"signed-out"' in await rita.to_the_end()


async def test_pages_fetch_again_after_the_connection_to_the_broker_was_lost(
    desk: Desk, servers: PrivateServers, no_settling: None
) -> None:
    async with served(desk, KnownPeople()) as (port, _), page(port, "rita") as rita:
        await rita.until(b"event: open")
        async with declared(servers, "live that breaks") as first, fed(desk.live, first):
            await rita.until(b"event: refetch")
            end_connection(servers, "live that breaks")
        rita.read = b""
        async with declared(servers) as second, fed(desk.live, second):
            await rita.until(b"event: refetch")


async def test_a_page_that_comes_back_is_asked_to_fetch(desk: Desk) -> None:
    async with (
        served(desk, KnownPeople()) as (port, _),
        page(port, "rita", "Last-Event-ID: 1.2") as rita,
    ):
        await rita.until(b"event: refetch")


async def test_pages_that_leave_free_their_places(desk: Desk) -> None:
    async with served(desk, KnownPeople()) as (port, _):
        for _ in range(3):
            async with page(port, "rita") as rita:
                await rita.until(b"event: open")
        async with asyncio.timeout(PATIENCE_S):
            while len(desk.live):  # noqa: ASYNC110 - the server notices by itself
                await asyncio.sleep(0.02)


async def test_nobody_has_more_than_their_share_of_streams(
    desk: Desk, client: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.desk.live.hub.MAX_STREAMS_EACH", 0)
    answer = await client("rita").ask("GET", f"{PREFIX}/events")
    assert (answer.status, answer.json()["reason"]) == (429, "too-many-streams")
    monkeypatch.setattr("services.desk.live.hub.MAX_STREAMS", 0)
    answer = await client("rita").ask("GET", f"{PREFIX}/events")
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")


async def test_a_users_tokens_share_their_streams(
    desk: Desk, client: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.desk.live.hub.MAX_STREAMS_EACH", 1)
    async with served(desk, KnownPeople()) as (port, _), page(port, "anna") as anna:
        await anna.until(b"event: open")
        answer = await client("scanner").ask("GET", f"{PREFIX}/events")
        assert (answer.status, answer.json()["reason"]) == (429, "too-many-streams")


@pytest.mark.slow
async def test_three_hundred_pages_see_a_hundred_changes_a_second_within_one(
    desk: Desk, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The budget: with 300 open pages and 100 events/s, 95 of 100 changes are visible within a
    second.
    """
    monkeypatch.setattr("services.desk.live.hub.MAX_STREAMS_EACH", 300)
    pages, events, seconds = 300, 100, 5
    published: dict[int, float] = {}
    delays: list[float] = []
    async with (
        fed(desk.live, broker),
        served(desk, KnownPeople()) as (port, _),
        contextlib.AsyncExitStack() as stack,
    ):
        opened = [await stack.enter_async_context(page(port, "anna")) for _ in range(pages)]
        await asyncio.gather(*(item.until(b"event: open") for item in opened))
        reading = [asyncio.create_task(_measure(item, published, delays)) for item in opened]
        for number in range(1, events * seconds + 1):
            published[number] = time.monotonic()
            change = titled(number)
            await broker.publish(event_message(change))
            await asyncio.sleep(max(0.0, published[1] + number / events - time.monotonic()))
        async with asyncio.timeout(PATIENCE_S):
            while len(delays) < pages * events * seconds:  # noqa: ASYNC110 - counted by the readers
                await asyncio.sleep(0.05)
        for task in reading:
            task.cancel()
    delays.sort()
    p95 = delays[len(delays) * 95 // 100]
    assert p95 < 1.0, f"p50 {delays[len(delays) // 2]:.2f} s, p95 {p95:.2f} s"


def titled(number: int) -> Change:
    what = Titled(was="a", to="b")
    return Change(
        id=f"{number}.2",
        case=number,
        revision=2,
        at=datetime.now(UTC),
        actor=Actor(kind="person", id="anna@office.example"),
        process="invoices",
        what=what,
    )


async def _measure(one: Page, published: dict[int, float], delays: list[float]) -> None:
    """Record how long after its publication each event is on the page."""
    rest = b""
    while data := await one._reader.read(65536):
        now = time.monotonic()
        *lines, rest = (rest + data).split(b"\n")
        numbers = [json.loads(line[6:])["case"] for line in lines if line.startswith(CASE)]
        delays.extend(now - published[number] for number in numbers)
