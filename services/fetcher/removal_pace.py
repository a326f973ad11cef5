"""When recorded mails are removed from a mailbox in which other mails wait. Pure.

A removal may take as long for one mail as for thousands: Dovecot rewrites the list of all mails of
a Maildir, which takes 0.4 s for 100,000. While mails wait, removals therefore take at most a fifth
of the time, and the later they are, the more mails each of them removes.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

MAX_PAUSE_S = 30.0
_PAUSES = 4  # as long as the removal each


class RemovalPace:
    """Measures removals. `clock` returns seconds and never goes back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._due_s = float("-inf")

    def is_due(self) -> bool:
        """Whether to remove now, although mails wait."""
        return self._clock() >= self._due_s

    @contextmanager
    def removing(self) -> Iterator[None]:
        """Around each removal, also one that fails."""
        started_s = self._clock()
        try:
            yield
        finally:
            ended_s = self._clock()
            self._due_s = ended_s + min(_PAUSES * (ended_s - started_s), MAX_PAUSE_S)
