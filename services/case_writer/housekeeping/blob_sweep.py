"""Removes blobs that nothing refers to, after a day, in one case writer at a time.

They come from crashes between an upload and the transaction that refers to it. The sweep is safe
while writers and other sweeps run: a blob that a writer stores counts as new for a day
(`services.runtime.store.blobs`), and the writer refers to it within an hour. Checking a file and
removing it with its chunks is one transaction, which fails if a writer touches the file.
"""

import asyncio
import random
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from schemas.stored import Lease
from services.case_writer import metrics
from services.runtime.errors import MailcaseError
from services.runtime.logs import get_logger
from services.runtime.process.lifecycle import Stop
from services.runtime.store.blob_references import blob_references
from services.runtime.store.blobs import CHUNK_BYTES, CHUNKS, FILES, UNUSED_FOR
from services.runtime.store.collection import Session
from services.runtime.store.errors import ConflictError
from services.runtime.store.mongo import Store

log = get_logger(__name__)

EVERY = timedelta(hours=6)
LEASE = "blob-sweep"
_LEASED_FOR = timedelta(minutes=10)
_PAGE = 500
_CHUNKS_PAGE = 5000
_ASKED_TOGETHER = 50  # blobs in one command
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Place:
    """How far a sweep has come: it has checked all ids up to `after` in the files, or in the
    chunks.
    """

    looking_at: Literal["files", "chunks"] = "files"
    after: str = ""


@dataclass
class Swept:
    """What a sweep removed: files, and contents that only had chunks (`torsos`); it resumes at
    `place`.
    """

    files: int = 0
    torsos: int = 0
    place: Place = field(default_factory=Place, compare=False)


class Sweeper:
    """Removes unreferenced blobs. Methods raise TransientError."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._files = store.collection(FILES)
        self._chunks = store.collection(CHUNKS)

    async def ensure_indexes(self) -> None:
        """Create the indexes that find the references to a blob."""
        for collection, name in blob_references():
            await self._store.collection(collection).ensure_index(name, where={name: {"$gt": ""}})

    async def pages(self, now: datetime, place: Place = Place()) -> AsyncIterator[Swept]:
        """Sweep page by page from `place` on; only blobs older than a day at `now` are checked."""
        cutoff = now - UNUSED_FOR
        last = place.after
        while place.looking_at == "files" and (ids := await self._old_files(last, cutoff, now)):
            last = ids[-1]
            unreferenced = set(ids) - await referenced(self._store, ids)
            removed = sum(
                [await self._remove(sha256, cutoff, now) for sha256 in sorted(unreferenced)]
            )
            yield Swept(files=removed, place=Place("files", last))
        last = place.after if place.looking_at == "chunks" else ""
        while ids := await self._contents_with_chunks(last):
            last = ids[-1]
            files = await self._files.find({"_id": {"$in": ids}}, ["_id"])
            torsos = set(ids) - {file["_id"] for file in files}
            removed = sum([await self._remove_torso(sha256, cutoff) for sha256 in sorted(torsos)])
            yield Swept(torsos=removed, place=Place("chunks", last))

    async def _old_files(self, after: str, cutoff: datetime, now: datetime) -> list[str]:
        found = await self._files.find(
            {"_id": {"$gt": after}, **_is_old(cutoff, now)}, ["_id"], limit=_PAGE
        )
        return [file["_id"] for file in found]

    async def _remove(self, sha256: str, cutoff: datetime, now: datetime) -> bool:
        async def body(session: Session) -> bool:
            if not await self._files.delete({"_id": sha256, **_is_old(cutoff, now)}, session):
                return False  # touched since
            if await referenced(self._store, [sha256], session):
                raise ConflictError(f"blob {sha256} is referred to")
            await self._chunks.delete({"files_id": sha256}, session)
            return True

        return await self._unless_in_use(body)

    async def _contents_with_chunks(self, after: str) -> list[str]:
        """Read only the index: the chunks are as large as the contents."""
        rows = await self._chunks.aggregate(
            [
                {"$match": {"files_id": {"$gt": after}}},
                {"$sort": {"files_id": 1, "n": 1}},
                {"$limit": _CHUNKS_PAGE},
                {"$project": {"_id": 0, "files_id": 1}},
            ]
        )
        return list(dict.fromkeys(row["files_id"] for row in rows))

    async def _remove_torso(self, sha256: str, cutoff: datetime) -> bool:
        """Remove chunks without a file.

        A writer of the same content writes its file last, and waits for this transaction.
        """
        young = {"files_id": sha256, "$expr": {"$gte": [{"$toDate": "$_id"}, cutoff]}}

        async def body(session: Session) -> bool:
            claim = {"_id": sha256, "length": 0, "chunkSize": CHUNK_BYTES, "uploadDate": cutoff}
            await self._files.insert([claim], session)
            if await self._chunks.count(young, session):
                raise ConflictError(f"blob {sha256} is being written")
            await self._chunks.delete({"files_id": sha256}, session)
            await self._files.delete({"_id": sha256}, session)
            return True

        return await self._unless_in_use(body)

    async def _unless_in_use(self, body: Any) -> bool:
        try:
            removed: bool = await self._store.transaction(body)
        except ConflictError:
            return False
        return removed


class BlobSweep:
    """Sweeps every few hours, in whichever replica is first; the lease says when the next sweep is
    due.
    """

    def __init__(self, store: Store) -> None:
        self._sweeper = Sweeper(store)
        self._leases = store.collection(Lease.COLLECTION)
        self._holder = uuid.uuid4().hex

    async def ensure_indexes(self) -> None:
        await self._sweeper.ensure_indexes()

    async def run(self, stop: Stop) -> None:
        """Sweep when due, until `stop`."""
        while not await stop.wait(random.uniform(300, 600)):  # noqa: S311 - spreads replicas
            try:
                await self.sweep_if_due(datetime.now(UTC))
            except MailcaseError as error:
                log.warning("blob_sweep_failed", error=error)

    async def sweep_if_due(self, now: datetime) -> Swept | None:
        """Sweep; None if another replica is sweeping or swept recently. Raises TransientError.

        An unfinished sweep of any replica resumes at its place.
        """
        if not await self._take(now, {"next_at": {"$lte": now}}):
            return None
        swept = Swept()
        async for page in self._sweeper.pages(now, await self._place()):
            swept.files += page.files
            swept.torsos += page.torsos
            metrics.BLOBS_SWEPT.inc(page.files + page.torsos)
            if not await self._take(datetime.now(UTC), {}, page.place):
                return swept  # the lease expired, and another replica continues
            await asyncio.sleep(0)
        change = {"$set": {"expires_at": _LONG_AGO, "next_at": now + EVERY, "place": None}}
        await self._leases.update({"_id": LEASE, "holder": self._holder}, change)
        log.info("blobs_swept", files=swept.files, torsos=swept.torsos)
        return swept

    async def _place(self) -> Place:
        lease = await self._leases.find_one({"_id": LEASE}, ["place"])
        place = lease.get("place") if lease else None  # not in documents of earlier versions
        return Place(place["looking_at"], place["after"]) if place else Place()

    async def _take(self, now: datetime, due: dict[str, Any], place: Place | None = None) -> bool:
        """Take or renew the lease, with the place of the sweep."""
        await self._leases.insert_missing(
            [{"_id": LEASE, "holder": "", "expires_at": _LONG_AGO, "next_at": _LONG_AGO}]
        )
        free = {"$or": [{"holder": self._holder}, {"expires_at": {"$lte": now}}]}
        change: dict[str, Any] = {"$set": {"holder": self._holder, "expires_at": now + _LEASED_FOR}}
        if place is not None:
            change["$set"]["place"] = {"looking_at": place.looking_at, "after": place.after}
        return bool(await self._leases.update({"_id": LEASE, **free, **due}, change))


async def referenced(store: Store, ids: Sequence[str], session: Session | None = None) -> set[str]:
    """Those of the blobs `ids` that a document refers to. Raises TransientError.

    At most one document per blob is read: a signature's logo may be in a million comments.
    """
    found: set[str] = set()
    together = (
        _ASKED_TOGETHER if session is None else 1
    )  # $unionWith is not allowed in a transaction
    for collection, name in blob_references():
        asked = [sha256 for sha256 in ids if sha256 not in found]
        for start in range(0, len(asked), together):
            first, *others = (_exists(name, sha256) for sha256 in asked[start : start + together])
            unions = [
                {"$unionWith": {"coll": collection, "pipeline": pipeline}} for pipeline in others
            ]
            rows = await store.collection(collection).aggregate([*first, *unions], session)
            found.update(row["_id"] for row in rows)
    return found


def _exists(name: str, blob: str) -> list[dict[str, Any]]:
    """A pipeline that gives the blob as `_id` if a document refers to it; `ensure_indexes` makes
    its index.
    """
    return [{"$match": {name: blob}}, {"$limit": 1}, {"$project": {"_id": {"$literal": blob}}}]


def _is_old(cutoff: datetime, now: datetime) -> dict[str, Any]:
    kept = {"$or": [{"keep_until": {"$exists": False}}, {"keep_until": {"$lt": now}}]}
    return {"uploadDate": {"$lt": cutoff}, **kept}
