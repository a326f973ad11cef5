"""The deliveries of a queue, in batches."""

import asyncio
import time
from collections import deque
from collections.abc import Mapping
from typing import Any

import aiormq.abc
import msgspec
import pamqp.commands
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from services.runtime.broker.driver_errors import translate_driver_errors
from services.runtime.broker.messages import Delivery

# The counts of a quorum queue. Up to RabbitMQ 4.2, the first counts each earlier delivery. From 4.3
# on, the first counts only failed deliveries, and the second counts all of them
# (rabbitmq.com/docs/quorum-queues, poison message handling).
COUNTS = ("x-delivery-count", "x-acquired-count")
# AMQP's own property counts in whole seconds, too coarse to see where a mail waits.
PUBLISHED_AT_MS = "x-mailcase-published-at-ms"

BATCH_BYTES = (
    8 * 1024 * 1024
)  # the limit of a batch, so that few large mails are in memory at a time


class Deliveries:
    """The deliveries of one queue in batches: all that wait, up to a limit, without waiting for
    more.

    Here and for publishing, aiormq's channel is used instead of aio-pika's: a message object and a
    task for each message would cost a third of the total time.
    """

    def __init__(self, queue: str) -> None:
        self.queue = queue
        self._waiting: list[_Received] = []
        self._arrived = asyncio.Event()
        self._more = asyncio.Event()
        self._handed_out: deque[_HandedOut] = deque()
        self._ended = False

    async def consume(self, channel: AbstractChannel, *, no_ack: bool = False) -> None:
        """Let the broker deliver on this channel."""
        below = await channel.get_underlay_channel()
        await below.basic_consume(self.queue, self._put, no_ack=no_ack)

    async def _put(self, message: aiormq.abc.DeliveredMessage) -> None:
        self._waiting.append(_Received.of(message))
        self._arrived.set()
        self._more.set()

    def end(self) -> None:
        """Stop yielding batches; messages not yet yielded are delivered again to another
        consumer.
        """
        self._ended = True
        self._arrived.set()

    async def next_batch(self, most: int) -> list[Delivery]:
        """Wait for at least one delivery, then return up to `most` and BATCH_BYTES; empty after the
        end.
        """
        await self._arrived.wait()
        if self._ended:
            return []
        count = self._first_within_bounds(most)
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        if not self._waiting:
            self._arrived.clear()
        oldest_s = batch[0].delivery.published_at_s
        self._handed_out.append(_HandedOut(batch[-1], len(batch), oldest_s))
        return [received.delivery for received in batch]

    async def next_whole_batch(self, most: int) -> list[Delivery]:
        """Wait until the next batch cannot grow, and return it without handing it out."""
        while (count := self._first_within_bounds(most)) > len(self._waiting):
            self._more.clear()
            await self._more.wait()
        return [received.delivery for received in self._waiting[:count]]

    def _first_within_bounds(self, most: int) -> int:
        size = 0
        for count, received in enumerate(self._waiting[:most]):
            size += len(received.delivery.body)
            if count and size > BATCH_BYTES:
                return count
        return most

    async def acknowledge(self) -> None:
        """Acknowledge everything handed out so far. Raises TransientError."""
        await self._acknowledge(len(self._handed_out))

    async def acknowledge_oldest(self) -> None:
        """Acknowledge the batch that was handed out first. Raises TransientError."""
        await self._acknowledge(1)

    async def _acknowledge(self, batches: int) -> None:
        done = [self._handed_out.popleft() for _ in range(batches)]
        if done:
            last = done[-1].last
            with translate_driver_errors("acknowledge"):
                await last.channel.basic_ack(last.tag, multiple=True)

    def in_hand(self) -> int:
        """How many messages were delivered and are not acknowledged. Thread-safe."""
        return len(self._waiting) + sum(batch.count for batch in self._handed_out.copy())

    def oldest_age_s(self) -> float:
        """Seconds since the oldest message in hand was published; 0 if there is none.
        Thread-safe."""
        handed_out = [batch.oldest_s for batch in self._handed_out.copy()]
        waiting = [received.delivery.published_at_s for received in self._waiting[:1]]
        since = next((at for at in [*handed_out, *waiting] if at), None)
        return max(0.0, time.time() - since) if since else 0.0


class _Received(msgspec.Struct, frozen=True):
    """A delivery with its delivery tag."""

    delivery: Delivery
    channel: aiormq.abc.AbstractChannel
    tag: int

    @classmethod
    def of(cls, message: aiormq.abc.DeliveredMessage) -> "_Received":
        return cls(
            as_delivery(message, message.header.properties),
            message.channel,
            message.delivery_tag or 0,
        )


class _HandedOut(msgspec.Struct, frozen=True):
    """A batch that is not acknowledged yet. `oldest_s` is when its first message was published."""

    last: _Received
    count: int
    oldest_s: float | None


def as_delivery(
    message: aiormq.abc.DeliveredMessage | AbstractIncomingMessage,
    properties: pamqp.commands.Basic.Properties,
) -> Delivery:
    """The driver's message, of either of its two types, as a value."""
    earlier = earlier_deliveries(properties.headers)
    return Delivery(
        body=message.body,
        message_id=properties.message_id or "",
        tag=properties.message_type or "",
        redelivered=bool(message.redelivered) or earlier > 0,
        routing_key=message.routing_key or "",
        exchange=message.exchange or "",
        headers=dict(properties.headers or {}),
        published_at_s=published_at_s(properties.headers),
        attempts=earlier + 1,
    )


def published_at_s(headers: Mapping[str, Any] | None) -> float | None:
    published_ms = headers.get(PUBLISHED_AT_MS) if headers else None
    return published_ms / 1000 if isinstance(published_ms, int) else None


def earlier_deliveries(headers: Mapping[str, Any] | None) -> int:
    """The queue's count; 0 if the queue does not count."""
    counts = [headers.get(name) for name in COUNTS] if headers else []
    return max((count for count in counts if isinstance(count, int)), default=0)
