"""Declaring the topology in an order that survives a crash of the broker."""

import asyncio
import time

import aio_pika
import aiormq.exceptions
from aio_pika.abc import AbstractConnection

from services.runtime import metrics
from services.runtime.broker.topology import Queue, Topology
from services.runtime.errors import TransientError
from services.runtime.logs import get_logger

log = get_logger(__name__)

# RabbitMQ may persist a new quorum queue or stream up to a second after it confirms the
# declaration. If it is killed before that, the queue comes back without messages and never gets a
# leader (rabbitmq/rabbitmq-server issue 15725).
SETTLE_S = 1.5
_LEADER_PATIENCE_S = 10.0  # an election takes a second
_ARCHIVE_PATIENCE_S = 10.0


async def declare(connection: AbstractConnection, topology: Topology) -> None:
    """Make every exchange, queue and binding exist. Existing queues keep their arguments.

    Exchanges come last, once the queues are on the broker's disk; before that, nobody can publish.
    If an exchange is missing, no queue ever contained a message, and a queue without a leader may
    be recreated. Raises TransientError and the driver's errors.
    """
    fresh = bool(topology.queues) and not await _exchanges_exist(connection, topology)
    served = [
        queue
        for queue in topology.queues
        if queue.essential and await _declare_queue(connection, queue)
    ]
    others = [queue for queue in topology.queues if not queue.essential]
    # In parallel, so that the waiting times for several lost queues do not add up.
    answers = await asyncio.gather(*(_declare_queue(connection, queue) for queue in others))
    served += [queue for queue, answer in zip(others, answers, strict=True) if answer]
    if fresh:
        for queue in served:
            await _demand_leader(connection, queue)
        await _settle()
    channel = await connection.channel(publisher_confirms=False)
    for exchange in topology.exchanges:
        await channel.declare_exchange(exchange, aio_pika.ExchangeType.TOPIC, durable=True)
    for queue in served:
        declared = await channel.get_queue(queue.name, ensure=False)
        for binding in queue.bindings:
            await declared.bind(binding.exchange, binding.pattern)
    await channel.close()


async def _exchanges_exist(connection: AbstractConnection, topology: Topology) -> bool:
    channel = await connection.channel(publisher_confirms=False)
    try:
        for exchange in topology.exchanges:
            await channel.get_exchange(exchange)
    except aiormq.exceptions.ChannelNotFoundEntity:
        return False
    await channel.close()
    return True


async def _declare_queue(connection: AbstractConnection, queue: Queue) -> bool:
    """Declare a queue; False for an optional one that the broker cannot serve within a time limit.

    Nothing is then routed to that queue, so that mail flows without it.
    """
    deadline = time.monotonic() + _ARCHIVE_PATIENCE_S
    while True:
        channel = await connection.channel(publisher_confirms=False)
        try:
            await channel.declare_queue(queue.name, durable=True, arguments=queue.arguments)
        except aiormq.exceptions.ChannelPreconditionFailed as error:
            log.warning(
                "queue_differs",
                queue=queue.name,
                error=error,
                hint="change its limits with a policy",
            )
        except aiormq.exceptions.ChannelNotFoundEntity:
            if queue.essential:
                raise
            if time.monotonic() > deadline:
                break
            await asyncio.sleep(0.5)
            continue
        else:
            await channel.close()
        if not queue.essential:
            metrics.ARCHIVE_UP.labels(queue.name).set(1)
        return True
    metrics.ARCHIVE_UP.labels(queue.name).set(0)
    log.error(
        "queue_unavailable",
        queue=queue.name,
        hint=f"rabbitmqctl delete_queue {queue.name}; restart a service",
    )
    return False


async def _demand_leader(connection: AbstractConnection, queue: Queue) -> None:
    """Delete a quorum queue that has no leader, so that it is declared again.

    A queue without a leader accepts no consumer.
    """
    if queue.arguments.get("x-queue-type") != "quorum":
        return
    channel = await connection.channel(publisher_confirms=False)
    await channel.set_qos(prefetch_count=1)
    probed = await channel.get_queue(queue.name, ensure=False)
    try:
        async with asyncio.timeout(_LEADER_PATIENCE_S):
            await probed.consume(_ignore)
    except TimeoutError:
        log.warning(
            "queue_recreated",
            queue=queue.name,
            reason="the broker brought it back without a leader",
        )
        other = await connection.channel(publisher_confirms=False)
        async with asyncio.timeout(2 * _LEADER_PATIENCE_S):
            await other.queue_delete(queue.name)
        raise TransientError(f"the queue {queue.name} had no leader and is recreated") from None
    await channel.close()


async def _settle() -> None:
    await asyncio.sleep(SETTLE_S)


async def _ignore(_message: object) -> None:
    """Ignore the message: unacknowledged, it is delivered to others when the channel closes."""
