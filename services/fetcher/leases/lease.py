"""How long a mailbox's lease is known to hold, so that a fetcher that froze or lost the database stops in time."""

import asyncio
from collections.abc import Callable

from services.fetcher.leases.store import now_s
from services.runtime.errors import TransientError


class LeaseLostError(TransientError):
    """Another fetcher has the lease."""


class Lease:
    """The time for which one lease is ours. Between two renewals nobody is asked: our own clock ends it.

    A lease that expired may be renewed as long as no other fetcher took it: then its holder goes on where it paused.
    """

    def __init__(self, until_s: float, clock: Callable[[], float] = now_s) -> None:
        self._until_s = until_s
        self._clock = clock
        self._lost = asyncio.Event()
        self._changed = asyncio.Event()

    @property
    def valid(self) -> bool:
        return not self._lost.is_set() and self._clock() < self._until_s

    def extend(self, until_s: float) -> None:
        self._until_s = until_s
        self._changed.set()

    def lose(self) -> None:
        self._lost.set()
        self._changed.set()

    async def lost(self) -> None:
        """Wait until another fetcher has the lease, then raise LeaseLostError."""
        await self._lost.wait()
        raise LeaseLostError("another fetcher has the lease on this mailbox")

    async def wait_until_valid(self) -> None:
        """Return at once while it holds. Raises LeaseLostError."""
        while not self.valid:
            if self._lost.is_set():
                await self.lost()
            self._changed.clear()
            await self._changed.wait()


def unlimited_lease() -> Lease:
    """For a mailbox that nobody else can read."""
    return Lease(float("inf"))
