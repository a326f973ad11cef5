"""Browsing a queue: each message is either removed or returns to its place."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue

from services.runtime.broker.connection import Broker
from services.runtime.broker.deliveries import as_delivery
from services.runtime.broker.driver_errors import translate_driver_errors
from services.runtime.broker.messages import Delivery


class Found:
    """A held message; it returns to the queue when browsing ends, unless it was removed."""

    def __init__(self, message: AbstractIncomingMessage) -> None:
        self._message = message
        self.delivery: Delivery = as_delivery(message, message.properties)

    async def take(self) -> None:
        """Remove the message from the queue. Raises TransientError."""
        with translate_driver_errors("take a message"):
            await self._message.ack()


class Browser:
    """Yields each message once and loses none, whatever happens.

    It yields at most as many messages as the queue had at first, so that a message that returns is
    not yielded repeatedly.
    """

    def __init__(self, queue: AbstractQueue) -> None:
        self._queue = queue
        # A queue without a leader reports 0; getting one message reveals the error.
        self._at_most = max(1, queue.declaration_result.message_count or 0)

    async def __aiter__(self) -> AsyncIterator[Found]:
        """Yields until the queue is empty. Raises TransientError."""
        for _ in range(self._at_most):
            with translate_driver_errors(f"look into {self._queue.name}"):
                message = await self._queue.get(fail=False)
            if message is None:
                return
            yield Found(message)


@asynccontextmanager
async def browse_queue(broker: Broker, queue: str) -> AsyncIterator[Browser]:
    """Browse a queue. Messages that are not removed return to their places.

    Raises TransientError.
    """
    with translate_driver_errors(f"look into {queue}"):
        channel = await broker.open_channel(prefetch=0)
        source = await channel.declare_queue(queue, passive=True)
    try:
        yield Browser(source)
    except asyncio.CancelledError:
        # a call may be unfinished, and the driver would wait for its response; the channel closes
        # with the connection
        raise
    except BaseException:
        await _leave(channel, queue)
        raise
    await _leave(channel, queue)


async def _leave(channel: AbstractChannel, queue: str) -> None:
    channel.close_callbacks.clear()
    with translate_driver_errors(f"leave {queue}"):
        await channel.close()
