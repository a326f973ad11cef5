"""Lets each user do only a few things at once; their further requests wait for their turn."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary


class Turns:
    """Limits what takes much memory, for each user on their own: nobody waits for others."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        # Whoever has or awaits a turn holds the semaphore.
        self._semaphores: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def of(self, user: str) -> AsyncIterator[None]:
        """Wait for a turn of `user`, and keep it until the end."""
        semaphore = self._semaphores.get(user)
        if semaphore is None:
            semaphore = self._semaphores[user] = asyncio.Semaphore(self._at_once)
        async with semaphore:
            yield
