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
        if self._is_cheap and self._changed and self._in_progress is not None:
            await asyncio.wait([self._in_progress])  # it began before the change
        age_s = self._clock() - self._counted_s
        is_young = age_s <= YOUNG_S and not self._changed and self._in_progress is None
        if age_s > MAX_AGE_S or (self._is_cheap and not is_young):
            await asyncio.shield(self._renewal())
        elif not self._is_cheap and age_s > self._took_s * PART_OF_TIME:
            self._renewal().add_done_callback(_report)
        return self._counts

    @property
    def _is_cheap(self) -> bool:
        return self._took_s <= CHEAP_S

    @property
    def _in_progress(self) -> "asyncio.Task[None] | None":
        is_counting = self._counting is not None and not self._counting.done()
        return self._counting if is_counting else None

    def _renewal(self) -> "asyncio.Task[None]":
        """The count in progress, or else a new one."""
        renewal = self._in_progress
        if renewal is None:
            renewal = self._counting = asyncio.create_task(self._renew(changed=self._changed))
            self._changed = False
        return renewal

    async def _renew(self, *, changed: bool) -> None:
        started_s = self._clock()
        try:
            self._counts = await self._count()
        except BaseException:
            self._changed = self._changed or changed
            raise
        self._counted_s = self._clock()
        self._took_s = self._counted_s - started_s


def _report(renewal: "asyncio.Task[None]") -> None:
    """Log a failed count. The requests got the previous counts."""
    if not renewal.cancelled() and isinstance(error := renewal.exception(), TransientError):
        log.warning("stages_not_counted", error=error)
