"""Leases across replicas on a real broker: balancing, take-over, and at most one reader at any
time.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from deploy.local import PrivateServers
from services.fetcher.leases.lease import Lease
from services.fetcher.leases.manager import LeaseManager
from services.fetcher.leases.store import StoredLeases
from services.runtime.broker.connection import Broker
from services.runtime.broker.deliveries import Deliveries
from services.runtime.broker.topology import mailcase_topology, private_queue_name
from services.runtime.errors import TransientError
from services.runtime.process.lifecycle import Stop, first_of
from services.runtime.store.mongo import Store
from tests.integration.brokers import end_connection
from tests.integration.fetcher.test_fetcher import raw, sample, server
from tests.integration.mailboxes import Account
from tests.integration.recorder import Bench, fetching, until

MAILBOXES = ["a", "b", "c", "d"]


@pytest.fixture
def bench(servers: PrivateServers, tmp_path: Path) -> Iterator[Bench]:
    made = Bench(servers, tmp_path)
    yield made
    made.close()


class Readers:
    """Which replica reads which mailbox; a second reader of one mailbox is an error."""

    def __init__(self) -> None:
        self.by_replica: dict[str, set[str]] = {}
        self.most: Counter[str] = Counter()

    async def read(self, replica: str, mailbox: str, ending: Stop) -> None:
        readers = sum(mailbox in mine for mine in self.by_replica.values())
        self.most[mailbox] = max(self.most[mailbox], readers + 1)
        self.by_replica[replica].add(mailbox)
        try:
            await ending.wait()
        finally:
            self.by_replica[replica].discard(mailbox)

    @property
    def counts(self) -> list[int]:
        return sorted(len(mine) for mine in self.by_replica.values())


@asynccontextmanager
async def replica(
    bench: Bench, readers: Readers, name: str, most: int = 100
) -> AsyncIterator[None]:
    """Run a replica during the block. It ends as in a crash, without a farewell."""
    readers.by_replica[name] = set()

    async def read(mailbox: str, _receipts: Deliveries, ending: Stop, _lease: Lease) -> None:
        await readers.read(name, mailbox, ending)

    async with (
        Broker.connected(bench.environ["MAILCASE_BROKER_URL"], name) as broker,
        Store.opened(bench.servers.store.url, bench.name) as store,
    ):
        await broker.declare(
            mailcase_topology(archive_max_age_days=1, archive_max_bytes=1024 * 1024)
        )
        leases = LeaseManager(broker, StoredLeases(store), MAILBOXES, most, Stop())
        running = asyncio.ensure_future(leases.hold(read))
        try:
            yield
            assert not running.done(), running
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
    del readers.by_replica[name]


async def test_leases_are_balanced_over_the_live_replicas(bench: Bench) -> None:
    readers = Readers()
    async with AsyncExitStack() as first, AsyncExitStack() as later:
        await first.enter_async_context(replica(bench, readers, "one"))
        await until(lambda: readers.counts == [4], lambda: str(readers.by_replica))
        await later.enter_async_context(replica(bench, readers, "two"))
        await until(lambda: readers.counts == [2, 2], lambda: str(readers.by_replica))
        await later.enter_async_context(replica(bench, readers, "three"))
        await until(lambda: readers.counts == [1, 1, 2], lambda: str(readers.by_replica))
        await first.aclose()
        await until(lambda: readers.counts == [2, 2], lambda: str(readers.by_replica))
    assert set(readers.most.values()) == {1}


async def test_a_full_replica_takes_no_more_leases_and_the_others_read_the_rest(
    bench: Bench,
) -> None:
    readers = Readers()
    async with replica(bench, readers, "small", most=1), replica(bench, readers, "large"):
        await until(lambda: readers.counts == [1, 3], lambda: str(readers.by_replica))
    assert set(readers.most.values()) == {1}


async def test_an_exclusive_queue_of_a_dead_node_blocks_no_mailbox(bench: Bench) -> None:
    """As in RabbitMQ 4.2: a connection that reads nothing owns the queue that used to
    be the lease.
    """
    readers = Readers()
    async with Broker.connected(bench.environ["MAILCASE_BROKER_URL"], "dead") as dead:
        await dead.declare(mailcase_topology(archive_max_age_days=1, archive_max_bytes=1024 * 1024))
        for mailbox in MAILBOXES:
            assert await dead.private_queue(
                private_queue_name(mailbox), "mailcase.event", "nothing"
            )
        async with replica(bench, readers, "one"):
            await until(lambda: readers.counts == [4], lambda: str(readers.by_replica), 30)


async def test_a_broken_connection_releases_its_leases_at_once(bench: Bench) -> None:
    """The database still answers, so another replica need not wait until they expire."""

    async def read(_mailbox: str, _receipts: Deliveries, ending: Stop, _lease: Lease) -> None:
        await ending.wait()

    name = f"cut off {bench.name}"
    async with (
        Broker.connected(bench.environ["MAILCASE_BROKER_URL"], name) as broker,
        Store.opened(bench.servers.store.url, bench.name) as store,
    ):
        await broker.declare(
            mailcase_topology(archive_max_age_days=1, archive_max_bytes=1024 * 1024)
        )
        stored = StoredLeases(store)
        manager = LeaseManager(broker, stored, MAILBOXES, 10, Stop())
        running = asyncio.ensure_future(first_of(manager.hold(read), broker.broken()))
        while len(await stored.held()) < len(MAILBOXES):
            assert not running.done(), running
            await asyncio.sleep(0.1)
        await asyncio.to_thread(end_connection, bench.servers, name)
        with pytest.raises(TransientError):
            await running
        assert await stored.held() == set()


async def test_a_lease_expires_when_its_holder_does_not_renew_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.fetcher.leases.store.TTL_S", 3.0)
    async with Store.opened(bench.servers.store.url, bench.name) as store:
        one, other = StoredLeases(store), StoredLeases(store)
        await one.prepare(["a", "b"])
        until_s = await one.acquire("a")
        assert until_s is not None
        assert await one.held() == {"a"}
        assert await other.acquire("a") is None
        assert await other.acquire("b") is not None
        assert (await one.renew(["a", "b"]))[0] == {"a"}
        await other.release("a")
        assert await other.acquire("a") is None  # only its holder gives it back
        await one.release("a")
        assert await other.acquire("a") is not None
        assert await one.acquire("a") is None
        taken: list[float | None] = []

        async def ask() -> None:
            while not taken:
                if (until := await one.acquire("a")) is not None:
                    taken.append(until)

        await asyncio.wait_for(ask(), 20)
        assert (await other.renew(["a"]))[0] == set()


async def test_leases_can_be_taken_again_after_the_database_is_emptied(bench: Bench) -> None:
    async with Store.opened(bench.servers.store.url, bench.name) as store:
        leases = StoredLeases(store)
        assert await leases.acquire("a") is not None
        await store.collection("mailbox_leases").delete({})
        assert (await leases.renew(["a"]))[0] == set()
        assert await leases.acquire("a") is not None


async def test_when_the_database_is_down_for_longer_than_a_lease_reading_pauses_and_resumes(
    bench: Bench, servers: PrivateServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, seconds in (("TTL_S", 3.0), ("MARGIN_S", 1.0), ("ANSWER_S", 1.0)):
        monkeypatch.setattr(f"services.fetcher.leases.store.{name}", seconds)
    monkeypatch.setattr("services.fetcher.leases.manager.RENEW_S", 0.2)
    account, database = Account(servers, "outage"), servers.store.members[0]
    account.deliver(raw(1))

    def paused() -> bool:
        labels = {"mailbox": "outage", "by": "store"}
        return sample("mailcase_mailbox_paused", **labels) == 1.0

    settings = bench.settings({"outage": account}, server(account, "imap", poll_interval_s=0.2))
    async with bench.recorder() as recorder, fetching(settings):
        recorder.receipts = False
        await until(lambda: len(recorder.mails) == 1, lambda: "the first mail came")
        database.freeze()
        try:
            await until(paused, lambda: "the mailbox is paused")
            account.deliver(raw(2))
            assert len(recorder.mails) == 1
        finally:
            database.thaw()
        await until(lambda: len(recorder.mails) == 2, lambda: "the second mail came")
        await recorder.send_receipts("outage", list(recorder.mails))
        await until(lambda: account.left() == 0, lambda: "both are gone")
        assert not paused()
    assert recorder.duplicates == 0
