"""Which requests of people and programs are in progress, so that background work lets them pass."""

import asyncio
import threading
import time
from collections.abc import Callable


class Activity:
    """Counts requests in progress. Open streams do not count.

    Only the event loop begins and ends requests; a thread may wait for the end of all of them.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._in_progress = 0
        self._ended_s = float("-inf")
        self._idle = asyncio.Event()
        self._idle_for_threads = threading.Event()
        self._set_idle()

    def begin(self) -> None:
        """A request begins."""
        self._in_progress += 1
        self._idle.clear()
        self._idle_for_threads.clear()

    def end(self) -> None:
        """A request that began has ended."""
        self._in_progress -= 1
        self._ended_s = self._clock()
        if self._in_progress == 0:
            self._set_idle()

    @property
    def in_progress(self) -> bool:
        """Whether a request is in progress."""
        return self._in_progress > 0

    def within(self, seconds: float) -> bool:
        """Whether a request is in progress, or ended within the last `seconds`."""
        return self._in_progress > 0 or self._clock() - self._ended_s <= seconds

    async def wait_idle(self, timeout_s: float) -> None:
        """Wait until no request is in progress, at most `timeout_s` seconds."""
        if self._in_progress == 0 or timeout_s <= 0:
            return
        try:
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()
        except TimeoutError:
            return

    def wait_idle_in_thread(self, timeout_s: float) -> None:
        """As `wait_idle`, for a thread other than the event loop's."""
        if timeout_s > 0:
            self._idle_for_threads.wait(timeout_s)

    def _set_idle(self) -> None:
        self._idle.set()
        self._idle_for_threads.set()
