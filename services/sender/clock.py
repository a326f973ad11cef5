"""The clock that all senders share: the database's."""

import time
from datetime import UTC, datetime, timedelta

_MAX_DELAY = timedelta(seconds=1)  # a time further back means that a clock was set


class SharedClock:
    """The database's time as last reported, plus the time that has passed since.

    With it, all senders agree on when a claim ends. With their own clocks, a sender that is a
    minute behind would claim mails until a time that is already past for the others, and each of
    its mails would be sent twice.
    """

    def __init__(self) -> None:
        self._reported: tuple[datetime, float] | None = None

    @property
    def is_known(self) -> bool:
        return self._reported is not None

    def report(self, now: datetime) -> None:
        """Set the clock to a time from the database. Responses arrive late, so the latest time is
        right.
        """
        if self._reported is None or not timedelta(0) <= self() - now < _MAX_DELAY:
            self._reported = now, time.monotonic()

    def __call__(self) -> datetime:
        """The database's time; this machine's if none was reported yet."""
        if self._reported is None:
            return datetime.now(UTC)
        now, reported_s = self._reported
        return now + timedelta(seconds=time.monotonic() - reported_s)
