"""Lists dead letters, requeues them, and removes them with a record of who did it and why."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection
from contextlib import aclosing

from schemas.stored import Discard, DiscardedMessage, to_document
from services.runtime.broker.browse import Found, browse_queue
from services.runtime.broker.connection import Broker
from services.runtime.broker.letters import DeadLetter
from services.runtime.broker.messages import Outgoing
from services.runtime.broker.topology import dead_name
from services.runtime.store.blobs import Blobs
from services.runtime.store.mongo import Store

MAX_LETTERS = 200  # of a queue at once: letters stay unacknowledged while they are browsed
Allowed = Callable[[DeadLetter], bool]
Act = Callable[[Found, DeadLetter], Awaitable[None]]


class DeadLetters:
    """The dead letters of `origins`, the queues in which messages failed.

    Methods raise TransientError. Calls wait for each other: while a queue is browsed, its messages
    are unacknowledged, and another call would find it empty.
    """

    def __init__(self, broker: Broker, origins: Collection[str]) -> None:
        self._broker = broker
        self._origins = origins
        self._turn = asyncio.Lock()

    async def browse(self, allowed: Allowed) -> list[DeadLetter]:
        """The letters that may be seen, at most 200 of each queue, oldest first."""
        async with self._turn:
            found = []
            for origin in self._origins:
                async with aclosing(browse_letters(self._broker, origin)) as letters:
                    found += [letter async for _, letter in letters if allowed(letter)]
            return found

    async def requeue(self, ids: Collection[str], allowed: Allowed) -> list[str]:
        """Return letters to the queues in which they failed; returns the ids of those that were
        found.
        """

        async def act(found: Found, letter: DeadLetter) -> None:
            await requeue_letter(self._broker, found, letter)

        return await self._each(ids, allowed, act)

    async def discard(
        self, ids: Collection[str], allowed: Allowed, note: Discard, store: Store
    ) -> list[str]:
        """Remove letters; the database keeps each. Returns the ids of those that were found."""

        async def act(found: Found, letter: DeadLetter) -> None:
            await discard_letter(store, found, letter, note)

        return await self._each(ids, allowed, act)

    async def _each(self, ids: Collection[str], allowed: Allowed, act: Act) -> list[str]:
        """Apply an action to the letters with these ids. All duplicates of a letter have the same
        id.
        """
        done: dict[str, None] = {}
        async with self._turn:
            for origin in self._origins:
                async with aclosing(browse_letters(self._broker, origin)) as letters:
                    async for found, letter in letters:
                        if letter.id in ids and allowed(letter):
                            await act(found, letter)
                            done[letter.id] = None
        return list(done)


async def browse_letters(
    broker: Broker, origin: str, limit: int | None = MAX_LETTERS
) -> AsyncGenerator[tuple[Found, DeadLetter], None]:
    """The dead letters of a queue, oldest first. Each stays unacknowledged until the end, so that
    none is listed twice. `limit` None lists all. Raises TransientError.
    """
    async with browse_queue(broker, dead_name(origin)) as queue:
        seen = 0
        async for found in queue:
            yield found, DeadLetter(origin, found.delivery)
            seen += 1
            if seen == limit:
                return


async def requeue_letter(broker: Broker, found: Found, letter: DeadLetter) -> None:
    """Return a letter to the queue in which it failed. Raises TransientError."""
    # Published directly to the queue, because the exchange would archive it again.
    await broker.publish(Outgoing.copy_of(letter.delivery, letter.origin, letter.headers))
    await found.take()


async def discard_letter(store: Store, found: Found, letter: DeadLetter, note: Discard) -> None:
    """Remove a letter; the database keeps it. Raises TransientError."""
    body = await Blobs(store).put(letter.delivery.body)
    discarded = DiscardedMessage(
        id=uuid.uuid4().hex,
        queue=letter.origin,
        tag=letter.delivery.tag,
        message_id=letter.delivery.message_id,
        reason=letter.reason,
        body=body.sha256,
        discarded=note,
    )
    await store.collection(DiscardedMessage.COLLECTION).insert([to_document(discarded)])
    await found.take()
