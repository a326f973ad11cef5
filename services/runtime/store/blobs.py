"""Attachments and whole mails in the database, in GridFS's layout, each content once under its
SHA-256.

`blobs.files` and `blobs.chunks` are as the GridFS specification lays them out
(github.com/mongodb/specifications, source/gridfs), so that every GridFS reader can read them.
Writing differs from the drivers' in one thing: the id is the content's hash and every chunk has a
settled place, so that two writers of the same content, or one again after a crash, write the same
documents: a chunk that is there is right. The file's document comes last; half a blob cannot be
seen.

What nothing refers to is removed some time later (`services.case_writer.housekeeping.blob_sweep`).
`uploadDate` is when the content was last put, give or take half a day: until a day later nobody
removes it, so that whoever put it can refer to it. `keep_until`, where there is one, keeps what
only messages refer to.
"""

import hashlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO

from schemas.mails import BlobRef
from services.runtime.errors import PermanentError
from services.runtime.store.mongo import Document, Store

# GridFS's default. Never change it: chunks of a content written twice must be the same
CHUNK_BYTES = 255 * 1024
_CHUNKS_AT_ONCE = 16  # about 4 MiB a round trip; the driver holds them two or three times
# half of what the sweep waits: a content put lately need not be touched
FRESH = timedelta(hours=12)
FILES = "blobs.files"
CHUNKS = "blobs.chunks"


class Blobs:
    """Content-addressed bytes. With `kept_for`, what is put stays that long though no document
    refers to it.
    """

    def __init__(self, store: Store, kept_for: timedelta | None = None) -> None:
        self._kept_for = kept_for
        self._files = store.collection(FILES)
        self._chunks = store.collection(CHUNKS)

    async def ensure_indexes(self) -> None:
        """The unique index that the specification asks for."""
        await self._chunks.ensure_index("files_id", "n", unique=True)

    async def put(self, content: bytes) -> BlobRef:
        """Keep one content; see `put_all`."""
        return (await self.put_all([content]))[0]

    async def put_all(self, contents: Iterable[bytes]) -> list[BlobRef]:
        """Keep each content where it is not kept yet; the references in the same order. Raises
        TransientError.
        """
        by_hash = [(hashlib.sha256(content).hexdigest(), content) for content in contents]
        if not by_hash:
            return []
        wanted = dict(by_hash)
        now = datetime.now(UTC)
        for sha256 in await self._kept_already(list(wanted), now):
            del wanted[sha256]
        await self._put_new(wanted, now)
        return [BlobRef(sha256=sha256, size=len(content)) for sha256, content in by_hash]

    async def missing(self, refs: Iterable[BlobRef]) -> list[BlobRef]:
        """Those whose content is not there, whole and of that size; the others stay a day. Raises
        TransientError.
        """
        asked = list(refs)
        if not asked:
            return []
        kept = await self._kept_already(list({one.sha256 for one in asked}), datetime.now(UTC))
        there = {
            BlobRef(sha256=one["_id"], size=one["length"]) for one in await self._files.find({"_id": {"$in": kept}})
        }
        return [one for one in asked if one not in there]

    async def _kept_already(self, hashes: list[str], now: datetime) -> list[str]:
        """Those that are there, whole, and stay; what was put long ago is touched first, and then
        looked for.
        """
        known = await self._whole(await self._files.find({"_id": {"$in": hashes}}))
        stale = [one["_id"] for one in known if self._is_stale(one, now)]
        if not stale:
            return [one["_id"] for one in known]
        change: Document = {"$max": {"uploadDate": now}}
        if self._kept_for is not None:
            change["$max"]["keep_until"] = now + self._kept_for
        await self._files.update_all({"_id": {"$in": stale}}, change)
        # The sweep may have been first with one of them; what is here now, it leaves alone for a
        # day.
        there = await self._files.find({"_id": {"$in": [one["_id"] for one in known]}}, ["_id"])
        return [one["_id"] for one in there]

    async def _whole(self, files: list[Document]) -> list[Document]:
        """Those that lack no chunk, by the index alone. One that someone damaged is completed by
        putting it again.
        """
        if not files:
            return []
        mine = {"$match": {"files_id": {"$in": [one["_id"] for one in files]}}}
        number = {"$group": {"_id": "$files_id", "chunks": {"$sum": 1}}}
        rows = await self._chunks.aggregate([mine, {"$project": {"_id": 0, "files_id": 1, "n": 1}}, number])
        chunks = {row["_id"]: row["chunks"] for row in rows}
        return [one for one in files if chunks.get(one["_id"], 0) == -(-one["length"] // CHUNK_BYTES)]

    def _is_stale(self, file: Document, now: datetime) -> bool:
        if file["uploadDate"] < now - FRESH:
            return True
        until = file.get("keep_until")
        return self._kept_for is not None and (until is None or until < now + self._kept_for - FRESH)

    async def _put_new(self, contents: dict[str, bytes], now: datetime) -> None:
        if not contents:
            return
        all_new = all([await self._chunks.insert_missing(group) for group in _groups(contents)])
        keep_until = now + self._kept_for if self._kept_for is not None else None
        await self._files.insert_missing(
            [_file(sha256, content, now, keep_until) for sha256, content in contents.items()]
        )
        if not all_new:
            # Chunks without a file, left by a crash: the sweep may have removed them since. With
            # the file it no longer can, so that this time they stay.
            for group in _groups(contents):
                await self._chunks.insert_missing(group)

    async def get(self, sha256: str) -> bytes:
        """The content. Raises PermanentError where it is missing or torn."""
        file = await self._files.find_one({"_id": sha256})
        if file is None:
            raise PermanentError(f"the database has no blob {sha256}")
        content, digest = BytesIO(), hashlib.sha256()
        # never all of them beside the whole
        for first in range(0, -(-file["length"] // CHUNK_BYTES), _CHUNKS_AT_ONCE):
            some = {"files_id": sha256, "n": {"$gte": first, "$lt": first + _CHUNKS_AT_ONCE}}
            for chunk in await self._chunks.find(some, sort="n"):
                content.write(chunk["data"])
                digest.update(chunk["data"])
        if digest.hexdigest() != sha256:
            raise PermanentError(f"the blob {sha256} is torn: {content.tell()} of {file['length']} bytes are there")
        return content.getvalue()


def _groups(contents: dict[str, bytes]) -> Iterator[list[Document]]:
    group: list[Document] = []
    for sha256, content in contents.items():
        for n, start in enumerate(range(0, len(content), CHUNK_BYTES)):
            group.append({"files_id": sha256, "n": n, "data": content[start : start + CHUNK_BYTES]})
            if len(group) == _CHUNKS_AT_ONCE:
                yield group
                group = []
    if group:
        yield group


def _file(sha256: str, content: bytes, now: datetime, keep_until: datetime | None) -> Document:
    file: Document = {"_id": sha256, "length": len(content), "chunkSize": CHUNK_BYTES, "uploadDate": now}
    return file if keep_until is None else file | {"keep_until": keep_until}
