"""Attachments and whole mails in the database, in GridFS's layout, deduplicated by SHA-256.

`blobs.files` and `blobs.chunks` follow the GridFS specification (github.com/mongodb/specifications,
source/gridfs), so every GridFS reader can read them. Writing differs from the drivers' in one
respect: the id is the content's hash and every chunk has a fixed place, so that two writers of the
same content, or a retry after a crash, write the same documents. The file's document is written
last, so an incomplete blob is never visible.

Unreferenced blobs are removed later (`services.case_writer.housekeeping.blob_sweep`). `uploadDate`
is when the content was last put, within half a day; nobody removes it until a day later, so that
its writer can refer to it. `keep_until`, if present, keeps blobs that only messages refer to.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from io import BytesIO
from itertools import islice

from schemas.mails import BlobRef
from services.runtime.errors import PermanentError
from services.runtime.store.collection import Document
from services.runtime.store.mongo import Store

# GridFS's default; never change it, since chunks of a content must not differ between writers
CHUNK_BYTES = 255 * 1024
# Chunks per round trip, about 2 and 1 MiB; the driver has them in memory two or three times.
_READ_AT_ONCE = 8
_WRITTEN_AT_ONCE = 4
_WRITTEN_TOGETHER = 4  # messages of so many chunks
UNUSED_FOR = timedelta(days=1)  # then the sweep removes a content that nothing refers to
# a content stored more recently need not be touched
FRESH = UNUSED_FOR / 2
FILES = "blobs.files"
CHUNKS = "blobs.chunks"


class Blobs:
    """Content-addressed bytes. With `kept_for`, contents stay that long even if nothing refers to
    them.
    """

    def __init__(self, store: Store, kept_for: timedelta | None = None) -> None:
        self._kept_for = kept_for
        self._files = store.collection(FILES)
        self._chunks = store.collection(CHUNKS)

    async def ensure_indexes(self) -> None:
        """Create the unique index that the specification requires."""
        await self._chunks.ensure_index("files_id", "n", unique=True)

    async def put(self, content: bytes) -> BlobRef:
        """Store one content; see `put_all`."""
        return (await self.put_all([content]))[0]

    async def put_all(self, contents: Iterable[bytes]) -> list[BlobRef]:
        """Store each missing content; returns the references in the same order. Raises
        TransientError.
        """
        return await self.put_hashed(
            [(hashlib.sha256(content).hexdigest(), content) for content in contents]
        )

    async def put_hashed(self, by_hash: Sequence[tuple[str, bytes]]) -> list[BlobRef]:
        """As `put_all`, for contents whose SHA-256 (hex) is known."""
        if not by_hash:
            return []
        wanted = dict(by_hash)
        now = datetime.now(UTC)
        for sha256 in await self._kept_already(list(wanted), now):
            del wanted[sha256]
        await self._put_new(wanted, now)
        return [BlobRef(sha256=sha256, size=len(content)) for sha256, content in by_hash]

    async def missing(self, refs: Iterable[BlobRef]) -> list[BlobRef]:
        """The references whose content is missing, incomplete, or has another size.

        The others stay at least a day. Raises TransientError.
        """
        asked = list(refs)
        if not asked:
            return []
        kept = await self._kept_already(list({ref.sha256 for ref in asked}), datetime.now(UTC))
        there = {
            BlobRef(sha256=file["_id"], size=file["length"])
            for file in await self._files.find({"_id": {"$in": kept}})
        }
        return [ref for ref in asked if ref not in there]

    async def _kept_already(self, hashes: list[str], now: datetime) -> list[str]:
        """The hashes whose contents are stored completely and will stay. Old ones are renewed
        first.
        """
        known = await self._whole(await self._files.find({"_id": {"$in": hashes}}))
        stale = [file["_id"] for file in known if self._is_stale(file, now)]
        if not stale:
            return [file["_id"] for file in known]
        change: Document = {"$max": {"uploadDate": now}}
        if self._kept_for is not None:
            change["$max"]["keep_until"] = now + self._kept_for
        await self._files.update_all({"_id": {"$in": stale}}, change)
        # The sweep may have removed one of them first. It does not touch those that exist now for a
        # day.
        there = await self._files.find({"_id": {"$in": [file["_id"] for file in known]}}, ["_id"])
        return [file["_id"] for file in there]

    async def _whole(self, files: list[Document]) -> list[Document]:
        """The files that have all their chunks, according to the index. Storing a damaged content
        again completes it.
        """
        if not files:
            return []
        mine = {"$match": {"files_id": {"$in": [file["_id"] for file in files]}}}
        number = {"$group": {"_id": "$files_id", "chunks": {"$sum": 1}}}
        rows = await self._chunks.aggregate(
            [mine, {"$project": {"_id": 0, "files_id": 1, "n": 1}}, number]
        )
        chunks = {row["_id"]: row["chunks"] for row in rows}
        return [
            file
            for file in files
            if chunks.get(file["_id"], 0) == _chunk_count(int(file["length"]))
        ]

    def _is_stale(self, file: Document, now: datetime) -> bool:
        if file["uploadDate"] < now - FRESH:
            return True
        until = file.get("keep_until")
        return self._kept_for is not None and (
            until is None or until < now + self._kept_for - FRESH
        )

    async def _put_new(self, contents: dict[str, bytes], now: datetime) -> None:
        if not contents:
            return
        all_new = await self._put_chunks(contents)
        keep_until = now + self._kept_for if self._kept_for is not None else None
        await self._files.insert_missing(
            [_file(sha256, content, now, keep_until) for sha256, content in contents.items()]
        )
        if not all_new:
            # The sweep may have removed chunks without a file, which were left by a crash. Now that
            # the file exists, it cannot, so that the chunks stay this time.
            await self._put_chunks(contents)

    async def _put_chunks(self, contents: dict[str, bytes]) -> bool:
        """Insert the chunks that are missing; False if one was there.

        Some messages are under way together, so that they wait for the disk together.
        """
        all_new = True
        groups = _groups(contents)
        while together := list(islice(groups, _WRITTEN_TOGETHER)):
            new = await asyncio.gather(*map(self._chunks.insert_missing, together))
            all_new = all_new and all(new)
        return all_new

    async def get(self, sha256: str) -> bytes:
        """The content. Raises PermanentError if it is missing or incomplete."""
        content = BytesIO()
        async for piece in self.pieces(sha256):
            content.write(piece)
        return content.getvalue()

    async def available(self, sha256: str) -> bytes:
        """As `get`, except that it returns what is left of a missing or incomplete content."""
        content = BytesIO()
        with suppress(PermanentError):
            async for piece in self.pieces(sha256):
                content.write(piece)
        return content.getvalue()

    async def pieces(self, sha256: str, size: int | None = None) -> AsyncIterator[bytes]:
        """The content in pieces of at most CHUNK_BYTES. If its size is known, it is not looked up.

        Raises PermanentError if it is missing, and after the last piece if it is incomplete.
        """
        length = int((await self._file(sha256))["length"]) if size is None else size
        read, digest = 0, hashlib.sha256()
        async for data in self._data(sha256, 0, _chunk_count(length), _READ_AT_ONCE):
            read += len(data)
            digest.update(data)
            yield data
        if digest.hexdigest() != sha256:
            raise _incomplete(await self._file(sha256), read)

    async def length(self, sha256: str) -> int:
        """The length of the content. Raises PermanentError if it is missing or incomplete."""
        file = await self._file(sha256)
        if not await self._whole([file]):
            raise PermanentError(f"the blob {sha256} is incomplete: pieces of it are missing")
        return int(file["length"])

    async def slow_pieces(self, sha256: str, first: int, last: int) -> AsyncIterator[bytes]:
        """The bytes from `first` to `last` for someone who may read slowly: little of them is in
        memory.

        Raises PermanentError if the content is missing, and before the last piece of a damaged one
        that is read as a whole.
        """
        file = await self._file(sha256)
        is_whole = first == 0 and last == file["length"] - 1
        digest, held, n = hashlib.sha256(), b"", first // CHUNK_BYTES
        async for data in self._data(sha256, n, last // CHUNK_BYTES + 1, at_once=1):
            digest.update(data)
            if held:
                yield held
            begin = n * CHUNK_BYTES
            held, n = data[max(0, first - begin) : last + 1 - begin], n + 1
        if is_whole and digest.hexdigest() != sha256:
            raise _incomplete(file, n * CHUNK_BYTES)
        yield held

    async def _file(self, sha256: str) -> Document:
        file = await self._files.find_one({"_id": sha256})
        if file is None:
            raise PermanentError(f"the database has no blob {sha256}")
        return file

    async def _data(self, sha256: str, first: int, end: int, at_once: int) -> AsyncIterator[bytes]:
        """The data of the chunks from `first` on, without `end`."""
        for n in range(first, end, at_once):
            some = {"files_id": sha256, "n": {"$gte": n, "$lt": min(n + at_once, end)}}
            for chunk in await self._chunks.find(some, sort="n"):
                yield chunk["data"]

    async def heads(self, hashes: Iterable[str]) -> dict[str, bytes]:
        """The first bytes of each content, up to 255 KiB, without a check of its hash; contents
        that are missing are left out.
        """
        first = {"files_id": {"$in": list(hashes)}, "n": 0}
        return {chunk["files_id"]: chunk["data"] for chunk in await self._chunks.find(first)}


def _incomplete(file: Document, size: int) -> PermanentError:
    return PermanentError(
        f"the blob {file['_id']} is incomplete: {size} of {file['length']} bytes are there"
    )


def _chunk_count(length: int) -> int:
    return -(-length // CHUNK_BYTES)


def _groups(contents: dict[str, bytes]) -> Iterator[list[Document]]:
    group: list[Document] = []
    for sha256, content in contents.items():
        for n, start in enumerate(range(0, len(content), CHUNK_BYTES)):
            group.append({"files_id": sha256, "n": n, "data": content[start : start + CHUNK_BYTES]})
            if len(group) == _WRITTEN_AT_ONCE:
                yield group
                group = []
    if group:
        yield group


def _file(sha256: str, content: bytes, now: datetime, keep_until: datetime | None) -> Document:
    file: Document = {
        "_id": sha256,
        "length": len(content),
        "chunkSize": CHUNK_BYTES,
        "uploadDate": now,
    }
    return file if keep_until is None else file | {"keep_until": keep_until}
