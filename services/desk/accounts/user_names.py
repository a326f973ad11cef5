"""The names of users as pages show them, without reading every user for every page."""

import time
from collections.abc import Awaitable, Callable, Mapping

MAX_AGE_S = 10.0  # until what another process changed shows

Names = Mapping[str, str]


class UserNames:
    """Names by address. They are for showing only: nothing about access depends on them."""

    def __init__(
        self,
        read: Callable[[], Awaitable[Names]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`read` reads them from the database; it raises TransientError in an outage."""
        self._read = read
        self._clock = clock
        self._names: Names | None = None
        self._read_s = 0.0
        self._changes = 0

    async def get(self) -> Names:
        """The names, as of at most MAX_AGE_S ago. Raises TransientError."""
        if self._names is not None and self._clock() - self._read_s < MAX_AGE_S:
            return self._names
        began_s, changes = self._clock(), self._changes
        names = await self._read()
        if changes == self._changes:  # else they may be from before the change
            self._names, self._read_s = names, began_s
        return names

    def forget(self) -> None:
        """A user has changed."""
        self._changes += 1
        self._names = None
