"""The adapter of the database and the blob store on a real replica set."""

import asyncio
import hashlib
import io
import socket
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from operator import itemgetter

import pytest
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorGridFSBucket

from deploy.local import PrivateServers
from services.runtime.errors import PermanentError, TransientError
from services.runtime.store import blobs as blobs_module
from services.runtime.store.blobs import CHUNKS, FILES, Blobs
from services.runtime.store.collection import Document, Session
from services.runtime.store.errors import ConflictError
from services.runtime.store.mongo import Lookup, Store
from tests.contract.blobs_contract import BlobsContract
from tests.link import Link

LARGE = bytes(range(256)) * 4000  # about 1 MB: several chunks, the last one short


@pytest.fixture
def database() -> str:
    """A database name that only this test uses."""
    return f"test_{uuid.uuid4().hex[:12]}"


@pytest.fixture
async def store(servers: PrivateServers, database: str) -> AsyncIterator[Store]:
    async with Store.opened(servers.store.url, database) as opened:
        yield opened


@pytest.fixture
async def blobs(store: Store) -> Blobs:
    kept = Blobs(store)
    await kept.ensure_indexes()
    return kept


class TestBlobs(BlobsContract):
    pass


async def test_the_same_content_is_kept_once(store: Store, blobs: Blobs) -> None:
    await blobs.put_all([LARGE, b"small", LARGE])
    await blobs.put(LARGE)
    assert await store.collection(FILES).count({}) == 2
    assert await store.collection(CHUNKS).count({}) == len(LARGE) // blobs_module.CHUNK_BYTES + 2


async def test_writers_of_the_same_content_at_once_keep_it_once(store: Store, blobs: Blobs) -> None:
    references = await asyncio.gather(*(blobs.put(LARGE) for _ in range(8)))
    assert len(set(references)) == 1
    assert await store.collection(FILES).count({}) == 1
    assert await blobs.get(references[0].sha256) == LARGE


async def test_every_gridfs_reader_reads_a_blob(
    servers: PrivateServers, blobs: Blobs, database: str
) -> None:
    reference = await blobs.put(LARGE)
    client: AsyncIOMotorClient[dict[str, object]] = AsyncIOMotorClient(servers.store.url)
    try:
        bucket = AsyncIOMotorGridFSBucket(client.get_database(database), "blobs")
        read = io.BytesIO()
        await bucket.download_to_stream(reference.sha256, read)
        assert read.getvalue() == LARGE
    finally:
        client.close()


async def test_half_an_upload_cannot_be_seen_and_the_next_one_completes_it(
    store: Store, blobs: Blobs
) -> None:
    sha256 = hashlib.sha256(LARGE).hexdigest()
    first = {"files_id": sha256, "n": 0, "data": LARGE[: blobs_module.CHUNK_BYTES]}
    await store.collection(CHUNKS).insert([first])
    with pytest.raises(PermanentError, match="no blob"):
        await blobs.get(sha256)
    assert (await blobs.put(LARGE)).sha256 == sha256
    assert await blobs.get(sha256) == LARGE


async def test_a_blob_that_lost_a_chunk_is_not_handed_out(store: Store, blobs: Blobs) -> None:
    reference = await blobs.put(LARGE)
    await store.collection(CHUNKS).update(
        {"files_id": reference.sha256, "n": 1}, {"$set": {"data": b"other"}}
    )
    with pytest.raises(PermanentError, match="incomplete"):
        await blobs.get(reference.sha256)


async def test_a_blob_that_lacks_a_chunk_is_completed_by_putting_it_again(
    store: Store, blobs: Blobs
) -> None:
    reference = await blobs.put(LARGE)
    await store.collection(CHUNKS).delete({"files_id": reference.sha256, "n": 1})
    with pytest.raises(PermanentError, match="incomplete"):
        await blobs.get(reference.sha256)
    await blobs.put_all([LARGE, b"new"])
    assert await blobs.get(reference.sha256) == LARGE


async def test_a_transaction_that_fails_half_way_leaves_nothing(store: Store) -> None:
    one, two = store.collection("one"), store.collection("two")

    async def body(session: Session) -> None:
        await one.insert([{"_id": 1}], session)
        await two.increment("counter", "value", 5, session)
        raise PermanentError("half-way")

    with pytest.raises(PermanentError, match="half-way"):
        await store.transaction(body)
    assert (await one.count({}), await two.count({})) == (0, 0)


async def test_a_cancelled_transaction_leaves_nothing_and_no_lock(store: Store) -> None:
    one = store.collection("one")
    inside = asyncio.Event()

    async def body(session: Session) -> None:
        await one.insert([{"_id": 1}], session)
        inside.set()
        await asyncio.Event().wait()

    running = asyncio.ensure_future(store.transaction(body))
    await asyncio.wait_for(inside.wait(), 10.0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await asyncio.wait_for(one.insert([{"_id": 1}]), 10.0)


async def test_a_taken_key_is_a_conflict_inside_and_outside_a_transaction(store: Store) -> None:
    one = store.collection("one")
    await one.insert([{"_id": 1}])

    async def body(session: Session) -> None:
        await one.insert([{"_id": 0}, {"_id": 1}], session)

    with pytest.raises(ConflictError):
        await store.transaction(body)
    with pytest.raises(ConflictError):
        await one.insert([{"_id": 1}])
    assert await one.count({}) == 1


async def test_two_transactions_on_one_document_conflict_and_one_of_them_wins(store: Store) -> None:
    counters = store.collection("counters")
    await counters.increment("case", "value", 1)
    held, go_on = asyncio.Event(), asyncio.Event()

    async def first(session: Session) -> int:
        value = await counters.increment("case", "value", 1, session)
        held.set()
        await go_on.wait()
        return value

    async def second(session: Session) -> int:
        return await counters.increment("case", "value", 1, session)

    winner = asyncio.ensure_future(store.transaction(first))
    await asyncio.wait_for(held.wait(), 10.0)
    with pytest.raises(ConflictError):
        await store.transaction(second)
    go_on.set()
    assert await winner == 2
    assert await store.transaction(second) == 3


async def test_a_transaction_that_a_silent_link_cut_off_holds_nobody_up(
    servers: PrivateServers, database: str
) -> None:
    """Otherwise it would stay open on the server and lock the counter for the lifetime of a
    transaction.
    """
    with Link(servers.store.members[0].port) as link:
        login = f"{servers.store.user}:{servers.store.password}"
        url = f"mongodb://{login}@127.0.0.1:{link.port}/?directConnection=true&socketTimeoutMS=1000"
        async with Store.opened(url, database) as store:
            counters = store.collection("counters")
            await counters.increment("case", "value", 1)

            async def cut_off(session: Session) -> None:
                await counters.increment("case", "value", 1, session)
                link.cut()
                await counters.increment("case", "value", 1, session)

            with pytest.raises(TransientError):
                await store.transaction(cut_off)
            link.heal()
            assert (
                await _as_soon_as_it_answers(
                    store, lambda session: counters.increment("case", "value", 1, session)
                )
                == 2
            )


async def _as_soon_as_it_answers(store: Store, body: Callable[[Session], Awaitable[int]]) -> int:
    """Repeat after an outage, but not after a conflict."""
    while True:
        try:
            return await store.transaction(body)
        except ConflictError:
            raise
        except TransientError:
            continue


async def test_a_document_that_is_too_large_is_no_outage(store: Store) -> None:
    async def body(session: Session) -> None:
        await store.collection("one").insert(
            [{"_id": 1, "text": "x" * (17 * 1024 * 1024)}], session
        )

    with pytest.raises(PermanentError):
        await store.transaction(body)


async def test_one_change_of_many_that_can_never_be_made_is_no_outage(store: Store) -> None:
    await store.collection("one").insert([{"_id": 1, "count": "seven"}, {"_id": 2, "count": 7}])
    with pytest.raises(PermanentError):
        await store.collection("one").update_each(
            [({"_id": key}, {"$inc": {"count": 1}}) for key in (1, 2)]
        )


async def test_a_database_that_is_away_is_a_transient_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    url = f"mongodb://127.0.0.1:{port}/?replicaSet=rs0&serverSelectionTimeoutMS=200"
    async with Store.opened(url, "away") as away:
        with pytest.raises(TransientError):
            await away.ping()


async def test_an_index_may_be_asked_for_again(store: Store) -> None:
    one = store.collection("one")
    for _ in range(2):
        await one.ensure_index("a", "-b", unique=True)
    await one.insert([{"_id": 1, "a": 1, "b": 1}])
    with pytest.raises(ConflictError):
        await one.insert([{"_id": 2, "a": 1, "b": 1}])


async def test_the_server_introduces_itself(store: Store) -> None:
    server = await store.server()
    assert server["setName"]
    assert len(server["hosts"]) == 1
    assert server["version"].count(".") == 2


async def test_times_come_back_aware(store: Store) -> None:
    when = datetime(2026, 3, 4, 5, 6, 7, 89_000, tzinfo=UTC)
    await store.collection("one").insert([{"_id": 1, "at": when}])
    found = await store.collection("one").find_one({"_id": 1})
    assert found is not None
    assert found["at"] == when
    assert found["at"].tzinfo is not None


async def test_what_was_just_written_is_read_whatever_the_url_says_of_secondaries(
    servers: PrivateServers, database: str
) -> None:
    async with Store.opened(f"{servers.store.url}&readPreference=secondary", database) as store:
        await store.collection("any").insert([{"_id": 1}])
        assert await store.collection("any").find({}) == [{"_id": 1}]
        await store.ping()
        assert abs(await store.now() - datetime.now(UTC)) < timedelta(seconds=30)


async def test_connections_are_opened_in_advance(servers: PrivateServers, database: str) -> None:
    name = f"in-advance-{database}"
    async with (
        Store.opened(f"{servers.store.url}&appname={name}", database, connections=5) as warm,
        asyncio.timeout(60),
    ):
        await warm.ping()
        while await authenticated(warm, name) < 5:  # noqa: ASYNC110 - the driver signals nothing
            await asyncio.sleep(0.05)


async def authenticated(store: Store, name: str) -> int:
    """How many connections of an application are ready for operations."""
    pipeline: list[dict[str, object]] = [
        {"$currentOp": {"allUsers": True, "idleConnections": True}},
        {"$match": {"appName": name, "effectiveUsers": {"$exists": True}}},
    ]
    return len(await store._client.admin.aggregate(pipeline).to_list(None))


async def test_documents_of_several_collections_are_found_in_one_round_trip(store: Store) -> None:
    ids = [f"{number:03}" for number in range(150)]  # more than the server's first batch
    await store.collection("plants").insert([{"_id": id_, "name": id_, "size": 1} for id_ in ids])
    await store.collection("rocks").insert([{"_id": "000", "name": "granite"}])
    plants, nothing, missing, rocks = await store.find_by_ids(
        Lookup("plants", ids, ["name"]),
        Lookup("plants", []),
        Lookup("no such collection", ["000"]),
        Lookup("rocks", ["000", "001"]),
    )
    assert sorted(plants, key=itemgetter("_id")) == [{"_id": id_, "name": id_} for id_ in ids]
    assert (nothing, missing, rocks) == ([], [], [{"_id": "000", "name": "granite"}])
    assert await store.find_by_ids(Lookup("plants", [])) == [[]]


async def test_documents_of_several_collections_are_inserted_together_or_not_at_all(
    store: Store,
) -> None:
    async def write(documents: dict[str, list[Document]]) -> None:
        await store.transaction(lambda session: store.insert_together(documents, session))

    await write({"plants": [{"_id": "fern"}, {"_id": "moss"}], "rocks": [{"_id": 1}], "none": []})
    with pytest.raises(ConflictError):
        await write({"rocks": [{"_id": 2}], "plants": [{"_id": "oak"}, {"_id": "fern"}]})
    plants, rocks = await store.find_by_ids(
        Lookup("plants", ["fern", "moss", "oak"]), Lookup("rocks", [1, 2])
    )
    assert sorted(plants, key=itemgetter("_id")) == [{"_id": "fern"}, {"_id": "moss"}]
    assert rocks == [{"_id": 1}]


@pytest.mark.parametrize("pieces", [3, 5])
async def test_documents_of_any_size_together_are_inserted(store: Store, pieces: int) -> None:
    """Above 16 MiB, the driver refuses a single command, and its refusal ends a transaction that
    begins with it.
    """
    documents = [{"_id": number, "text": "x" * 4 * 1024 * 1024} for number in range(pieces)]
    await store.transaction(lambda session: store.insert_together({"boulders": documents}, session))
    assert await store.collection("boulders").count({}) == pieces


async def test_a_document_over_the_limit_of_the_database_is_a_permanent_error(store: Store) -> None:
    documents: list[Document] = [{"_id": 1}, {"_id": 2, "text": "x" * 17 * 1024 * 1024}]
    with pytest.raises(PermanentError):
        await store.transaction(
            lambda session: store.insert_together({"boulders": documents}, session)
        )
    assert await store.collection("boulders").count({}) == 0
