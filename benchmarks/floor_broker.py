"""The broker's side of the bare programs: what waits in a queue, and publishing together with confirms."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage

_AT_ONCE = 100


class Inbox:
    """Bodies of what a queue delivers."""

    def __init__(self) -> None:
        self._waiting: list[AbstractIncomingMessage] = []
        self._arrived = asyncio.Event()
        self._last: AbstractIncomingMessage | None = None

    async def put(self, message: AbstractIncomingMessage) -> None:
        self._waiting.append(message)
        self._arrived.set()

    async def messages(self, most: int) -> AsyncIterator[list[AbstractIncomingMessage]]:
        """Whatever waits, up to `most`."""
        while await self._arrived.wait():
            taken, self._waiting = self._waiting[:most], self._waiting[most:]
            if not self._waiting:
                self._arrived.clear()
            self._last = taken[-1]
            yield taken

    async def batches(self, most: int) -> AsyncIterator[list[bytes]]:
        """The bodies of whatever waits, up to `most`."""
        async for taken in self.messages(most):
            yield [message.body for message in taken]

    async def acknowledge(self) -> None:
        if self._last is not None:
            await self._last.ack(multiple=True)


class Link:
    """A connection with one channel to publish on."""

    def __init__(self, connection: AbstractConnection, channel: AbstractChannel) -> None:
        self._connection = connection
        self._channel = channel

    @classmethod
    @asynccontextmanager
    async def opened(cls, url: str) -> AsyncIterator["Link"]:
        async with await aio_pika.connect(url, heartbeat=60) as connection:
            yield cls(connection, await connection.channel(publisher_confirms=True))

    async def depth(self, queue: str) -> int:
        """Messages ready in a queue."""
        declared = await self._channel.declare_queue(queue, passive=True)
        return declared.declaration_result.message_count or 0

    async def purge(self, queue: str) -> None:
        await (await self._channel.get_queue(queue, ensure=False)).purge()

    async def publish(self, exchange: str, key: str, bodies: Sequence[bytes], *, mandatory: bool = True) -> None:
        """Together, up to a hundred at once, and all confirms."""
        channel = self._channel
        target = await channel.get_exchange(exchange, ensure=False) if exchange else channel.default_exchange
        persistent = aio_pika.DeliveryMode.PERSISTENT
        for start in range(0, len(bodies), _AT_ONCE):
            messages = [aio_pika.Message(body, delivery_mode=persistent) for body in bodies[start : start + _AT_ONCE]]
            await asyncio.gather(*(target.publish(message, key, mandatory=mandatory) for message in messages))

    async def consume(self, queue: str, prefetch: int, *, no_ack: bool = False) -> Inbox:
        inbox = Inbox()
        channel = await self._connection.channel(publisher_confirms=False)
        await channel.set_qos(prefetch_count=prefetch)
        await (await channel.get_queue(queue, ensure=False)).consume(inbox.put, no_ack=no_ack)
        return inbox

    async def consume_own(self, queue: str, exchange: str, key: str) -> Inbox:
        """An exclusive queue, bound; nothing to acknowledge."""
        inbox = Inbox()
        channel = await self._connection.channel(publisher_confirms=False)
        declared = await channel.declare_queue(queue, exclusive=True, durable=False)
        await declared.bind(exchange, key)
        await declared.consume(inbox.put, no_ack=True)
        return inbox
