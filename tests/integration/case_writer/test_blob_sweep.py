"""Blobs to which nothing refers are removed, except those that a writer is about to refer to."""

import asyncio
import hashlib
import uuid
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId

from deploy.local import PrivateServers
from services.case_writer.housekeeping import blob_sweep as sweeping
from services.case_writer.housekeeping.blob_sweep import (
    EVERY,
    BlobSweep,
    Sweeper,
    Swept,
    referenced,
)
from services.runtime.errors import TransientError
from services.runtime.store.blob_references import blob_references
from services.runtime.store.blobs import CHUNK_BYTES, CHUNKS, FILES, Blobs
from services.runtime.store.collection import Session
from services.runtime.store.mongo import Store

NOW = datetime.now(UTC)
LONG_AGO = NOW - timedelta(days=2)


@pytest.fixture
async def store(servers: PrivateServers) -> AsyncIterator[Store]:
    async with Store.opened(servers.store.url, f"test_{uuid.uuid4().hex[:12]}") as opened:
        await Blobs(opened).ensure_indexes()
        await Sweeper(opened).ensure_indexes()
        yield opened


async def put_long_ago(store: Store, content: bytes) -> str:
    sha256 = (await Blobs(store).put(content)).sha256
    await store.collection(FILES).update({"_id": sha256}, {"$set": {"uploadDate": LONG_AGO}})
    return sha256


async def leave_torso(store: Store, content: bytes) -> str:
    """Chunks without their file, as a crash two days ago left them; the last chunk is
    also missing.
    """
    sha256 = hashlib.sha256(content).hexdigest()
    pieces = [content[start : start + CHUNK_BYTES] for start in range(0, len(content), CHUNK_BYTES)]
    chunks = [
        {"_id": ObjectId.from_datetime(LONG_AGO), "files_id": sha256, "n": n, "data": one}
        for n, one in enumerate(pieces[:-1] or pieces)
    ]
    for n, chunk in enumerate(chunks):
        chunk["_id"] = ObjectId(chunk["_id"].binary[:11] + bytes([n]))  # type: ignore[attr-defined]
    await store.collection(CHUNKS).insert(chunks)
    return sha256


async def sweep(store: Store) -> Swept:
    swept = Swept()
    async for page in Sweeper(store).pages(datetime.now(UTC)):
        swept.files += page.files
        swept.torsos += page.torsos
    return swept


async def contents(store: Store) -> tuple[set[str], set[str]]:
    """The ids of all files, and the ids of all chunks."""
    files = await store.collection(FILES).find({}, ["_id"])
    chunks = await store.collection(CHUNKS).find({}, ["files_id"])
    return {file["_id"] for file in files}, {chunk["files_id"] for chunk in chunks}


async def test_only_what_is_old_and_not_referred_to_is_removed(store: Store) -> None:
    kept = {}
    for collection, field in blob_references():
        name = f"{collection} {field}"
        kept[name] = await put_long_ago(store, name.encode())
        outer, _, inner = field.partition(".")
        value: Any = [{inner: "f" * 64}, {inner: kept[name]}] if inner else kept[name]
        await store.collection(collection).insert([{"_id": name, outer: value}])
    kept["fresh"] = (await Blobs(store).put(b"fresh")).sha256
    kept["for the archive"] = (
        await Blobs(store, kept_for=timedelta(days=30)).put(b"for the archive")
    ).sha256
    await store.collection(FILES).update(
        {"_id": kept["for the archive"]}, {"$set": {"uploadDate": LONG_AGO}}
    )
    gone = [
        await put_long_ago(store, content) for content in (b"", b"gone", b"x" * (3 * CHUNK_BYTES))
    ]
    torso = await leave_torso(store, b"y" * (2 * CHUNK_BYTES))
    assert await sweep(store) == Swept(files=3, torsos=1)
    files, chunks = await contents(store)
    assert files == chunks == set(kept.values())
    assert not {*gone, torso} & files
    assert await sweep(store) == Swept()


async def test_the_archive_s_time_ends_too(store: Store) -> None:
    sha256 = await put_long_ago(store, b"archived")
    await store.collection(FILES).update(
        {"_id": sha256}, {"$set": {"keep_until": NOW - timedelta(seconds=1)}}
    )
    assert await sweep(store) == Swept(files=1)


async def test_a_torso_that_is_being_written_now_stays(store: Store) -> None:
    sha256 = hashlib.sha256(b"half").hexdigest()
    await store.collection(CHUNKS).insert([{"files_id": sha256, "n": 0, "data": b"half"}])
    assert await sweep(store) == Swept()


async def test_putting_it_again_keeps_it_another_day(store: Store) -> None:
    sha256 = await put_long_ago(store, b"again")
    await Blobs(store).put(b"again")
    assert await sweep(store) == Swept()
    archived = Blobs(store, kept_for=timedelta(days=30))
    await archived.put(b"again")
    [file] = await store.collection(FILES).find({"_id": sha256})
    assert file["keep_until"] > NOW + timedelta(days=29)


async def test_a_writer_between_the_look_and_the_removal_keeps_its_blob(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put_long_ago(store, b"wanted")

    async def then_put(of: Store, ids: Any, session: Session | None = None) -> set[str]:
        found = await referenced(of, ids, session)
        if session is None:
            await Blobs(store).put(b"wanted")
        return found

    monkeypatch.setattr(sweeping, "referenced", then_put)
    assert await sweep(store) == Swept()
    assert await Blobs(store).get(hashlib.sha256(b"wanted").hexdigest()) == b"wanted"


async def test_a_writer_that_finds_the_chunks_of_a_torso_writes_them_again_when_they_go(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sweep runs between the writer's check of the chunks and the writing of its file."""
    content = b"z" * (3 * CHUNK_BYTES)
    await leave_torso(store, content)
    blobs = Blobs(store)
    real = blobs._chunks.insert_missing

    async def then_sweep(documents: Any) -> bool:
        all_new = await real(documents)
        # the writer's own; without it the torso is old
        young = {
            "files_id": documents[0]["files_id"],
            "n": 2,
        }
        [own] = await store.collection(CHUNKS).find(young)
        await store.collection(CHUNKS).delete({"_id": own["_id"]})
        assert await sweep(store) == Swept(torsos=1)
        monkeypatch.undo()
        return all_new

    monkeypatch.setattr(blobs._chunks, "insert_missing", then_sweep)
    reference = await blobs.put(content)
    assert await blobs.get(reference.sha256) == content


@pytest.mark.parametrize("left", [put_long_ago, leave_torso])
async def test_whoever_wins_the_race_what_was_put_can_be_read(
    store: Store, left: Callable[..., Any]
) -> None:
    for number in range(20):
        content = f"round {number} ".encode() * 40_000
        await left(store, content)
        _, reference = await asyncio.gather(sweep(store), Blobs(store).put(content))
        assert await Blobs(store).get(reference.sha256) == content
        await store.collection(FILES).delete({})
        await store.collection(CHUNKS).delete({})


async def test_replicas_sweep_in_turn_and_not_too_often(store: Store) -> None:
    await put_long_ago(store, b"gone")
    one, other = BlobSweep(store), BlobSweep(store)
    now = datetime.now(UTC)
    done = await asyncio.gather(one.sweep_if_due(now), other.sweep_if_due(now))
    assert sorted(swept.files if swept else 0 for swept in done) == [0, 1]
    assert await other.sweep_if_due(now + EVERY / 2) is None
    assert await other.sweep_if_due(now + EVERY) == Swept()


async def test_an_interrupted_sweep_resumes_at_its_position_in_any_process(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "_PAGE", 1)
    ids = sorted([await put_long_ago(store, content) for content in (b"1", b"2", b"3")])
    await store.collection("mails").insert([{"_id": number, "raw": number} for number in ids])
    asked: list[str] = []

    async def dying(of: Store, page: Any, session: Session | None = None) -> set[str]:
        if len(asked) == 2:
            raise TransientError("the process ends here")
        asked.extend(page)
        return await referenced(of, page, session)

    monkeypatch.setattr(sweeping, "referenced", dying)
    now = datetime.now(UTC)
    with pytest.raises(TransientError):
        await BlobSweep(store).sweep_if_due(now)
    assert asked == ids[:2]
    asked.clear()
    # another process, once the lease has ended
    await BlobSweep(store).sweep_if_due(now + timedelta(hours=1))
    assert asked == ids[2:]
    asked.clear()
    monkeypatch.setattr(sweeping, "referenced", dying)
    with pytest.raises(TransientError):  # the next sweep begins at the beginning again
        await BlobSweep(store).sweep_if_due(now + EVERY + timedelta(hours=1))
    assert asked == ids[:2]


async def test_a_blob_of_many_comments_is_found_by_examining_one(servers: PrivateServers) -> None:
    """A logo in a signature: the database reports that it examined one comment."""
    database = f"test_{uuid.uuid4().hex[:12]}"
    async with Store.opened(servers.store.url, database) as store:
        await Sweeper(store).ensure_indexes()
        logo, missing = "a" * 64, "b" * 64
        await store.collection("comments").insert(
            [
                {"_id": number, "attachments": [{"blob": "c" * 64}, {"blob": logo}]}
                for number in range(2000)
            ]
        )
        primary = servers.store.primary
        assert primary is not None
        with primary.client() as client:
            client[database].command("profile", 2)
            assert await referenced(store, [missing, logo]) == {logo}
            client[database].command("profile", 0)
            seen = list(
                client[database]["system.profile"].find({"op": {"$in": ["command", "query"]}})
            )
        assert seen
        assert sum(item.get("docsExamined", 0) for item in seen) < 10
