"""Backpressure of the broker: waiting through an alarm, and reporting the wait."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from services.fetcher import metrics

T = TypeVar("T")

PATIENCE_S = 5.0


async def wait_for_broker(mailbox: str, work: Awaitable[T], report_pause: Callable[[], None]) -> T:
    """The result of `work`, however long an alarm of the broker (memory or disk) delays it.

    An alarm blocks whole connections that publish: everything on them waits, even operations that
    publish nothing (rabbitmq.com/docs/alarms). After PATIENCE_S the mailbox counts as paused by the
    broker and `report_pause` is called. Raises what `work` raises.
    """
    paused = metrics.BACKPRESSURE.labels(mailbox, "broker")
    working = asyncio.ensure_future(work)
    try:
        ended, _ = await asyncio.wait({working}, timeout=PATIENCE_S)
        if not ended:
            paused.set(1)
            report_pause()
        return await working
    finally:
        working.cancel()
        paused.set(0)
