"""Telling contention between writers from a contradiction in the database."""

import time
from collections.abc import Awaitable, Callable

from services.runtime.errors import PermanentError, TransientError
from services.runtime.store.errors import TakenError

# Once another writer has committed, its keys become visible within moments. A key that stays taken
# by something that cannot be found is a contradiction in the database, such as a comment whose
# outcome is gone; without this limit the write would be retried forever.
TAKEN_PATIENCE_S = 60.0


class ContentionWatch:
    """Watches the failures of one write for a key that stays taken.

    A primary that cannot replicate knows keys that majority reads do not show: those of a commit of
    ours that ended unclear, or of another writer. Therefore a contradiction is reported only after
    `prove` has succeeded, which writes something that a majority takes. By then everything written
    before is either visible or gone.
    """

    def __init__(self, prove: Callable[[], Awaitable[None]]) -> None:
        """`prove` raises TransientError while no majority takes a write; see `Store.prove_majority`."""
        self._prove = prove
        self._since_s: float | None = None
        self._proven = False

    async def met(self, error: TransientError) -> None:
        """Note a failure of the write.

        Raises PermanentError if the write has failed on taken keys only for TAKEN_PATIENCE_S, and
        still does after a majority took a write.
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
