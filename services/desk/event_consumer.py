"""Consumes the queue `desk.index`, which all desks share: decode, store deliveries, index."""

import time
from collections.abc import Callable, Sequence

from schemas.case_events import CaseEvent, decode_case_event
from schemas.codec import UnreadableMessageError
from schemas.reasons import DeadLetterReason
from services.desk.search.index import SearchIndex
from services.desk.search.selection import select
from services.desk.webhooks.payload import new_delivery, wants
from services.desk.webhooks.repository import Webhooks
from services.runtime.broker.connection import Broker
from services.runtime.broker.consume import handle_batches
from services.runtime.broker.dead_letters import dead_letter, reject_unreadable
from services.runtime.broker.messages import Delivery
from services.runtime.broker.topology import DESK_INDEX
from services.runtime.errors import TransientError
from services.runtime.process.lifecycle import Stop

BATCH = 100
MAX_AGE_S = 120.0  # of an event; older ones are indexed without letting requests pass


class EventConsumer:
    """Turns each event into deliveries of webhooks, and brings the search index up to date.

    One queue for both, because every queue that an event goes to costs the broker about as much as
    the event itself. Handling an event twice makes no difference.
    """

    def __init__(
        self, index: SearchIndex, webhooks: Webhooks, broker: Broker, wake: Callable[[], None]
    ) -> None:
        """`wake` is called after deliveries were stored."""
        self._index = index
        self._webhooks = webhooks
        self._broker = broker
        self._wake = wake

    async def run(self, stop: Stop) -> None:
        """Consume until `stop`. If it raises TransientError, unacknowledged events are delivered
        again.
        """
        await handle_batches(
            self._broker,
            DESK_INDEX,
            self.handle,
            stop,
            batch=BATCH,
            prefetch=2 * BATCH,
            decode=decode_case_event,
        )

    async def handle(self, deliveries: Sequence[Delivery]) -> None:
        """Handle a batch. An event on which our own code fails becomes a dead letter."""
        events = await self._decoded(deliveries)
        is_late = any(_age_s(delivery) > MAX_AGE_S for delivery in deliveries)
        try:
            await self._apply([event for event, _ in events], is_late=is_late)
        except TransientError:
            raise
        except Exception:  # noqa: BLE001 - the events are then handled one by one, and reported
            for event, delivery in events:
                await self._handle_alone(event, delivery)

    async def _decoded(self, deliveries: Sequence[Delivery]) -> list[tuple[CaseEvent, Delivery]]:
        events = []
        for delivery in deliveries:
            try:
                events.append((decode_case_event(delivery.body), delivery))
            except UnreadableMessageError as error:
                await reject_unreadable(self._broker, DESK_INDEX, delivery, error)
        return events

    async def _handle_alone(self, event: CaseEvent, delivery: Delivery) -> None:
        try:
            await self._apply([event], is_late=True)
        except TransientError:
            raise
        except Exception as error:  # noqa: BLE001 - reported with its traceback
            await dead_letter(
                self._broker,
                DESK_INDEX,
                delivery,
                f"{DeadLetterReason.NOT_HANDLED}: {error!r}",
                error,
            )

    async def _apply(self, events: Sequence[CaseEvent], *, is_late: bool) -> None:
        await self._store_deliveries(events)
        await self._index.update(select(events), is_late=is_late)

    async def _store_deliveries(self, events: Sequence[CaseEvent]) -> None:
        webhooks = await self._webhooks.active()
        wanted = [
            (webhook, event) for event in events for webhook in webhooks if wants(webhook, event)
        ]
        if wanted:
            now = await self._webhooks.now()
            await self._webhooks.put([new_delivery(*pair, now) for pair in wanted])
            self._wake()


def _age_s(delivery: Delivery) -> float:
    """Seconds since the event was published; 0 if that is not known."""
    published_s = delivery.published_at_s
    return 0.0 if published_s is None else time.time() - published_s
