"""Retries writes that conflict with other writers, and distinguishes contention from a
contradiction in the database.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from services.runtime.errors import PermanentError, TransientError
from services.runtime.process.lifecycle import Stop
from services.runtime.retry import Backoff
from services.runtime.store.errors import ConflictError, TakenError, UnclearCommitError

T = TypeVar("T")

# Once another writer has committed, its keys become visible within moments. If a key stays taken
# but what has it cannot be found, the database contradicts itself, for example because a comment's
# outcome is gone. Without this limit, the write would be retried forever.
TAKEN_PATIENCE_S = 60.0

MAX_CONFLICTS = 50  # attempts of a command, whose user waits for the response


class ContentionWatch:
    """Watches the failures of one write for a key that stays taken.

    A primary that cannot replicate has keys that majority reads do not show: those of an unclear
    commit of ours, or of another writer. A contradiction is therefore reported only after `prove`
    has succeeded, which writes something that a majority accepts. By then, everything written
    before is either visible or gone.
    """

    def __init__(self, prove: Callable[[], Awaitable[None]]) -> None:
        """`prove` raises TransientError while no majority accepts a write; see
        `Store.prove_majority`.
        """
        self._prove = prove
        self._since_s: float | None = None
        self._proven = False

    async def met(self, error: TransientError) -> None:
        """Note a failure of the write.

        Raises PermanentError if the write has failed only on taken keys for TAKEN_PATIENCE_S, and
        still fails after a majority accepted a write.
        """
        now_s = time.monotonic()
        if not isinstance(error, TakenError):
            self._since_s, self._proven = None, False
        elif self._since_s is None:
            self._since_s = now_s
        elif self._proven:
            raise PermanentError(f"the database contradicts itself: {error}") from error
        elif now_s - self._since_s > TAKEN_PATIENCE_S:
            try:
                await self._prove()
            except TransientError:
                self._since_s = None
            else:
                self._proven = True  # retry once more: the taken keys may be visible now


def conflict_pause_s(conflicts: int) -> float:
    """Seconds to wait after this many conflicts: random, growing to 0.2, which is enough for the
    other writer to commit.
    """
    return random.uniform(0.001, 0.01) * min(conflicts, 20)  # noqa: S311 - a pause, no secret


async def pause_after_conflict(conflicts: int) -> None:
    """Wait after this many conflicts."""
    await asyncio.sleep(conflict_pause_s(conflicts))


async def retry_conflicts(write: Callable[[], Awaitable[T]]) -> T:
    """Repeat `write` after conflicts, with a short pause. Any other error ends the repetition.

    Raises ConflictError after MAX_CONFLICTS attempts. For services, which also wait through
    outages, see `until_written`.
    """
    for attempt in range(1, MAX_CONFLICTS):
        try:
            return await write()
        except ConflictError:
            await pause_after_conflict(attempt)
    return await write()


async def until_written(
    write: Callable[[], Awaitable[T]],
    stop: Stop,
    backoff: Backoff,
    *,
    watch: ContentionWatch | None = None,
    conflicts_after_stop: int = 20,
    on_conflict: Callable[[int, ConflictError], None] = lambda *_: None,
    on_outage: Callable[[TransientError, float], None] = lambda *_: None,
) -> T:
    """Repeat `write` until it succeeds: after a conflict with a short pause, in an outage with
    backoff.

    After an unclear commit there is no pause, because reading shows what happened. `on_conflict` is
    called with the number of conflicts so far, `on_outage` with the error and the pause in seconds.
    An error that they raise ends the repetition. Raises the last TransientError if `stop` is
    requested during an outage or after `conflicts_after_stop` conflicts, and PermanentError if
    `watch` finds a contradiction.
    """
    conflicts = 0
    while True:
        try:
            return await write()
        except ConflictError as error:
            conflicts += 1
            on_conflict(conflicts, error)
            if watch is not None:
                await watch.met(error)
            if stop.requested and conflicts >= conflicts_after_stop:
                raise
            await pause_after_conflict(conflicts)
        except TransientError as error:
            if watch is not None:
                await watch.met(error)
            pause_s = 0.0 if isinstance(error, UnclearCommitError) else backoff.next_s()
            on_outage(error, pause_s)
            if await stop.wait(pause_s):
                raise
