"""How many bytes of mails one process holds in memory, over all its mailboxes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Budget:
    """At most `max_bytes` at once; more than that passes alone. First come, first served, so that none starves."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._used = 0
        self._turn = asyncio.Lock()
        self._freed = asyncio.Condition()

    @asynccontextmanager
    async def held(self, size: int) -> AsyncIterator[None]:
        """Wait until `size` bytes are free, and hold them during the block."""
        async with self._turn, self._freed:
            await self._freed.wait_for(lambda: self._used == 0 or self._used + size <= self._max_bytes)
            self._used += size
        try:
            yield
        finally:
            self._used -= size
            async with self._freed:
                self._freed.notify_all()
