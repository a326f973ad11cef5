"""Publishes the events of what people did, and wakes the sender.

The database already contains both. The desk therefore responds at once, even if the broker is busy
or away; the sweep of any process publishes what the desk could not.
"""

import asyncio
import uuid
from collections.abc import Sequence

from schemas.changes import Change
from schemas.events import AccessChanged
from schemas.sending import SendMail
from services.casework.dead_letters import DeadLetters
from services.casework.publisher import ChangePublisher
from services.runtime.broker.connection import Broker
from services.runtime.broker.messages import Outgoing
from services.runtime.broker.topology import ACCESS_CHANGED, SENDER_WORK, dead_name
from services.runtime.errors import TransientError
from services.runtime.logs import get_logger

log = get_logger(__name__)

PATIENCE_S = 2.0


class DeskEvents:
    """Publishes on the current connection to the broker, if there is one."""

    def __init__(self, origins: Sequence[str]) -> None:
        """`origins` are the queues whose messages can become dead letters."""
        self._origins = origins
        self._broker: Broker | None = None
        self._publisher: ChangePublisher | None = None
        self._letters: DeadLetters | None = None
        self._publishing: set[asyncio.Task[None]] = set()

    def connected(self, broker: Broker, publisher: ChangePublisher) -> None:
        self._broker, self._publisher = broker, publisher
        self._letters = DeadLetters(broker, self._origins)

    def disconnected(self) -> None:
        self._broker = self._publisher = self._letters = None

    def dead_letters(self) -> DeadLetters:
        """The broker's dead letters. Raises TransientError without a connection."""
        if self._letters is None:
            raise TransientError("the broker is not connected")
        return self._letters

    async def send(self, message: Outgoing) -> None:
        """Publish one message now. Raises TransientError without a connection."""
        if self._broker is None:
            raise TransientError("the broker is not connected")
        await self._broker.publish(message)

    async def length(self, queue: str) -> int:
        """How many messages wait in a queue. Raises TransientError if there is no response within
        two seconds.
        """
        return (await self._lengths([queue]))[0]

    async def dead_count(self) -> int:
        """How many dead letters wait in all queues. Raises TransientError as `length` does."""
        return sum(await self._lengths([dead_name(origin) for origin in self._origins]))

    async def _lengths(self, queues: Sequence[str]) -> list[int]:
        if self._broker is None:
            raise TransientError("the broker is not connected")
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await self._broker.lengths(queues)
        except TimeoutError as error:
            raise TransientError("the broker does not answer") from error

    async def announce(self, subjects: Sequence[str]) -> None:
        """Make the other desks check the streams of `subjects`. Never raises: they also check by
        themselves.
        """
        if self._broker is None:
            return
        try:
            async with asyncio.timeout(PATIENCE_S):
                await announce_access_change(self._broker, subjects)
        except (TransientError, TimeoutError) as error:
            log.warning("access_change_not_announced", error=error)

    def publish_soon(self, changes: Sequence[Change], outgoing: Sequence[str] = ()) -> None:
        """Publish the events of `changes`, and wake the sender for mails of the outbox, after the
        response: a person must not wait for the confirms of a busy broker.
        """
        task = asyncio.create_task(self._publish(changes, outgoing))
        self._publishing.add(task)  # the loop itself has only weak references to tasks
        task.add_done_callback(self._publishing.discard)

    async def _publish(self, changes: Sequence[Change], outgoing: Sequence[str]) -> None:
        if self._broker is None or self._publisher is None:
            return
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._publisher.publish(changes)
                wakeups = [
                    Outgoing.of(SendMail(id=mail_id), mail_id, SENDER_WORK) for mail_id in outgoing
                ]
                await self._broker.publish_all(wakeups)
        except (TransientError, TimeoutError) as error:
            log.warning("events_postponed", changes=len(changes), error=error)


async def announce_access_change(broker: Broker, subjects: Sequence[str]) -> None:
    """Make every desk check the streams of `subjects`. Raises TransientError."""
    message = AccessChanged(subjects=list(subjects))
    await broker.publish(Outgoing.event(message, uuid.uuid4().hex, ACCESS_CHANGED))
