"""The broker operations of the bare programs: consuming what waits in a queue, and publishing in
groups with confirms.

They use aiormq, as Mailcase does; aio-pika's message objects would make the baseline more
expensive.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import aiormq
import aiormq.abc
from pamqp.commands import Basic

_AT_ONCE = 100
_PERSISTENT = 2

Message = aiormq.abc.DeliveredMessage


class Inbox:
    """The bodies of the messages that a queue delivers."""

    def __init__(self) -> None:
        self._waiting: list[Message] = []
        self._arrived = asyncio.Event()
        self._last: Message | None = None

    async def put(self, message: Message) -> None:
        self._waiting.append(message)
        self._arrived.set()

    async def messages(self, most: int) -> AsyncIterator[list[Message]]:
        """All waiting messages, up to `most`."""
        while await self._arrived.wait():
            taken, self._waiting = self._waiting[:most], self._waiting[most:]
            if not self._waiting:
                self._arrived.clear()
            self._last = taken[-1]
            yield taken

    async def batches(self, most: int) -> AsyncIterator[list[bytes]]:
        """The bodies of all waiting messages, up to `most` at a time."""
        async for taken in self.messages(most):
            yield [message.body for message in taken]

    async def acknowledge(self) -> None:
        if self._last is not None and self._last.delivery_tag is not None:
            await self._last.channel.basic_ack(self._last.delivery_tag, multiple=True)


class Link:
    """A connection with one channel for publishing."""

    def __init__(self, connection: aiormq.Connection, channel: aiormq.Channel) -> None:
        self._connection = connection
        self._channel = channel

    @classmethod
    @asynccontextmanager
    async def opened(cls, url: str) -> AsyncIterator["Link"]:
        connection = aiormq.Connection(url)
        await connection.connect()
        try:
            yield cls(connection, await _channel(connection, confirms=True))
        finally:
            await connection.close()

    async def depth(self, queue: str) -> int:
        """Messages ready in a queue."""
        return (await self._channel.queue_declare(queue, passive=True)).message_count or 0

    async def purge(self, queue: str) -> None:
        await self._channel.queue_purge(queue)

    async def publish(
        self, exchange: str, key: str, bodies: Sequence[bytes], *, mandatory: bool = True
    ) -> None:
        """Publish in groups of up to a hundred, and wait for all confirms."""

        async def one(body: bytes) -> None:
            properties = Basic.Properties(delivery_mode=_PERSISTENT)
            await self._channel.basic_publish(
                body,
                exchange=exchange,
                routing_key=key,
                mandatory=mandatory,
                properties=properties,
                wait=False,
            )

        for start in range(0, len(bodies), _AT_ONCE):
            await asyncio.gather(*(one(body) for body in bodies[start : start + _AT_ONCE]))

    async def consume(self, queue: str, prefetch: int, *, no_ack: bool = False) -> Inbox:
        inbox = Inbox()
        channel = await _channel(self._connection, confirms=False)
        await channel.basic_qos(prefetch_count=prefetch)
        await channel.basic_consume(queue, inbox.put, no_ack=no_ack)
        return inbox

    async def consume_own(self, queue: str, exchange: str, key: str) -> Inbox:
        """Consume a bound, exclusive queue without acknowledgements."""
        inbox = Inbox()
        channel = await _channel(self._connection, confirms=False)
        await channel.queue_declare(queue, exclusive=True, durable=False)
        await channel.queue_bind(queue, exchange, key)
        await channel.basic_consume(queue, inbox.put, no_ack=True)
        return inbox


async def _channel(connection: aiormq.Connection, *, confirms: bool) -> aiormq.Channel:
    channel = await connection.channel(publisher_confirms=confirms)
    assert isinstance(channel, aiormq.Channel)  # the interface lacks attributes that are used here
    return channel
