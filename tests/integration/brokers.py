"""A real RabbitMQ for one test, with names that only this test uses."""

import asyncio
import time
from contextlib import AbstractAsyncContextManager

from deploy.local import PrivateServers
from services.runtime.broker.browse import browse_queue
from services.runtime.broker.connection import Broker
from services.runtime.broker.deliveries import Deliveries
from services.runtime.broker.messages import Outgoing
from services.runtime.broker.topology import (
    Binding,
    Queue,
    Topology,
    dead_letter_queue,
    deferred_queue,
)

PATIENCE_S = 20.0


def connected(servers: PrivateServers, name: str = "test") -> AbstractAsyncContextManager[Broker]:
    return Broker.connected(servers.broker.url, name)


def topology(name: str, **arguments: object) -> Topology:
    """An exchange, and a work queue with its dead-letter and deferred queues."""
    queue = Queue(name, {"x-queue-type": "quorum"} | arguments, (Binding(name, "#"),))
    return Topology((name,), (dead_letter_queue(name), deferred_queue(name), queue))


def message(exchange: str, body: bytes, key: str = "a.b") -> Outgoing:
    return Outgoing(exchange, key, body, "Test.v1", f"id of {body.decode()}")


async def bodies(deliveries: Deliveries, count: int) -> list[bytes]:
    """Acknowledge the next `count` messages and return their bodies."""
    found: list[bytes] = []
    while len(found) < count:
        batch = await asyncio.wait_for(deliveries.next_batch(count - len(found)), PATIENCE_S)
        found += [delivery.body for delivery in batch]
    await deliveries.acknowledge()
    return found


def end_connection(servers: PrivateServers, name: str) -> None:
    """Close the connection of this name at the broker, as an operator can."""
    for line in servers.broker.ctl("list_connections", "pid", "client_properties").splitlines():
        pid, _, properties = line.partition("\t")
        if name in properties:
            servers.broker.ctl("close_connection", pid, "as a test asks")


async def waiting(broker: Broker, queue: str) -> int:
    """The number of messages in a queue without consumers."""
    async with browse_queue(broker, queue) as browser:
        return len([found async for found in browser])


async def assert_length(broker: Broker, queue: str, messages: int) -> None:
    """The broker's count of a queue becomes `messages`; it may lag behind a confirm."""
    deadline = time.monotonic() + PATIENCE_S
    while (counted := await broker.length(queue)) != messages:
        assert time.monotonic() < deadline, f"{queue} has {counted} messages, not {messages}"
        await asyncio.sleep(0.05)
