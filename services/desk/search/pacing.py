"""Gives requests the right of way over the indexing of new mail.

Both need the same cores, the same interpreter and the same database. Without this, a person's
action takes more than twice as long while many mails arrive.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from services.desk.activity import Activity

PATIENCE_S = 0.2  # that one piece of work waits for requests; so the index never stands still
RECENT_S = 2.0  # after a request, people are probably still at work


class Pacing:
    """Paces work that is done in short pieces, one after the other."""

    def __init__(self, activity: Activity) -> None:
        self._activity = activity

    @asynccontextmanager
    async def piece(self, *, is_late: bool = False) -> AsyncIterator[Callable[[], None]]:
        """One piece of work. It begins while no request is in progress, or after PATIENCE_S.

        The block gets a function that its threads call between their steps, which waits in the same
        way. After the block comes a pause as long as the work took, if there are requests. Work
        that `is_late` waits for nothing.
        """
        left_s = 0.0 if is_late else await self._waited(PATIENCE_S)
        paused_s = 0.0

        def step_aside() -> None:
            nonlocal left_s, paused_s
            began_s = time.monotonic()
            self._activity.wait_idle_in_thread(left_s)
            took_s = time.monotonic() - began_s
            left_s, paused_s = left_s - took_s, paused_s + took_s

        began_s = time.monotonic()
        yield step_aside
        if not is_late and self._activity.within(RECENT_S):
            await asyncio.sleep(time.monotonic() - began_s - paused_s)

    async def _waited(self, patience_s: float) -> float:
        """Wait for requests; returns what is left of the patience."""
        began_s = time.monotonic()
        await self._activity.wait_idle(patience_s)
        return patience_s - (time.monotonic() - began_s)
