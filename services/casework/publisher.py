"""Publishes changes as events: the history is the outbox.

Every process runs this. If a process dies between its commit and its publishing, no event is lost:
the next sweep of another process finds the publication.

An event may be published twice. The first copies of a case's events are in the order of its
revisions, because a publisher publishes a change only after everything before it in that case.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol, TypeVar

from schemas.changes import Change, Publication
from schemas.cloud_events import CONTENT_TYPE, cloud_event, name_of
from schemas.stored import from_document
from services.runtime.broker.messages import Outgoing
from services.runtime.errors import TransientError
from services.runtime.logs import get_logger
from services.runtime.process.lifecycle import Stop
from services.runtime.store.collection import Document
from services.runtime.store.mongo import Store

log = get_logger(__name__)

T = TypeVar("T")

SWEPT_TOGETHER = 50
REMOVED_TOGETHER = 1000
SWEEP_INTERVAL_S = 1.0
# A writer publishes its changes at once and removes the publication shortly after. The sweep finds
# what was not published.
GRACE = timedelta(seconds=3)


class EventOutlet(Protocol):
    """Where events go; the broker is the real one."""

    async def publish_all(self, messages: list[Outgoing]) -> None:
        """Publish with confirms. Raises TransientError."""


class ChangePublisher:
    """Publishes what is not published yet, oldest revision of each case first."""

    def __init__(self, store: Store, outlet: EventOutlet) -> None:
        self._changes = store.collection(Change.COLLECTION)
        self._publications = store.collection(Publication.COLLECTION)
        self._outlet = outlet
        self._done: list[str] = []  # publications that the next sweep removes

    async def publish(self, changes: Sequence[Change]) -> None:
        """Publish all changes of one transaction, and unpublished ones before them.

        Raises TransientError; a sweep publishes them then.
        """
        if changes:
            await self._publish_before(changes)
            await self._send(changes)
            self._done.append(changes[0].id)

    async def catch_up(self, cases: Collection[int]) -> None:
        """Publish the unpublished changes of these cases. Raises TransientError."""
        if cases:
            waiting = await self._publications.find({"cases": {"$in": sorted(cases)}})
            await self._send(
                [change for change in await self._changes_of(waiting) if change.case in cases]
            )

    async def sweep(self, grace: timedelta = GRACE) -> int:
        """Publish changes that are unpublished after `grace`; returns how many. Raises
        TransientError.
        """
        await self._remove_done()
        published = 0
        while True:
            old = {"at": {"$lte": datetime.now(UTC) - grace}}
            waiting = await self._publications.find(old, sort="at", limit=SWEPT_TOGETHER)
            if not waiting:
                return published
            changes = await self._changes_of(waiting)
            await self._publish_before(changes)
            await self._send(changes)
            published += len(changes)
            self._done += [publication["_id"] for publication in waiting]
            await self._remove_done()

    async def run(self, stop: Stop) -> None:
        """Sweep until `stop`. Waits during an outage."""
        while not await stop.wait(SWEEP_INTERVAL_S):
            await self._swept()
        await self._swept()

    async def _swept(self) -> None:
        try:
            published = await self.sweep()
        except TransientError as error:
            log.warning("event_sweep_failed", error=error)
        else:
            if published:
                log.info("events_published_late", changes=published)

    async def _publish_before(self, changes: Sequence[Change]) -> None:
        """Publish changes of the same cases that other processes left unpublished, below these
        revisions.
        """
        ordered = sorted(changes, key=lambda change: change.revision, reverse=True)
        first = {change.case: change.revision for change in ordered}
        cases = sorted(case for case, revision in first.items() if revision > 1)
        if not cases:
            return
        published = {*(change.id for change in changes), *self._done}
        waiting = await self._publications.find({"cases": {"$in": cases}})
        others = await self._changes_of(
            [publication for publication in waiting if publication["_id"] not in published]
        )
        await self._send(
            [change for change in others if change.revision < first.get(change.case, 0)]
        )

    async def _changes_of(self, publications: Sequence[Document]) -> list[Change]:
        ids = [change for publication in publications for change in publication["changes"]]
        found = await self._changes.find({"_id": {"$in": ids}}) if ids else []
        return [from_document(document, Change) for document in found]

    async def _send(self, changes: Sequence[Change]) -> None:
        ordered = sorted(changes, key=lambda change: (change.case, change.revision))
        if ordered:
            await publish_each(self._outlet, ordered, event_message)

    async def _remove_done(self) -> None:
        """Remove publications of published changes. If the process dies first, they are published
        again.
        """
        while self._done:
            ids = self._done[:REMOVED_TOGETHER]
            await self._publications.delete({"_id": {"$in": ids}})
            del self._done[: len(ids)]


async def publish_each(
    outlet: EventOutlet, sources: Sequence[T], message: Callable[[T], Outgoing]
) -> None:
    """Publish the message of each source; one that our own code fails on is logged and left out.

    Raises TransientError.
    """
    messages = []
    for source in sources:
        try:
            messages.append(message(source))
        except Exception:  # a bug that this event triggers
            log.exception("event_not_published", source=type(source).__name__)
    try:
        await outlet.publish_all(messages)
    except TransientError:
        raise
    except Exception as error:  # noqa: BLE001 - logged with its source; the others are published
        log.warning("events_published_one_by_one", error=error)
        for outgoing in messages:
            await _publish_alone(outlet, outgoing)


async def _publish_alone(outlet: EventOutlet, message: Outgoing) -> None:
    try:
        await outlet.publish_all([message])
    except TransientError:
        raise
    except Exception:
        log.exception("event_not_published", event=message.message_id)


def event_message(change: Change) -> Outgoing:
    """The message of a change; routing key `case.<what>.<process>`."""
    event = cloud_event(change)
    key = f"case.{name_of(change.what)}.{change.process}"
    return Outgoing.event(event, change.id, key, tag=event.type, content_type=CONTENT_TYPE)
