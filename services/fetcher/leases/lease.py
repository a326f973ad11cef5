"""The validity of a lease. A replica that froze or lost the database therefore stops in time."""

import asyncio
from collections.abc import Callable

from services.fetcher.leases.store import now_s
from services.runtime.errors import TransientError


class LeaseLostError(TransientError):
    """Another replica holds the lease."""


class Lease:
    """The time for which this replica holds one mailbox's lease, by its own clock between renewals.

    An expired lease can be renewed as long as no other replica has taken it; reading then resumes.
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
        """Record that the lease was renewed and is valid until `until_s` of the clock."""
        self._until_s = until_s
        self._changed.set()

    def lose(self) -> None:
        """Record that another replica took the lease. It is never valid again."""
        self._lost.set()
        self._changed.set()

    async def lost(self) -> None:
        """Wait until another replica takes the lease, then raise LeaseLostError."""
        await self._lost.wait()
        raise LeaseLostError("another replica holds the lease on this mailbox")

    async def wait_until_valid(self) -> None:
        """Return at once while the lease is valid. Raises LeaseLostError."""
        while not self.valid:
            if self._lost.is_set():
                await self.lost()
            self._changed.clear()
            await self._changed.wait()


def unlimited_lease() -> Lease:
    """A lease for a mailbox that no other process can read."""
    return Lease(float("inf"))
