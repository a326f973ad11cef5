"""One mailbox's reader on a mailbox in memory: what it does while servers give nothing and leases end."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import pytest
from prometheus_client import REGISTRY

from schemas.mails import BlobRef
from services.fetcher import service
from services.fetcher.in_flight import InFlight
from services.fetcher.leases.store import now_s
from services.fetcher.leases.tenure import Tenure
from services.fetcher.message_builder import RawMailBuilder
from services.fetcher.ports import FailureKind, Fetched, MailboxError
from services.fetcher.service import MailboxReader
from services.fetcher.status import StatusReporter
from services.runtime.broker.deliveries import Deliveries
from services.runtime.broker.messages import Outgoing
from services.runtime.errors import TransientError
from services.runtime.process.health import Health
from services.runtime.process.lifecycle import Stop
from services.runtime.retry import Backoff
from tests.fake_mailbox import FakeMailbox, FakeMailSource


class Source(FakeMailSource):
    """Gives nothing in `stuck_in` until it is let go or cut off."""

    def __init__(self, mailbox: FakeMailbox, stuck_in: str = "") -> None:
        super().__init__(mailbox)
        self.fetches = 0
        self.stuck = asyncio.Event()
        self.go = threading.Event()
        self._stuck_in = stuck_in
        self._cut = False
        self._loop = asyncio.get_running_loop()

    def connect(self) -> None:
        self._hang("connect")
        super().connect()

    def fetch(self, ids: Sequence[str]) -> list[Fetched]:
        self.fetches += 1
        self._hang("fetch")
        return super().fetch(ids)

    def abort(self) -> None:
        super().abort()
        if self._stuck_in == "fetch":  # there is no connection to cut while it is being made
            self._cut = True
            self.go.set()

    def _hang(self, place: str) -> None:
        if self._stuck_in == place:
            self._loop.call_soon_threadsafe(self.stuck.set)
            self.go.wait(30)
            if self._cut:
                raise MailboxError("cut off", mailbox="a", failure_kind=FailureKind.CONNECTION, hint="none")


class Publisher:
    def __init__(self) -> None:
        self.published: list[Outgoing] = []
        self.some = asyncio.Event()

    async def publish_all(self, messages: list[Outgoing]) -> None:
        self.published += messages
        self.some.set()


class Bench:
    """A reader of the mailbox `a`, and what it needs."""

    def __init__(self, source: Source, tenure: Tenure | None = None) -> None:
        self.source, self.tenure = source, tenure
        self.publisher, self.stop = Publisher(), Stop()
        self.ping: Callable[[], Awaitable[None]] | None = None

    @asynccontextmanager
    async def reading(self) -> AsyncIterator["asyncio.Task[None]"]:
        async def put(raw: bytes) -> BlobRef:
            return BlobRef(sha256="0" * 64, size=len(raw))

        reader = MailboxReader(
            "a",
            self.source,
            RawMailBuilder("p", "a", inline_bytes=100, put_blob=put, ping_store=self.ping),
            self.publisher,
            InFlight(10, 10_000),
            max_mail_bytes=10_000,
            poll_interval_s=60.0,
            health=Health(),
            stop=self.stop,
            tenure=self.tenure,
            backoff=Backoff(0.001, 0.001),
        )
        running = asyncio.create_task(reader.run(Deliveries("receipts")))
        try:
            yield running
        finally:
            self.source.go.set()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


@pytest.fixture
def mailbox() -> FakeMailbox:
    made = FakeMailbox()
    made.deliver(b"Subject: one\r\n\r\n")
    made.deliver(b"Subject: two\r\n\r\n")
    return made


@pytest.fixture
async def expired(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Set once a reader notices that its lease expired."""
    event = asyncio.Event()
    monkeypatch.setattr(StatusReporter, "lease_expired", lambda _self: event.set())
    return event


def left() -> float | None:
    return REGISTRY.get_sample_value("mailcase_mailbox_mails_left", {"mailbox": "a"})


def oldest_age_s() -> float:
    return REGISTRY.get_sample_value("mailcase_mailbox_oldest_unfetched_age_seconds", {"mailbox": "a"}) or 0.0


async def test_what_is_being_fetched_counts_as_unfetched(mailbox: FakeMailbox) -> None:
    bench = Bench(Source(mailbox, "fetch"))
    async with asyncio.timeout(20), bench.reading():
        await bench.source.stuck.wait()
        assert (left(), oldest_age_s() > 0.0) == (2.0, True)
        bench.source.go.set()
        await bench.publisher.some.wait()
        assert left() == 0.0


async def test_a_stage_that_stops_does_not_wait_for_a_connection_that_is_not_answered(mailbox: FakeMailbox) -> None:
    bench = Bench(Source(mailbox, "connect"))
    async with asyncio.timeout(20), bench.reading() as running:
        await bench.source.stuck.wait()
        bench.stop.request()
        await running


async def test_a_stage_that_stops_leaves_a_fetch_that_takes_long_to_the_next_reader(
    mailbox: FakeMailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "DRAIN_S", 0.01)
    bench = Bench(Source(mailbox, "fetch"))
    async with asyncio.timeout(20), bench.reading() as running:
        await bench.source.stuck.wait()
        bench.stop.request()
        await running
    assert bench.publisher.published == []


async def test_without_its_lease_a_reader_asks_for_nothing_and_goes_on_once_it_is_renewed(
    mailbox: FakeMailbox, expired: asyncio.Event
) -> None:
    bench = Bench(Source(mailbox), Tenure(0.0))
    assert bench.tenure is not None
    async with asyncio.timeout(20), bench.reading():
        await expired.wait()
        assert bench.source.sessions == 0
        bench.tenure.extend(now_s() + 60)
        await bench.publisher.some.wait()
    assert len(bench.publisher.published) == 2


async def test_what_was_fetched_when_the_lease_ended_is_not_published_without_it(
    mailbox: FakeMailbox, expired: asyncio.Event
) -> None:
    bench = Bench(Source(mailbox, "fetch"), Tenure(now_s() + 60))
    assert bench.tenure is not None
    async with asyncio.timeout(20), bench.reading():
        await bench.source.stuck.wait()
        bench.tenure.extend(0.0)  # as if the process had slept
        bench.source.go.set()
        await expired.wait()
        assert bench.publisher.published == []
        bench.tenure.extend(now_s() + 60)
        await bench.publisher.some.wait()
    assert bench.source.fetches == 1


async def test_a_stage_that_stops_does_not_wait_for_its_lease(mailbox: FakeMailbox, expired: asyncio.Event) -> None:
    bench = Bench(Source(mailbox), Tenure(0.0))
    async with asyncio.timeout(20), bench.reading() as running:
        await expired.wait()
        bench.stop.request()
        await running


async def test_a_large_mail_is_fetched_once_however_long_the_database_is_away(mailbox: FakeMailbox) -> None:
    mailbox.mails = {"large": b"Subject: large\r\n\r\n" + b"x" * 1000}
    bench, pings = Bench(Source(mailbox)), list[int]()

    async def ping() -> None:
        pings.append(bench.source.fetches)
        if len(pings) < 5:
            raise TransientError("no primary")

    bench.ping = ping
    async with asyncio.timeout(20), bench.reading():
        await bench.publisher.some.wait()
    assert (pings, bench.source.fetches) == ([0] * 5, 1)
