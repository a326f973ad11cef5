"""The background work of a desk: indexing, notifying webhooks, feeding its open pages."""

from services.desk.desk import Desk
from services.desk.event_consumer import EventConsumer
from services.desk.live.feed import LiveFeed
from services.desk.search.index import SearchIndex
from services.desk.webhooks.owners import OfOwner, WebhookOwners
from services.desk.webhooks.worker import WebhookWorker
from services.runtime.broker.connection import Broker
from services.runtime.process.lifecycle import Stop, all_of


class BackgroundWork:
    """The parts of a desk that follow events."""

    def __init__(self, desk: Desk, of_owner: OfOwner) -> None:
        """`of_owner` returns the present state of a user or a token; see `WebhookOwners`."""
        self._desk = desk
        self._index = SearchIndex(desk.store, desk.activity)
        owners = WebhookOwners(desk.access, of_owner)
        self._worker = WebhookWorker(desk.webhooks, desk.webhook_sender, owners.may_see)

    async def follow_events(self, broker: Broker, stop: Stop) -> None:
        """Run the work that needs the broker, until `stop`. If it raises TransientError, repeat it
        on a new connection.
        """
        events = EventConsumer(self._index, self._desk.webhooks, broker, self._worker.wake)
        await all_of(
            [
                events.run(stop),
                LiveFeed(self._desk.live, broker).run(stop),
            ]
        )

    async def run(self, stop: Stop) -> None:
        """Run the work that needs only the database, until `stop`; then end the open streams."""
        await all_of([self._worker.run(stop), self._close_streams(stop)])

    async def _close_streams(self, stop: Stop) -> None:
        await stop.wait()
        self._desk.live.close()
