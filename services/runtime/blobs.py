"""Attachments and whole mails in the database, in GridFS's layout, each content once under its SHA-256.

`blobs.files` and `blobs.chunks` are as the GridFS specification lays them out (github.com/mongodb/specifications,
source/gridfs), so that every GridFS reader can read them. Writing differs from the drivers' in one thing: the id is the
content's hash and every chunk has a settled place, so that two writers of the same content, or one again after a crash,
write the same documents: a chunk that is there is right. The file's document comes last; half a blob cannot be seen.
"""

import hashlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from schemas.mails import BlobRef
from services.runtime.errors import PermanentError
from services.runtime.store import Document, Store

CHUNK_BYTES = 255 * 1024  # GridFS's default. Never change it: chunks of a content written twice must be the same
_CHUNKS_AT_ONCE = 32  # about 8 MiB a round trip
FILES = "blobs.files"
CHUNKS = "blobs.chunks"


class Blobs:
    """Content-addressed bytes."""

    def __init__(self, store: Store) -> None:
        self._files = store.collection(FILES)
        self._chunks = store.collection(CHUNKS)

    async def ensure_indexes(self) -> None:
        """The unique index that the specification asks for."""
        await self._chunks.ensure_index("files_id", "n", unique=True)

    async def put(self, content: bytes) -> BlobRef:
        """Keep one content; see `put_all`."""
        return (await self.put_all([content]))[0]

    async def put_all(self, contents: Iterable[bytes]) -> list[BlobRef]:
        """Keep each content where it is not kept yet; the references in the same order. Raises TransientError."""
        by_hash = [(hashlib.sha256(content).hexdigest(), content) for content in contents]
        if not by_hash:
            return []
        wanted = dict(by_hash)
        known = await self._files.find({"_id": {"$in": list(wanted)}}, ["_id"])
        for document in known:
            del wanted[document["_id"]]
        for group in _groups(wanted):
            await self._chunks.insert_missing(group)
        if wanted:
            now = datetime.now(UTC)
            await self._files.insert_missing([_file(sha256, content, now) for sha256, content in wanted.items()])
        return [BlobRef(sha256=sha256, size=len(content)) for sha256, content in by_hash]

    async def get(self, sha256: str) -> bytes:
        """The content. Raises PermanentError where it is missing or torn."""
        file = await self._files.find_one({"_id": sha256})
        if file is None:
            raise PermanentError(f"the database has no blob {sha256}")
        chunks = await self._chunks.find({"files_id": sha256}, sort="n")
        content = b"".join(chunk["data"] for chunk in chunks)
        if hashlib.sha256(content).hexdigest() != sha256:
            raise PermanentError(f"the blob {sha256} is torn: {len(content)} of {file['length']} bytes are there")
        return content


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


def _file(sha256: str, content: bytes, now: datetime) -> Document:
    return {"_id": sha256, "length": len(content), "chunkSize": CHUNK_BYTES, "uploadDate": now}
