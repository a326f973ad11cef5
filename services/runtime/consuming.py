"""A stage's main loop: take what waits in a queue, handle it, acknowledge it last."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from services.runtime import metrics
from services.runtime.broker import Broker
from services.runtime.deliveries import Deliveries
from services.runtime.errors import TransientError
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
    metrics.introduce_queue(queue, prefetch)
    metrics.IN_HAND.labels(queue).set_function(deliveries.in_hand)
    metrics.OLDEST_SECONDS.labels(queue).set_function(deliveries.oldest_age_s)
    ending = asyncio.ensure_future(_end_at_stop(deliveries, stop))
    try:
        while taken := await deliveries.next_batch(batch):
            _measure_taken(queue, taken)
            started = time.monotonic()
            await handle(taken)
            await deliveries.acknowledge()
            metrics.BATCH_SECONDS.labels(queue).observe(time.monotonic() - started)
            metrics.BATCH_MAILS.labels(queue).observe(len(taken))
    except TransientError:
        metrics.BATCH_FAILURES.labels(queue).inc()
        raise
    finally:
        ending.cancel()
        metrics.IN_HAND.labels(queue).set_function(lambda: 0.0)  # the broker has them again
        metrics.OLDEST_SECONDS.labels(queue).set_function(lambda: 0.0)


def _measure_taken(queue: str, taken: Sequence[Delivery]) -> None:
    wait, now_s = metrics.WAIT_SECONDS.labels(queue), time.time()
    for delivery in taken:
        if delivery.published_at_s is not None:
            wait.observe(max(0.0, now_s - delivery.published_at_s))
    metrics.REDELIVERED.labels(queue).inc(sum(delivery.redelivered for delivery in taken))


async def _end_at_stop(deliveries: Deliveries, stop: Stop) -> None:
    await stop.wait()
    deliveries.end()
