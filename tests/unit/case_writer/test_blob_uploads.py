"""Attachments are stored while the next mails are read, and their references come back in order."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterable, Sequence

import pytest

from schemas.mails import BlobRef
from services.case_writer.blob_uploads import BlobUploads
from services.case_writer.reading import Attachment
from services.case_writer.reading.attachments.builder import Files
from services.runtime.errors import TransientError


class SlowBlobs:
    """Stores a group when the test allows it, and records the groups."""

    def __init__(self) -> None:
        self.groups: list[list[bytes]] = []
        self.allowed = asyncio.Event()
        self.cancelled = False
        self.error: Exception | None = None

    async def put_all(self, contents: Iterable[bytes]) -> list[BlobRef]:
        raise NotImplementedError

    async def put_hashed(self, by_hash: Sequence[tuple[str, bytes]]) -> list[BlobRef]:
        group = [content for _, content in by_hash]
        self.groups.append(group)
        try:
            await self.allowed.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        if self.error is not None:
            raise self.error
        return [BlobRef(sha256=sha256, size=len(content)) for sha256, content in by_hash]

    async def missing(self, refs: Iterable[BlobRef]) -> list[BlobRef]:
        raise NotImplementedError

    async def get(self, sha256: str) -> bytes:
        raise NotImplementedError

    def pieces(self, sha256: str, size: int | None = None) -> AsyncIterator[bytes]:
        raise NotImplementedError


def reference(content: bytes) -> BlobRef:
    return BlobRef(sha256=hashlib.sha256(content).hexdigest(), size=len(content))


def files(*contents: bytes) -> list[Attachment]:
    return [Files([]).make(content, "application/pdf", "a.pdf") for content in contents]


async def test_a_full_group_is_stored_while_the_next_is_collected() -> None:
    blobs = SlowBlobs()
    async with BlobUploads(blobs, group_bytes=4) as uploads:
        await uploads.add(files(b"ab"))
        await asyncio.sleep(0)
        assert blobs.groups == []
        await uploads.add(files(b"cd", b""))
        await uploads.add(files(b"e"))  # does not wait
        await asyncio.sleep(0)
        assert blobs.groups == [[b"ab", b"cd", b""]]
        blobs.allowed.set()
        stored = await uploads.all_stored()
    assert blobs.groups == [[b"ab", b"cd", b""], [b"e"]]
    assert stored == [reference(content) for content in (b"ab", b"cd", b"", b"e")]


async def test_two_groups_are_stored_at_once_and_the_next_one_waits() -> None:
    blobs = SlowBlobs()
    async with BlobUploads(blobs, group_bytes=1) as uploads:
        await uploads.add(files(b"a"))
        await uploads.add(files(b"b"))
        third = asyncio.create_task(uploads.add(files(b"c")))
        await asyncio.sleep(0.01)
        assert not third.done()
        assert blobs.groups == [[b"a"], [b"b"]]
        blobs.allowed.set()
        await third
        assert await uploads.all_stored() == [reference(content) for content in (b"a", b"b", b"c")]


async def test_groups_that_are_large_together_are_stored_one_by_one() -> None:
    blobs = SlowBlobs()
    async with BlobUploads(blobs, group_bytes=1, at_once_bytes=5) as uploads:
        await uploads.add(files(b"abc"))
        second = asyncio.create_task(uploads.add(files(b"def")))
        await asyncio.sleep(0.01)
        assert not second.done()
        assert blobs.groups == [[b"abc"]]
        blobs.allowed.set()
        await second
        assert await uploads.all_stored() == [reference(b"abc"), reference(b"def")]


async def test_nothing_to_store_makes_no_request() -> None:
    blobs = SlowBlobs()
    async with BlobUploads(blobs) as uploads:
        await uploads.add(files())
        assert await uploads.all_stored() == []
    assert blobs.groups == []


async def test_an_outage_reaches_the_caller() -> None:
    blobs = SlowBlobs()
    blobs.error = TransientError("no primary")
    blobs.allowed.set()
    async with BlobUploads(blobs, group_bytes=1) as uploads:
        await uploads.add(files(b"a"))
        with pytest.raises(TransientError, match="no primary"):
            await uploads.all_stored()


async def test_a_failure_meanwhile_leaves_nothing_running() -> None:
    blobs = SlowBlobs()

    async def fail() -> None:
        async with BlobUploads(blobs, group_bytes=1) as uploads:
            await uploads.add(files(b"a"))
            await asyncio.sleep(0)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert blobs.cancelled
