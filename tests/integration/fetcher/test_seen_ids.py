"""The store of seen ids on a real replica set."""

import asyncio
import json
import threading
import uuid
from collections.abc import Iterator

import pytest

from deploy.local import PrivateServers
from services.fetcher.leases.store import StoredLeases
from services.fetcher.sources.seen_ids import FETCHED, StoredSeenIds
from services.runtime.store.mongo import Store
from tests.contract.seen_ids_contract import SeenIdsContract


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop in another thread, since the source that calls the store blocks."""
    running = asyncio.new_event_loop()
    thread = threading.Thread(target=running.run_forever)
    thread.start()
    yield running
    running.call_soon_threadsafe(running.stop)
    thread.join()
    running.close()


@pytest.fixture
def store(servers: PrivateServers, loop: asyncio.AbstractEventLoop) -> Iterator[Store]:
    opened = Store.opened(servers.store.url, f"test_{uuid.uuid4().hex[:12]}")
    yield asyncio.run_coroutine_threadsafe(opened.__aenter__(), loop).result(60)
    asyncio.run_coroutine_threadsafe(opened.__aexit__(None, None, None), loop).result(60)


class TestStoredSeenIds(SeenIdsContract):
    @pytest.fixture
    def seen_ids(self, store: Store, loop: asyncio.AbstractEventLoop) -> StoredSeenIds:
        return StoredSeenIds(store, "invoices", loop)

    @pytest.fixture
    def other_mailbox(self, store: Store, loop: asyncio.AbstractEventLoop) -> StoredSeenIds:
        return StoredSeenIds(store, "invoices2", loop)


def test_the_ids_of_a_mailbox_are_found_by_an_index(
    store: Store, loop: asyncio.AbstractEventLoop
) -> None:
    async def explained() -> str:
        await StoredLeases(store).prepare(["invoices"])
        asked = {"find": FETCHED, "filter": {"mailbox": "invoices"}}
        plan = await store._database.command({"explain": asked, "verbosity": "queryPlanner"})
        return json.dumps(plan, default=str)

    plan = asyncio.run_coroutine_threadsafe(explained(), loop).result(60)
    assert "IXSCAN" in plan
    assert "COLLSCAN" not in plan
