"""A connection to RabbitMQ: confirmed publishing, declared topology, batches of deliveries."""

import asyncio
import collections
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, cast

import aio_pika
import aiormq.exceptions
from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.connection import make_url
from prometheus_client import Counter

from services.runtime import metrics
from services.runtime.broker import declare as declaring
from services.runtime.broker.deliveries import Deliveries
from services.runtime.broker.driver_errors import DRIVER_ERRORS, translate_driver_errors
from services.runtime.broker.hosts import urls_of
from services.runtime.broker.messages import Outgoing
from services.runtime.broker.publishing import publish as publishing
from services.runtime.broker.topology import Topology
from services.runtime.errors import TransientError
from services.runtime.logs import get_logger
from services.runtime.masking import mask_secrets

log = get_logger(__name__)

# The broker closes a frozen connection after about two of these. The driver notices a silent broker
# after three and a half.
HEARTBEAT_S = 6
CONNECT_TIMEOUT_S = 15.0
CONSUME_PATIENCE_S = 20.0
CONNECT_TIMEOUT_ONE_OF_SEVERAL_S = 5.0
LIVE_QUEUE_EXPIRES_MS = 60_000
RELEASE_S = 5.0


class LeaderlessError(TransientError):
    """The broker responds, but a queue that is consumed here has no leader."""


class Broker:
    """One connection to RabbitMQ. Every method raises TransientError if the broker fails or
    refuses.
    """

    def __init__(self, connection: AbstractConnection, channel: AbstractChannel) -> None:
        self._connection = connection
        self._channel = channel
        self._counting: dict[tuple[str, ...], asyncio.Task[list[int]]] = {}
        self._broken = asyncio.Event()
        self._reason = "closed"
        connection.close_callbacks.add(self._on_close)
        channel.close_callbacks.add(self._on_close)

    @classmethod
    @asynccontextmanager
    async def connected(cls, url: str, name: str) -> AsyncIterator["Broker"]:
        """A connection that the broker lists as `name`, to the first of its hosts that responds.

        The hosts are tried in a random order, so that services spread over the nodes, and a dead
        node is not always tried first.
        """
        connection = await _connect(url, name)
        try:
            with translate_driver_errors("open a channel"):
                channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
            yield cls(connection, channel)
        finally:
            await _close_quietly(connection)

    async def broken(self) -> None:
        """Wait until the connection or one of its channels ends, then raise TransientError."""
        await self._broken.wait()
        raise TransientError(f"the connection to the broker ended: {self._reason}")

    def server(self) -> str:
        """The product, the version and the name of the cluster, as the broker reports them."""
        transport = self._connection.transport
        properties = transport.connection.server_properties if transport else {}
        words = [str(properties.get(name, "?")) for name in ("product", "version", "cluster_name")]
        return f"{words[0]} {words[1]}, cluster {words[2]}"

    async def declare(self, topology: Topology) -> None:
        """Make every exchange, queue and binding exist; see `declare.declare`."""
        with translate_driver_errors("declare the topology"):
            await declaring.declare(self._connection, topology)
        for exchange in topology.exchanges:
            metrics.UNCONFIRMED.labels(exchange)  # begins at 0

    async def publish(self, message: Outgoing) -> None:
        """Publish and wait for the broker's confirm.

        A message that reaches no queue is a failure, although it is confirmed.
        """
        await self.publish_all([message])

    async def publish_all(self, messages: Sequence[Outgoing]) -> None:
        """Publish together and wait for all confirms.

        Once all have ended, raises the first failure.
        """
        started_s = time.monotonic()
        try:
            with translate_driver_errors("publish"):
                channel = cast("aiormq.Channel", await self._channel.get_underlay_channel())
                failures = await publishing.publish(channel, messages)
        except TransientError as error:
            _count(metrics.UNCONFIRMED, messages)
            if isinstance(error.__cause__, TimeoutError):
                # a new connection declares and checks everything again
                self._break(str(error))
            raise
        results = list(zip(messages, failures, strict=True))
        _count(metrics.PUBLISHED, [message for message, failure in results if failure is None])
        _count(
            metrics.UNCONFIRMED, [message for message, failure in results if failure is not None]
        )
        for message, failure in results:
            if failure is not None:
                why = str(failure) or type(failure).__name__
                raise TransientError(
                    f"cannot publish to {message.exchange} as {message.routing_key}: {why}"
                ) from failure
        for exchange in {message.exchange for message in messages}:
            metrics.CONFIRM_SECONDS.labels(exchange or "default").observe(
                time.monotonic() - started_s
            )

    async def consume(self, queue: str, prefetch: int) -> Deliveries:
        """The deliveries of `queue`, on a separate channel, with at most `prefetch` unacknowledged
        ones.
        """
        deliveries = Deliveries(queue)
        with translate_driver_errors(f"consume {queue}"):
            channel = await self.open_channel(prefetch)
            # Passive: the queue is declared with its arguments elsewhere, and a missing one is an
            # error here.
            await channel.declare_queue(queue, passive=True)
            try:
                async with asyncio.timeout(CONSUME_PATIENCE_S):
                    await deliveries.consume(channel)
            except TimeoutError as error:
                hint = f"if this continues: rabbitmqctl delete_queue {queue}; mails in it are fetched again"
                log.error("queue_without_leader", queue=queue, hint=hint)  # noqa: TRY400 - its traceback adds nothing
                raise LeaderlessError(
                    f"the queue {queue} accepts no consumer, because it has no leader"
                ) from error
        return deliveries

    async def ping(self) -> None:
        """Wait for a response of the broker, for as long as the connection lives."""
        with translate_driver_errors("open a channel"):
            channel = await self._connection.channel(publisher_confirms=False)
            await channel.close()

    async def length(self, queue: str) -> int:
        """The number of messages that wait in the queue, as of a moment ago."""
        return (await self.lengths([queue]))[0]

    async def lengths(self, queues: Sequence[str]) -> list[int]:
        """The number of messages that wait in each queue, as of a moment ago.

        The request has a separate channel, since a missing queue closes it. If the caller stops
        waiting, the request continues: the driver closes the channel of a cancelled request, and
        at some moments the broker then closes the connection. Later callers wait for the same
        request, because the broker answers none during an alarm and a connection has 2,047
        channels.
        """
        wanted = tuple(queues)
        counting = self._counting.get(wanted)
        if counting is None:
            counting = asyncio.ensure_future(self._count(wanted))
            self._counting[wanted] = counting  # the loop itself has only weak references to tasks
            counting.add_done_callback(partial(self._counted, wanted))
        return list(await asyncio.shield(counting))

    def _counted(self, queues: tuple[str, ...], counting: asyncio.Task[list[int]]) -> None:
        del self._counting[queues]
        if not counting.cancelled():
            counting.exception()  # retrieved here, because the caller may have stopped waiting

    async def _count(self, queues: Sequence[str]) -> list[int]:
        with translate_driver_errors(f"look at {', '.join(queues)}"):
            channel = await self._connection.channel(publisher_confirms=False)
            declared = [await channel.declare_queue(queue, passive=True) for queue in queues]
            await channel.close()
        return [queue.declaration_result.message_count or 0 for queue in declared]

    async def private_queue(
        self, queue: str, exchange: str, routing_key: str
    ) -> "PrivateQueue | None":
        """Declare the exclusive `queue`, bound to `exchange`; None while another connection owns
        it.

        The queue lives as long as this connection.
        """
        with translate_driver_errors(f"declare the private queue {queue}"):
            channel = await self._connection.channel(publisher_confirms=False)
            try:
                owned = await channel.declare_queue(queue, exclusive=True, durable=False)
            except aiormq.exceptions.ChannelLockedResource:
                return None
            await owned.bind(exchange, routing_key)
            deliveries = Deliveries(queue)
            await deliveries.consume(channel, no_ack=True)
            await self._watch(channel)
        return PrivateQueue(deliveries, channel)

    async def live_queue(self, queue: str, exchange: str, *routing_keys: str) -> "PrivateQueue":
        """Like `private_queue`, for events that many services publish: every node has a copy of the
        queue.

        If the node of a private queue is silent or dead, every publisher of its events is delayed
        or fails. This queue may outlive the connection by LIVE_QUEUE_EXPIRES_MS; its name must be
        new.
        """
        arguments: dict[str, Any] = {
            "x-queue-type": "quorum",
            "x-expires": LIVE_QUEUE_EXPIRES_MS,
        }
        with translate_driver_errors(f"declare the queue {queue}"):
            channel = await self._connection.channel(publisher_confirms=False)
            live = await channel.declare_queue(queue, durable=True, arguments=arguments)
            for routing_key in routing_keys:
                await live.bind(exchange, routing_key)
            deliveries = Deliveries(queue)
            await deliveries.consume(channel, no_ack=True)
            await self._watch(channel)
        return PrivateQueue(deliveries, channel)

    async def open_channel(self, prefetch: int) -> AbstractChannel:
        """A channel whose end counts as the end of the connection."""
        channel = await self._connection.channel(publisher_confirms=False)
        await channel.set_qos(prefetch_count=prefetch)
        await self._watch(channel)
        return channel

    async def _watch(self, channel: AbstractChannel) -> None:
        """Treat the end of a channel, or of its consumer, as the end of the connection.

        The broker cancels a consumer whose queue is deleted (rabbitmq.com/docs/consumer-cancel),
        and from RabbitMQ 4.3 on one that held a message of a quorum queue for longer than the
        delivery acknowledgement timeout (rabbitmq.com/docs/consumers); earlier versions close the
        channel.
        """
        channel.close_callbacks.add(self._on_close)
        (await channel.get_underlay_channel()).on_consumer_cancel_callbacks.add(self._on_cancel)

    def _on_cancel(self, _frame: object) -> None:
        self._break("the broker ended a consumer: its queue is gone, or it held a message too long")

    def _on_close(self, _sender: object, error: BaseException | None) -> None:
        self._break(str(error or "closed"))

    def _break(self, reason: str) -> None:
        self._reason = reason
        self._broken.set()


class PrivateQueue:
    """A queue that only this connection consumes, and its deliveries; `release` deletes it."""

    def __init__(self, deliveries: Deliveries, channel: AbstractChannel) -> None:
        self.deliveries = deliveries
        self._channel = channel

    async def release(self) -> None:
        """Delete the queue, so that another connection can declare it at once. Never raises.

        If the broker does not respond, as during an alarm, the queue ends with the connection.
        """
        self._channel.close_callbacks.clear()
        try:
            with translate_driver_errors("delete the private queue"):
                async with asyncio.timeout(RELEASE_S):
                    await self._delete()
        except TransientError as error:
            log.debug("lease_release_failed", queue=self.deliveries.queue, error=error)

    async def _delete(self) -> None:
        (await self._channel.get_underlay_channel()).on_consumer_cancel_callbacks.clear()
        await self._channel.queue_delete(self.deliveries.queue)
        await self._channel.close()


def _count(counter: Counter, messages: Sequence[Outgoing]) -> None:
    for exchange, number in collections.Counter(message.exchange for message in messages).items():
        counter.labels(exchange or "default").inc(number)


async def _connect(url: str, name: str) -> AbstractConnection:
    """Raises the TransientError of the last host if none responds."""
    urls = urls_of(url)
    timeout_s = CONNECT_TIMEOUT_S if len(urls) == 1 else CONNECT_TIMEOUT_ONE_OF_SEVERAL_S
    *others, last = random.sample(urls, k=len(urls))
    for host_url in others:
        try:
            return await _connect_to(host_url, name, timeout_s)
        except TransientError as error:
            log.warning("broker_host_failed", error=error)
    return await _connect_to(last, name, timeout_s)


async def _connect_to(url: str, name: str, timeout_s: float) -> AbstractConnection:
    connection = aio_pika.Connection(
        make_url(url, heartbeat=HEARTBEAT_S), client_properties={"connection_name": name}
    )
    try:
        with translate_driver_errors(f"connect to {mask_secrets(url)}"):
            await connection.connect(timeout=timeout_s)
    except BaseException:
        await _close_quietly(connection)
        raise
    return connection


async def _close_quietly(connection: AbstractConnection) -> None:
    """Close a connection, even one that was never established or does not end.

    If a connection is dropped unclosed, the driver starts closing it in the thread of the garbage
    collector; without an event loop there, nobody awaits that (`aio_pika.Connection.__del__`).
    """
    try:
        async with asyncio.timeout(5.0):
            await connection.close()
    except DRIVER_ERRORS as error:
        log.debug("broker_close_failed", error=error)
    finally:
        # the first call has closed it; this one only records that
        await connection.close()
