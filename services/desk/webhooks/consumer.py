"""Consumes the queue `desk.webhooks`, which all desks share: an event becomes its deliveries."""

from collections.abc import Callable, Sequence

from schemas.case_events import CaseEvent, decode_case_event
from schemas.codec import UnreadableMessageError
from services.desk.webhooks.payload import new_delivery, wants
from services.desk.webhooks.repository import Webhooks
from services.runtime.broker.connection import Broker
from services.runtime.broker.consume import handle_batches
from services.runtime.broker.dead_letters import reject_unreadable
from services.runtime.broker.messages import Delivery
from services.runtime.broker.topology import DESK_WEBHOOKS
from services.runtime.process.lifecycle import Stop

BATCH = 100


class WebhookConsumer:
    """Stores a delivery for each webhook that asks for an event, then acknowledges the event."""

    def __init__(self, webhooks: Webhooks, broker: Broker, wake: Callable[[], None]) -> None:
        """`wake` is called when deliveries were stored."""
        self._webhooks = webhooks
        self._broker = broker
        self._wake = wake

    async def run(self, stop: Stop) -> None:
        """Consume until `stop`. Raises TransientError; unacknowledged events come again."""
        await handle_batches(
            self._broker,
            DESK_WEBHOOKS,
            self.handle,
            stop,
            batch=BATCH,
            prefetch=2 * BATCH,
            decode=decode_case_event,
        )

    async def handle(self, deliveries: Sequence[Delivery]) -> None:
        """Store what a batch of events is to be delivered as; twice makes no difference."""
        events = await self._decoded(deliveries)
        webhooks = await self._webhooks.active()
        wanted = [
            (webhook, event) for event in events for webhook in webhooks if wants(webhook, event)
        ]
        if wanted:
            now = await self._webhooks.now()
            await self._webhooks.put([new_delivery(*pair, now) for pair in wanted])
            self._wake()

    async def _decoded(self, deliveries: Sequence[Delivery]) -> list[CaseEvent]:
        events = []
        for delivery in deliveries:
            try:
                events.append(decode_case_event(delivery.body))
            except UnreadableMessageError as error:
                await reject_unreadable(self._broker, DESK_WEBHOOKS, delivery, error)
        return events
