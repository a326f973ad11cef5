"""A queue looked through by a person: how long it is, what is in it, one message after the other
taken or left.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue

from services.runtime.broker.connection import Broker
from services.runtime.broker.deliveries import as_delivery
from services.runtime.broker.driver_errors import translate_driver_errors
from services.runtime.broker.messages import Delivery


class Found:
    """A message that is held: taken for good by `take`, else back in the queue when the looking
    ends.
    """

    def __init__(self, message: AbstractIncomingMessage) -> None:
        self._message = message
        self.delivery: Delivery = as_delivery(message, message.properties)

    async def take(self) -> None:
        """Raises TransientError."""
        with translate_driver_errors("take a message"):
            await self._message.ack()


class Browser:
    """Hands out each message once; none is lost, whatever happens.

    No more than were there at the beginning: one that comes back while someone looks would be found
    without end.
    """

    def __init__(self, queue: AbstractQueue) -> None:
        self._queue = queue
        # A queue whose leader is away says 0: taking one shows what is wrong.
        self._at_most = max(1, queue.declaration_result.message_count or 0)

    async def __aiter__(self) -> AsyncIterator[Found]:
        """Until the queue has no more. Raises TransientError."""
        for _ in range(self._at_most):
            with translate_driver_errors(f"look into {self._queue.name}"):
                message = await self._queue.get(fail=False)
            if message is None:
                return
            yield Found(message)


@asynccontextmanager
async def browse_queue(broker: Broker, queue: str) -> AsyncIterator[Browser]:
    """Look through a queue; what was not taken goes back to its place at the end. Raises
    TransientError.
    """
    with translate_driver_errors(f"look into {queue}"):
        channel = await broker.open_channel(prefetch=0)
        source = await channel.declare_queue(queue, passive=True)
    try:
        yield Browser(source)
    except asyncio.CancelledError:
        # perhaps amid a call, whose answer the driver would wait for; the connection's end closes
        # the channel
        raise
    except BaseException:
        await _leave(channel, queue)
        raise
    await _leave(channel, queue)


async def _leave(channel: AbstractChannel, queue: str) -> None:
    channel.close_callbacks.clear()
    with translate_driver_errors(f"leave {queue}"):
        await channel.close()
