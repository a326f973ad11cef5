"""A stage's main loop: take what waits in a queue, handle it, acknowledge it last."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from services.runtime import metrics
from services.runtime.broker import Broker, Deliveries
from services.runtime.lifecycle import Stop
from services.runtime.messages import Delivery


async def handle_batches(
    broker: Broker,
    queue: str,
    handle: Callable[[Sequence[Delivery]], Awaitable[None]],
    stop: Stop,
    *,
    batch: int,
    prefetch: int,
) -> None:
    """Handle `queue` in batches of up to `batch` messages until `stop`; the batch in hand is finished first.

    Whatever `handle` raises ends the loop with nothing of its batch acknowledged.
    """
    deliveries = await broker.consume(queue, prefetch)
    ending = asyncio.ensure_future(_end_at_stop(deliveries, stop))
    try:
        while taken := await deliveries.next_batch(batch):
            started = time.monotonic()
            await handle(taken)
            await deliveries.acknowledge()
            metrics.BATCH_SECONDS.labels(queue).observe(time.monotonic() - started)
            metrics.BATCH_MAILS.labels(queue).observe(len(taken))
    finally:
        ending.cancel()


async def _end_at_stop(deliveries: Deliveries, stop: Stop) -> None:
    await stop.wait()
    deliveries.end()
