"""How many open cases are at each stage, without counting them for every page.

Counting a million cases takes longer than a page may. So the counts are shared by all readers of
this desk, and are a moment old: a second while counting is cheap, otherwise longer, and they are
renewed in the background then. What this desk itself changed shows at once while counting is cheap.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

from services.runtime.errors import TransientError
from services.runtime.logs import get_logger

log = get_logger(__name__)

Counts = Mapping[tuple[str, str], int]
CHEAP_S = 0.02  # a request waits for a count that takes no longer
YOUNG_S = 1.0
PART_OF_TIME = 20  # counting takes at most a twentieth of the time
MAX_AGE_S = 60.0  # older counts are not shown: the request waits for new ones


class StageCounts:
    """The counts of one desk by (process, stage)."""

    def __init__(
        self,
        count: Callable[[], Awaitable[Counts]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`count` counts in the database. It raises TransientError in an outage."""
        self._count = count
        self._clock = clock
        self._counts: Counts = {}
        self._counted_s = float("-inf")
        self._took_s = 0.0
        self._changed = False
        self._counting: asyncio.Task[None] | None = None

    def changed(self) -> None:
        """This desk has changed a case."""
        self._changed = True

    async def get(self) -> Counts:
        """The counts. Raises TransientError if there are no recent ones."""
        age_s = self._clock() - self._counted_s
        is_cheap = self._took_s <= CHEAP_S
        if age_s > MAX_AGE_S or (is_cheap and (self._changed or age_s > YOUNG_S)):
            await asyncio.shield(self._renewal())
        elif not is_cheap and age_s > self._took_s * PART_OF_TIME:
            self._renewal().add_done_callback(_report)
        return self._counts

    def _renewal(self) -> "asyncio.Task[None]":
        """The count in progress, or else a new one."""
        if self._counting is None or self._counting.done():
            self._counting = asyncio.create_task(self._renew())
        return self._counting

    async def _renew(self) -> None:
        started_s, self._changed = self._clock(), False
        self._counts = await self._count()
        self._counted_s = self._clock()
        self._took_s = self._counted_s - started_s


def _report(renewal: "asyncio.Task[None]") -> None:
    """Log a failed count. The requests got the previous counts."""
    if not renewal.cancelled() and isinstance(error := renewal.exception(), TransientError):
        log.warning("stages_not_counted", error=error)
