"""One piece of work at a time beside the caller's own."""

import asyncio
from collections.abc import Coroutine


class Beside:
    """Holds what is under way; whatever it raises comes out of the next `ended`."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None

    def start(self, work: Coroutine[object, object, None]) -> None:
        """Only after `ended`."""
        self._task = asyncio.create_task(work)

    async def ended(self) -> bool:
        """Wait for it; False where there was none. Raises what it raised."""
        task, self._task = self._task, None
        if task is None:
            return False
        await task
        return True

    async def abandon(self) -> None:
        """End it, whatever it is at."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
