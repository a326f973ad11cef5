"""Stores the contents of attachments while the next mails are read."""

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from schemas.mails import BlobRef
from services.case_writer.ports import BlobStore
from services.runtime.process.lifecycle import cancel_all

# Smaller contents share the round trips of one group.
GROUP_BYTES = 1024 * 1024


class BlobUploads:
    """Stores the contents of one batch of mails, one group at a time.

    At most two groups are in memory: one that is being stored, and one that is being collected.
    Leaving the block cancels the uploads that are not finished.
    """

    def __init__(self, blobs: BlobStore, group_bytes: int = GROUP_BYTES) -> None:
        self._blobs = blobs
        self._group_bytes = group_bytes
        self._collected: list[bytes] = []
        self._collected_bytes = 0
        self._storing: asyncio.Task[list[BlobRef]] | None = None
        self._stored: list[BlobRef] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._storing is not None:
            await cancel_all([self._storing])

    async def add(self, contents: Sequence[bytes]) -> None:
        """Add contents; returns at once unless the previous group is still being stored.

        Raises TransientError if that group could not be stored.
        """
        self._collected += contents
        self._collected_bytes += sum(map(len, contents))
        if self._collected_bytes >= self._group_bytes:
            await self._store()

    async def all_stored(self) -> list[BlobRef]:
        """The references of all contents, in the order in which they were added. Raises
        TransientError.
        """
        await self._store()
        await self._finish()
        return self._stored

    async def _store(self) -> None:
        await self._finish()
        if self._collected:
            self._storing = asyncio.create_task(self._blobs.put_all(self._collected))
            self._collected, self._collected_bytes = [], 0

    async def _finish(self) -> None:
        if self._storing is not None:
            storing, self._storing = self._storing, None
            self._stored += await storing
