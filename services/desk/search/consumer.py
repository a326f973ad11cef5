"""Consumes the queue `desk.index`, which all desks share: decode, select, index."""

from collections.abc import Sequence

from schemas.case_events import CaseEvent, decode_case_event
from schemas.codec import UnreadableMessageError
from services.desk.search.index import SearchIndex
from services.desk.search.selection import select
from services.runtime.broker.connection import Broker
from services.runtime.broker.consume import handle_batches
from services.runtime.broker.dead_letters import dead_letter, reject_unreadable
from services.runtime.broker.messages import Delivery
from services.runtime.broker.topology import DESK_INDEX
from services.runtime.errors import TransientError
from services.runtime.process.lifecycle import Stop

BATCH = 100


class IndexConsumer:
    """Brings the index up to date with the events of one batch after another."""

    def __init__(self, index: SearchIndex, broker: Broker) -> None:
        self._index = index
        self._broker = broker

    async def run(self, stop: Stop) -> None:
        """Consume until `stop`. Raises TransientError; unacknowledged events come again."""
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
        """Index what a batch concerns; an event that our own code fails on becomes a dead letter."""
        events = await self._decoded(deliveries)
        try:
            await self._index.update(select(event for event, _ in events))
        except TransientError:
            raise
        except Exception:  # noqa: BLE001 - found out one by one below, and reported there
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
            await self._index.update(select([event]))
        except TransientError:
            raise
        except Exception as error:  # noqa: BLE001 - reported with its trace
            await dead_letter(self._broker, DESK_INDEX, delivery, f"not indexed: {error!r}", error)
