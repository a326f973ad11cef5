"""One task that runs in the background of its owner."""

import asyncio
from collections.abc import Coroutine


class BackgroundTask:
    """At most one task at a time; the next `join` raises what it raised."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None

    def start(self, work: Coroutine[object, object, None]) -> None:
        """Run `work`. Call this only after `join`."""
        self._task = asyncio.create_task(work)

    async def join(self) -> bool:
        """Wait for the task to end; False if there was none. Raises what it raised."""
        task, self._task = self._task, None
        if task is None:
            return False
        await task
        return True

    async def cancel(self) -> None:
        """Cancel the task and wait for its end. Never raises."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
