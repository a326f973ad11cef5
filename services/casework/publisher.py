"""Publishes changes as events: the history is the outbox.

Any process may run this, and all of them do: a process that dies between its commit and its publishing
loses no event, because the next sweep of any other finds the change unpublished. An event may come
twice. The first copies of a case's events come in the order of its revisions, since a publisher takes
up a change only after everything before it in that case.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol

from schemas.changes import Change
from schemas.cloud_events import CONTENT_TYPE, cloud_event, name_of
from schemas.codec import encode_json
from schemas.stored import from_document
from services.runtime.errors import TransientError
from services.runtime.lifecycle import Stop
from services.runtime.logs import get_logger
from services.runtime.messages import Outgoing
from services.runtime.store import Store
from services.runtime.topology import EVENT

log = get_logger(__name__)

PAGE = 200
SWEEP_INTERVAL_S = 2.0


class EventOutlet(Protocol):
    """Where events go; the broker is the real one."""

    async def publish_all(self, messages: list[Outgoing]) -> None:
        """Publish with confirms. Raises TransientError."""


class ChangePublisher:
    """Publishes what is not published yet, oldest revision of each case first."""

    def __init__(self, store: Store, outlet: EventOutlet) -> None:
        self._changes = store.collection(Change.COLLECTION)
        self._outlet = outlet

    async def publish(self, changes: Sequence[Change]) -> None:
        """Publish changes that were just written, with what is still unpublished before them.

        Raises TransientError; a sweep publishes them then.
        """
        await self._publish_before(changes)
        await self._send(changes)

    async def sweep(self) -> int:
        """Publish everything that is unpublished; returns how many changes. Raises TransientError."""
        published = 0
        while True:
            found = await self._changes.find({"published_at": None}, sort="at", limit=PAGE)
            if not found:
                return published
            changes = [from_document(one, Change) for one in found]
            await self.publish(changes)
            published += len(changes)

    async def run(self, stop: Stop) -> None:
        """Sweep until `stop`. An outage is waited for."""
        while not await stop.wait(SWEEP_INTERVAL_S):
            try:
                published = await self.sweep()
            except TransientError as error:
                log.warning("event_sweep_failed", error=error)
            else:
                if published:
                    log.info("events_published_late", changes=published)

    async def _publish_before(self, changes: Sequence[Change]) -> None:
        """What other processes left unpublished in the same cases, below these revisions."""
        ordered = sorted(changes, key=lambda change: change.revision, reverse=True)
        first = {change.case: change.revision for change in ordered}
        below = [{"case": case, "revision": {"$lt": least}} for case, least in first.items() if least > 1]
        if not below:
            return
        found = await self._changes.find({"published_at": None, "$or": below}, sort="revision")
        if found:
            await self._send([from_document(one, Change) for one in found])

    async def _send(self, changes: Sequence[Change]) -> None:
        ordered = sorted(changes, key=lambda change: (change.case, change.revision))
        await self._outlet.publish_all([event_message(change) for change in ordered])
        marked = {"$set": {"published_at": datetime.now(UTC)}}
        await self._changes.update_all({"_id": {"$in": [change.id for change in ordered]}}, marked)


def event_message(change: Change) -> Outgoing:
    """The message of a change; routing key `case.<what>.<process>`."""
    event = cloud_event(change)
    return Outgoing(
        exchange=EVENT,
        routing_key=f"case.{name_of(change.what)}.{change.process}",
        body=encode_json(event),
        tag=event.type,
        message_id=change.id,
        content_type=CONTENT_TYPE,
        mandatory=False,  # nobody need listen
    )
