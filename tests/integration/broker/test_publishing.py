"""Publishing in batches on a real RabbitMQ: each message arrives whole, and succeeds or fails
independently.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from deploy.local import PrivateServers
from services.runtime.broker.connection import Broker
from services.runtime.broker.deliveries import Deliveries
from services.runtime.broker.messages import Outgoing
from services.runtime.broker.publishing.publish import WRITE_BYTES
from services.runtime.broker.topology import Binding, Queue, Topology
from services.runtime.errors import TransientError
from services.runtime.metrics import PUBLISHED, UNCONFIRMED

PATIENCE_S = 20.0
FRAME_BYTES = 128 * 1024  # what RabbitMQ proposes as the largest frame, its own 8 bytes counted


@pytest.fixture
async def broker(servers: PrivateServers) -> AsyncIterator[Broker]:
    async with Broker.connected(servers.broker.url, "test") as one:
        yield one


@pytest.fixture
async def exchange(broker: Broker) -> str:
    """An exchange with a quorum queue of the same name, which gets keys that begin with `kept.`."""
    name = f"publishing-{uuid.uuid4().hex[:8]}"
    queue = Queue(name, {"x-queue-type": "quorum"}, (Binding(name, "kept.#"),))
    await broker.declare(Topology((name,), (queue,)))
    return name


def message(exchange: str, body: bytes, key: str = "kept.a") -> Outgoing:
    return Outgoing(exchange, key, body, "Test.v1", uuid.uuid4().hex)


async def bodies(deliveries: Deliveries, count: int) -> list[bytes]:
    found: list[bytes] = []
    while len(found) < count:
        found += [
            delivery.body
            for delivery in await asyncio.wait_for(deliveries.next_batch(count), PATIENCE_S)
        ]
    await deliveries.acknowledge()
    return found


async def test_messages_of_every_size_arrive_whole_and_in_order(
    broker: Broker, exchange: str
) -> None:
    sizes = [
        0,
        1,
        5000,
        *range(FRAME_BYTES - 10, FRAME_BYTES + 2),
        2 * FRAME_BYTES,
        WRITE_BYTES - 1,
        WRITE_BYTES * 3,
    ]
    sent = [bytes([index]) * size for index, size in enumerate([*sizes, *[700] * 200])]
    await broker.publish_all([message(exchange, body) for body in sent])
    assert await bodies(await broker.consume(exchange, 0), len(sent)) == sent


async def test_a_message_that_no_queue_takes_fails_alone(broker: Broker, exchange: str) -> None:
    confirmed, unconfirmed = PUBLISHED.labels(exchange), UNCONFIRMED.labels(exchange)
    sent = [
        message(exchange, bytes([number]), "lost.a" if number == 3 else "kept.a")
        for number in range(9)
    ]
    with pytest.raises(TransientError, match=f"publish to {exchange} as lost.a"):
        await broker.publish_all(sent)
    await broker.publish(message(exchange, b"next"))
    kept = [message.body for message in sent if message.routing_key == "kept.a"]
    assert await bodies(await broker.consume(exchange, 0), 9) == [*kept, b"next"]
    assert (confirmed._value.get(), unconfirmed._value.get()) == (9, 1)


async def test_a_batch_that_is_given_up_half_way_leaves_the_channel_in_order(
    broker: Broker, exchange: str
) -> None:
    large = [message(exchange, b"x" * WRITE_BYTES) for _ in range(60)]
    batch = asyncio.create_task(broker.publish_all(large))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    batch.cancel()
    with pytest.raises(asyncio.CancelledError):
        await batch
    for number in range(20):
        # a confirm that is taken for another's would leave one of them waiting
        await asyncio.wait_for(broker.publish(message(exchange, bytes([number]))), PATIENCE_S)


async def test_nobody_waits_for_confirms_of_a_connection_that_ended(
    broker: Broker, exchange: str
) -> None:
    batch = [message(exchange, b"x" * 5000) for _ in range(100)]
    publishing = asyncio.create_task(broker.publish_all(batch))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await broker._connection.close()
    with suppress(TransientError):  # or all were confirmed just before
        await asyncio.wait_for(publishing, PATIENCE_S)
    with pytest.raises(TransientError):
        await asyncio.wait_for(broker.publish(message(exchange, b"late")), PATIENCE_S)
