"""What remains of handled batches, done while the next batches are handled."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from services.runtime.process.lifecycle import cancel_all

Completion = Callable[[], Awaitable[None]]


class Completions:
    """Runs at most so many completions at once. They begin and end in the order of their batches.

    After a failure, none ends successfully. `on_failure` is called once, so that whoever waits for
    the next batch stops waiting.
    """

    def __init__(self, most: int, on_failure: Callable[[], None]) -> None:
        self._most = most
        self._on_failure = on_failure
        self._running: deque[asyncio.Task[None]] = deque()

    async def begin(self, completion: Completion, done: Completion) -> None:
        """Run a completion, and `done` after it and after everything that began before.

        Waits while as many as allowed are running. Raises the error of one that failed.
        """
        while len(self._running) >= self._most:
            await self._first_ended()
        before = self._running[-1] if self._running else None
        task = asyncio.create_task(self._complete(completion, done, before))
        task.add_done_callback(self._ended)
        self._running.append(task)

    async def all_ended(self) -> None:
        """Wait for all. Raises the error of the first that failed."""
        while self._running:
            await self._first_ended()

    async def cancel(self) -> None:
        """Cancel those that are running, and wait for their end. Never raises."""
        await cancel_all(self._running)
        self._running.clear()

    async def _first_ended(self) -> None:
        """Wait for the first. It stays among those that are running if this is cancelled."""
        await asyncio.shield(self._running[0])
        del self._running[0]

    async def _complete(
        self, completion: Completion, done: Completion, before: asyncio.Task[None] | None
    ) -> None:
        await completion()
        if before is not None:
            await asyncio.shield(before)
        await done()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or task.exception() is not None:
            self._on_failure()
