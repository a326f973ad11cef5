"""A mailbox reader while it stops, while its lease is paused, and while a server does
not answer.
"""

import asyncio

import pytest

from services.fetcher import service
from services.fetcher.leases.lease import Lease
from services.fetcher.leases.store import now_s
from services.fetcher.status import StatusReporter
from services.runtime.broker.messages import Outgoing
from services.runtime.errors import TransientError
from tests.fake_mailbox import FakeMailbox
from tests.unit.fetcher.reader_bench import ReaderBench, StuckSource, metric, until


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


async def test_mails_that_are_being_fetched_count_as_unfetched(mailbox: FakeMailbox) -> None:
    bench = ReaderBench(StuckSource(mailbox, "fetch"))
    async with bench.reading():
        await bench.source.stuck.wait()
        assert (metric("mails_left"), metric("oldest_unfetched_age_seconds") > 0.0) == (2.0, True)
        bench.source.go.set()
        await bench.publisher.some.wait()
        assert metric("mails_left") == 0.0


async def test_a_stopping_service_does_not_wait_for_a_server_that_does_not_accept(
    mailbox: FakeMailbox,
) -> None:
    bench = ReaderBench(StuckSource(mailbox, "connect"))
    async with bench.reading() as running:
        await bench.source.stuck.wait()
        bench.stop.request()
        await running


async def test_a_stopping_service_leaves_a_long_fetch_to_the_next_reader(
    mailbox: FakeMailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "DRAIN_S", 0.01)
    bench = ReaderBench(StuckSource(mailbox, "fetch"))
    async with bench.reading() as running:
        await bench.source.stuck.wait()
        bench.stop.request()
        await running
    assert bench.publisher.published == []


async def test_a_stopping_reader_removes_the_mails_whose_receipts_come_during_its_drain(
    mailbox: FakeMailbox,
) -> None:
    bench = ReaderBench(StuckSource(mailbox))
    async with bench.reading() as running:
        await until(lambda: len(bench.publisher.published) == 2)
        bench.stop.request()
        bench.receipts.send(*bench.publisher.keys)
        await running
    assert mailbox.removed == ["1", "2"]


async def test_a_drain_without_receipts_ends_and_leaves_the_mails_in_the_mailbox(
    mailbox: FakeMailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "DRAIN_S", 0.05)
    bench = ReaderBench(StuckSource(mailbox))
    async with bench.reading() as running:
        await until(lambda: len(bench.publisher.published) == 2)
        bench.stop.request()
        await running
    assert (mailbox.removed, len(mailbox.mails)) == ([], 2)


async def test_a_stopping_reader_does_not_wait_for_confirms_that_do_not_come(
    mailbox: FakeMailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As during a broker alarm."""
    monkeypatch.setattr(service, "DRAIN_S", 0.01)
    monkeypatch.setattr(service, "CLOSE_S", 0.01)
    bench, published = ReaderBench(StuckSource(mailbox)), asyncio.Event()

    async def never_confirmed(_messages: list[Outgoing]) -> None:
        published.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(bench.publisher, "publish_all", never_confirmed)
    async with bench.reading() as running:
        await published.wait()
        bench.stop.request()
        await running
    assert len(mailbox.mails) == 2


async def test_a_stopping_reader_fetches_nothing_more(mailbox: FakeMailbox) -> None:
    bench = ReaderBench(StuckSource(mailbox))
    async with bench.reading() as running:
        await until(lambda: bench.source.waits)  # nothing is listed concurrently
        bench.stop.request()
        mailbox.deliver(b"Subject: late\r\n\r\n")
        bench.receipts.send(*bench.publisher.keys)
        await running
    assert bench.source.fetches == [["1", "2"]]
    assert list(mailbox.mails) == ["3"]


async def test_without_its_lease_a_reader_requests_nothing_and_resumes_once_it_is_renewed(
    mailbox: FakeMailbox, expired: asyncio.Event
) -> None:
    bench = ReaderBench(StuckSource(mailbox), Lease(0.0))
    assert bench.lease is not None
    async with bench.reading():
        await expired.wait()
        assert bench.source.sessions == 0
        bench.lease.extend(now_s() + 60)
        await bench.publisher.some.wait()
    assert len(bench.publisher.published) == 2


async def test_mails_fetched_when_the_lease_ended_are_not_published_without_it(
    mailbox: FakeMailbox, expired: asyncio.Event
) -> None:
    bench = ReaderBench(StuckSource(mailbox, "fetch"), Lease(now_s() + 60))
    assert bench.lease is not None
    async with bench.reading():
        await bench.source.stuck.wait()
        bench.lease.extend(0.0)  # as if the process had slept
        bench.source.go.set()
        await expired.wait()
        assert bench.publisher.published == []
        bench.lease.extend(now_s() + 60)
        await bench.publisher.some.wait()
    assert len(bench.source.fetches) == 1


async def test_a_recorded_mail_is_not_removed_without_the_lease(
    mailbox: FakeMailbox, expired: asyncio.Event
) -> None:
    bench = ReaderBench(StuckSource(mailbox), Lease(now_s() + 60))
    assert bench.lease is not None
    async with bench.reading():
        await until(lambda: len(bench.publisher.published) == 2)
        bench.lease.extend(0.0)
        bench.receipts.send(*bench.publisher.keys)
        await expired.wait()
        assert mailbox.removed == []
        bench.lease.extend(now_s() + 60)
        await until(lambda: mailbox.removed == ["1", "2"])


async def test_a_stopping_service_does_not_wait_for_its_lease(
    mailbox: FakeMailbox, expired: asyncio.Event
) -> None:
    bench = ReaderBench(StuckSource(mailbox), Lease(0.0))
    async with bench.reading() as running:
        await expired.wait()
        bench.stop.request()
        await running


async def test_a_large_mail_is_fetched_once_however_long_the_database_is_away(
    mailbox: FakeMailbox,
) -> None:
    mailbox.mails = {"large": b"Subject: large\r\n\r\n" + b"x" * 1000}
    bench, pings = ReaderBench(StuckSource(mailbox)), list[int]()

    async def ping() -> None:
        pings.append(len(bench.source.fetches))
        if len(pings) < 5:
            raise TransientError("no primary")

    bench.ping = ping
    async with bench.reading():
        await bench.publisher.some.wait()
    assert (pings, len(bench.source.fetches)) == ([0] * 5, 1)
