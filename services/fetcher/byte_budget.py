"""Backpressure by memory: limits the bytes of mails that one process holds, over all mailboxes."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

PATIENCE_S = 10.0


@dataclass(eq=False)
class _Request:
    mailbox: str
    size: int
    since_s: float
    granted: asyncio.Event = field(default_factory=asyncio.Event)
    from_share: bool = False


class ByteBudget:
    """At most `max_bytes` at once; a single larger request is granted alone.

    Half of the budget is divided into guaranteed shares: a request that fits in its mailbox's share
    never waits for another mailbox, however slow that mailbox's server is. The other half is
    shared. There, small requests overtake large ones until a large one has waited for PATIENCE_S;
    then nothing overtakes it.
    """

    def __init__(
        self, max_bytes: int, mailboxes: int = 1, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._share = max_bytes // (2 * max(1, mailboxes))
        self._common = max_bytes - self._share * max(1, mailboxes)
        self._shares_used: Counter[str] = Counter()
        self._common_used = 0
        self._waiting: list[_Request] = []
        self._clock = clock

    def available(self, mailbox: str) -> int:
        """Bytes that `mailbox` can reserve without waiting."""
        common = 0 if self._waiting else self._common - self._common_used
        return max(self._share - self._shares_used[mailbox], common, 0)

    @asynccontextmanager
    async def reserve(self, mailbox: str, size: int) -> AsyncIterator[None]:
        """Wait until `size` bytes are free, and reserve them for the block."""
        request = _Request(mailbox, size, self._clock())
        self._waiting.append(request)
        self._grant_waiting()
        try:
            await request.granted.wait()
            yield
        finally:
            if request in self._waiting:
                self._waiting.remove(request)
            elif request.from_share:
                self._shares_used[mailbox] -= size
            else:
                self._common_used -= size
            self._grant_waiting()

    def _grant_waiting(self) -> None:
        for request in list(self._waiting):
            if self._shares_used[request.mailbox] + request.size <= self._share:
                self._shares_used[request.mailbox] += request.size
                self._grant_request(request, from_share=True)
        now_s = self._clock()
        urgent = [request for request in self._waiting if now_s - request.since_s >= PATIENCE_S]
        others = [request for request in self._waiting if request not in urgent]
        for request in [*urgent, *sorted(others, key=lambda request: request.size)]:
            if self._common_used and self._common_used + request.size > self._common:
                return
            self._common_used += request.size
            self._grant_request(request, from_share=False)

    def _grant_request(self, request: _Request, *, from_share: bool) -> None:
        self._waiting.remove(request)
        request.from_share = from_share
        request.granted.set()
