"""Feeds the hub from the broker: one queue for this desk, whatever the number of streams."""

import asyncio
import uuid
from collections.abc import Callable

from schemas.case_events import decode_case_event
from schemas.codec import UnreadableMessageError, decode_access_changed
from services.desk.live.hub import LiveHub
from services.runtime.broker.connection import Broker
from services.runtime.broker.messages import Delivery
from services.runtime.broker.topology import ACCESS_CHANGED, EVENT, live_queue
from services.runtime.logs import get_logger
from services.runtime.process.lifecycle import Stop

log = get_logger(__name__)

BATCH = 50  # requests are served between two batches


class LiveFeed:
    """Passes every case event to the hub while the connection lives."""

    def __init__(self, hub: LiveHub, broker: Broker) -> None:
        self._hub = hub
        self._broker = broker

    async def run(self, stop: Stop) -> None:
        """Feed until `stop`. Raises TransientError.

        The queue has no earlier events, so all clients are asked to fetch.
        """
        name = live_queue(uuid.uuid4().hex)
        queue = await self._broker.live_queue(name, EVENT, "case.#", ACCESS_CHANGED)
        self._hub.refetch()
        stopping = asyncio.ensure_future(_end_at_stop(queue.deliveries.end, stop))
        try:
            while batch := await queue.deliveries.next_batch(BATCH):
                for delivery in batch if len(self._hub) else ():
                    self._take(delivery)
                await asyncio.sleep(0)
        finally:
            stopping.cancel()
        await queue.release()

    def _take(self, delivery: Delivery) -> None:
        try:
            if delivery.routing_key == ACCESS_CHANGED:
                self._hub.check(decode_access_changed(delivery.body).subjects)
            else:
                self._hub.publish(decode_case_event(delivery.body))
        except UnreadableMessageError as error:
            log.warning("live_event_unreadable", error=error)
            self._hub.refetch()


async def _end_at_stop(end: Callable[[], None], stop: Stop) -> None:
    await stop.wait()
    end()
