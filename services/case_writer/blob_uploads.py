"""Stores the contents of attachments while the next mails are read."""

import asyncio
from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from schemas.mails import BlobRef
from services.case_writer.ports import BlobStore
from services.case_writer.reading import Attachment
from services.runtime.process.lifecycle import cancel_all

# Smaller contents share the round trips of one group.
GROUP_BYTES = 1024 * 1024
# Two groups are stored at once if they have at most this together, since storing mostly waits.
STORED_AT_ONCE_BYTES = 6 * 1024 * 1024


class BlobUploads:
    """Stores the contents of one batch of mails in groups.

    Besides the group that is being collected, at most two are in memory. Leaving the block cancels
    the uploads that are not finished.
    """

    def __init__(
        self,
        blobs: BlobStore,
        group_bytes: int = GROUP_BYTES,
        at_once_bytes: int = STORED_AT_ONCE_BYTES,
    ) -> None:
        self._blobs = blobs
        self._group_bytes = group_bytes
        self._at_once_bytes = at_once_bytes
        self._collected: list[tuple[str, bytes]] = []
        self._collected_bytes = 0
        self._storing: deque[tuple[asyncio.Task[list[BlobRef]], int]] = deque()  # with their sizes
        self._stored: list[BlobRef] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._storing:
            await cancel_all([task for task, _ in self._storing])

    async def add(self, files: Sequence[Attachment]) -> None:
        """Add the contents of files; returns at once unless previous groups must be stored first.

        Raises TransientError if one of them could not be stored.
        """
        self._collected += [(file.sha256, file.content) for file in files]
        self._collected_bytes += sum(len(file.content) for file in files)
        if self._collected_bytes >= self._group_bytes:
            await self._store()

    async def all_stored(self) -> list[BlobRef]:
        """The references of all contents, in the order in which they were added. Raises
        TransientError.
        """
        await self._store()
        while self._storing:
            await self._finish_first()
        return self._stored

    async def _store(self) -> None:
        while self._storing and not self._has_room():
            await self._finish_first()
        if self._collected:
            storing = asyncio.create_task(self._blobs.put_hashed(self._collected))
            self._storing.append((storing, self._collected_bytes))
            self._collected, self._collected_bytes = [], 0

    def _has_room(self) -> bool:
        sizes = [size for task, size in self._storing if not task.done()]
        return not sizes or (
            len(sizes) == 1 and self._collected_bytes + sizes[0] <= self._at_once_bytes
        )

    async def _finish_first(self) -> None:
        self._stored += await self._storing[0][0]
        self._storing.popleft()
