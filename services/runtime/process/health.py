"""Whether a service is alive and ready, as its parts report."""

import asyncio
import time
from typing import Any

from services.runtime.metrics import DEPENDENCY_UP, LOOP_LAG_SECONDS

BEAT_S = 0.25


class Health:
    """The state of a service's parts.

    A *need* (the broker, the database) must be up for the service to be ready. *Members* (the
    mailboxes of a fetcher) are reported but do not affect readiness: a wrong password of one
    mailbox must not block a rollout, whichever replica reads it. The event loop writes and the HTTP
    thread reads, one item at a time.
    """

    patience_s = 15.0

    def __init__(self, *needs: str) -> None:
        self._needs: dict[str, str | None] = dict.fromkeys(needs, "starting")
        self._members: dict[str, str | None] = {}
        self._last_beat = time.monotonic()

        for need in needs:
            DEPENDENCY_UP.labels(need).set(0)

    def up(self, need: str) -> None:
        self._needs[need] = None
        DEPENDENCY_UP.labels(need).set(1)

    def down(self, need: str, reason: str) -> None:
        self._needs[need] = reason
        DEPENDENCY_UP.labels(need).set(0)

    def member_up(self, member: str) -> None:
        self._members[member] = None

    def member_down(self, member: str, reason: str) -> None:
        self._members[member] = reason

    def member_gone(self, member: str) -> None:
        self._members.pop(member, None)

    @property
    def ready(self) -> bool:
        """Whether every need is up."""
        return not any(self._needs.values())

    def report(self) -> dict[str, Any]:
        """Every part with `up`, or the reason why it is down."""
        report: dict[str, Any] = {
            need: reason or "up" for need, reason in list(self._needs.items())
        }
        if self._members:
            report["mailboxes"] = {
                name: reason or "up" for name, reason in sorted(self._members.items())
            }
        return report

    def alive(self, now: float) -> bool:
        """Whether the event loop ran within the last `patience_s` seconds; `now` is
        `time.monotonic()`.
        """
        return now - self._last_beat < self.patience_s

    async def beat(self) -> None:
        """Note at intervals, forever, that the event loop runs."""
        while True:
            self._last_beat = time.monotonic()
            await asyncio.sleep(BEAT_S)
            LOOP_LAG_SECONDS.observe(max(0.0, time.monotonic() - self._last_beat - BEAT_S))
