"""One clock for all senders."""

import time
from datetime import UTC, datetime, timedelta

_LATE = timedelta(seconds=1)  # what is further behind is a clock that was set


class SharedClock:
    """The database's time, as last told, and what has passed since.

    Senders agree by it on when a claim ends: by their own clocks, one that is a minute behind the others would claim
    mails for a time that is over for them, and each of its mails would be sent twice.
    """

    def __init__(self) -> None:
        self._told: tuple[datetime, float] | None = None

    @property
    def is_known(self) -> bool:
        return self._told is not None

    def tell(self, now: datetime) -> None:
        """What the time was in the database when it was asked: answers come late, so that the latest time is right."""
        if self._told is None or not timedelta(0) <= self() - now < _LATE:
            self._told = now, time.monotonic()

    def __call__(self) -> datetime:
        """Our own time where none was told yet."""
        if self._told is None:
            return datetime.now(UTC)
        now, told_s = self._told
        return now + timedelta(seconds=time.monotonic() - told_s)
