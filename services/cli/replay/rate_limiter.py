"""Limits the rate of a replay, and times its polls of the router's queue."""

import asyncio

POLL_INTERVAL_S = 1.0


class RateLimiter:
    """At most `rate` mails per second, 0 for no limit; one poll per `POLL_INTERVAL_S`."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._loop = asyncio.get_running_loop()
        self._next_s = self._loop.time()
        self._polled_s = 0.0
        self.count = 0

    def record_sent(self) -> None:
        """Count one mail."""
        self.count += 1
        if self._rate > 0:
            # Unused time is not saved up, so the rate also applies after a pause.
            self._next_s = max(self._next_s, self._loop.time() - 0.1) + 1 / self._rate

    def pause_s(self) -> float:
        """How long to wait before the next mail."""
        return max(0.0, self._next_s - self._loop.time())

    def is_poll_due(self) -> bool:
        """Whether the queue should be polled now; True at most once per interval."""
        now_s = self._loop.time()
        if now_s - self._polled_s < POLL_INTERVAL_S:
            return False
        self._polled_s = now_s
        return True
