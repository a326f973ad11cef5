"""The main loop of a consumer: take a batch from a queue, handle it, then acknowledge it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Generic, Protocol, TypeVar

from schemas.codec import NewerVersionError, UnreadableMessageError
from services.runtime import metrics
from services.runtime.broker.browse import browse_queue
from services.runtime.broker.completions import Completion, Completions
from services.runtime.broker.connection import Broker
from services.runtime.broker.dead_letters import own_headers
from services.runtime.broker.defer import KnownNames
from services.runtime.broker.deliveries import Deliveries
from services.runtime.broker.messages import Delivery, Outgoing
from services.runtime.broker.topology import newer_name
from services.runtime.errors import TransientError
from services.runtime.logs import get_logger
from services.runtime.process.lifecycle import Stop, all_of, cancel_all

log = get_logger(__name__)

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

REQUEUE_EVERY_S = 30.0  # deferred messages


async def handle_batches(
    broker: Broker,
    queue: str,
    handle: Callable[[Sequence[Delivery]], Awaitable[None]],
    stop: Stop,
    *,
    batch: int,
    prefetch: int,
    decode: Callable[[bytes], object],
    known: KnownNames | None = None,
) -> None:
    """Handle `queue` in batches of up to `batch` messages until `stop`, and finish the current
    batch.

    If `handle` raises, the loop ends and nothing of the batch is acknowledged. Meanwhile, deferred
    messages that `decode` now reads, or whose name is now `known`, are requeued.
    """

    async def handle_completely(deliveries: Sequence[Delivery]) -> Completion:
        await handle(deliveries)
        return _nothing_left

    handling = _handle_batches(
        broker,
        queue,
        lambda _: _AsDelivered(),
        handle_completely,
        stop,
        batch=batch,
        prefetch=prefetch,
        completions=1,
    )
    await _with_requeuing(handling, broker, queue, decode, known)


async def handle_prepared(
    broker: Broker,
    queue: str,
    prepare: Callable[[Sequence[Delivery]], Awaitable[T]],
    handle: Callable[[T], Awaitable[Completion]],
    stop: Stop,
    *,
    batch: int,
    prefetch: int,
    completions: int = 1,
    decode: Callable[[bytes], object],
    known: KnownNames | None = None,
) -> None:
    """As `handle_batches`, in three steps: `handle` gets what `prepare` returns, and the completion
    that it returns is run before the batch is acknowledged.

    A batch that is already full is prepared while the one before is handled. If `prepare` raises,
    the loop ends after the batch before. The next batches are handled while at most so many
    `completions` run; they begin in the order of their batches. If one fails, the loop ends.
    """

    def ahead(deliveries: Deliveries) -> _Ahead[T]:
        return _Ahead(deliveries, batch, prepare)

    handling = _handle_batches(
        broker,
        queue,
        ahead,
        handle,
        stop,
        batch=batch,
        prefetch=prefetch,
        completions=completions,
    )
    await _with_requeuing(handling, broker, queue, decode, known)


async def _with_requeuing(
    handling: Awaitable[None],
    broker: Broker,
    queue: str,
    decode: Callable[[bytes], object],
    known: KnownNames | None,
) -> None:
    """Await `handling`, and requeue deferred messages meanwhile."""
    ended = Stop()

    async def handle_to_the_end() -> None:
        try:
            await handling
        finally:
            ended.request()

    await all_of([handle_to_the_end(), _requeue_deferred(broker, queue, decode, known, ended)])


async def _requeue_deferred(
    broker: Broker,
    queue: str,
    decode: Callable[[bytes], object],
    known: KnownNames | None,
    ended: Stop,
) -> None:
    """Requeue the messages that a replica of an older version, or with older settings, deferred.

    A round looks at each message once, however many of a newer version come before it.
    """
    while True:
        async with browse_queue(broker, newer_name(queue)) as browser:
            async for found in browser:
                if ended.requested:
                    break
                delivery = found.delivery
                unready = known is not None and known.waits_in_vain(delivery.headers)
                if unready or _is_newer(decode, delivery.body):
                    continue
                await broker.publish(Outgoing.copy_of(delivery, queue, own_headers(delivery)))
                await found.take()
                log.info(
                    "message_requeued", queue=queue, mail_key=delivery.message_id, tag=delivery.tag
                )
        if await ended.wait(REQUEUE_EVERY_S):
            return


def _is_newer(decode: Callable[[bytes], object], body: bytes) -> bool:
    try:
        decode(body)
    except NewerVersionError:
        return True
    except UnreadableMessageError:
        return False  # the consumer of the queue rejects it
    return False


async def _handle_batches(
    broker: Broker,
    queue: str,
    preparation: "Callable[[Deliveries], _Preparation[T]]",
    handle: Callable[[T], Awaitable[Completion]],
    stop: Stop,
    *,
    batch: int,
    prefetch: int,
    completions: int,
) -> None:
    deliveries = await broker.consume(queue, prefetch)
    metrics.introduce_queue(queue, prefetch)
    metrics.IN_HAND.labels(queue).set_function(deliveries.in_hand)
    metrics.OLDEST_SECONDS.labels(queue).set_function(deliveries.oldest_age_s)
    ending = asyncio.ensure_future(_end_at_stop(deliveries, stop))
    preparing = preparation(deliveries)
    completing = Completions(completions, on_failure=deliveries.end)
    try:
        while taken := await deliveries.next_batch(batch):
            _measure_taken(queue, taken)
            started = time.monotonic()
            try:
                prepared = await preparing.prepared(taken)
                preparing.begin()
                completion = await handle(prepared)
            except TransientError:
                await completing.all_ended()
                raise
            await completing.begin(
                completion, partial(_done, queue, deliveries, len(taken), started)
            )
        await completing.all_ended()
    except TransientError:
        metrics.BATCH_FAILURES.labels(queue).inc()
        raise
    finally:
        ending.cancel()
        await completing.cancel()
        await preparing.cancel()
        metrics.IN_HAND.labels(queue).set_function(lambda: 0.0)  # the broker has the messages again
        metrics.OLDEST_SECONDS.labels(queue).set_function(lambda: 0.0)


async def _done(queue: str, deliveries: Deliveries, mails: int, started_s: float) -> None:
    """Acknowledge the batch that was taken first."""
    await deliveries.acknowledge_oldest()
    metrics.BATCH_SECONDS.labels(queue).observe(time.monotonic() - started_s)
    metrics.BATCH_MAILS.labels(queue).observe(mails)


async def _nothing_left() -> None:
    """The completion of a batch that is handled completely."""


class _Preparation(Protocol[T_co]):
    """Turns a batch into what is handled."""

    async def prepared(self, taken: Sequence[Delivery]) -> T_co:
        """The prepared batch."""

    def begin(self) -> None:
        """The batch is about to be handled."""

    async def cancel(self) -> None:
        """No further batch comes."""


class _AsDelivered:
    """Hands batches on as they are."""

    async def prepared(self, taken: Sequence[Delivery]) -> Sequence[Delivery]:
        return taken

    def begin(self) -> None:
        """Nothing is prepared."""

    async def cancel(self) -> None:
        """Nothing is prepared."""


class _Ahead(Generic[T]):
    """Prepares the next batch while the current one is handled."""

    def __init__(
        self,
        deliveries: Deliveries,
        batch: int,
        prepare: Callable[[Sequence[Delivery]], Awaitable[T]],
    ) -> None:
        self._deliveries = deliveries
        self._batch = batch
        self._prepare = prepare
        self._next: Sequence[Delivery] = ()  # empty until it is full
        self._task: asyncio.Task[T] | None = None

    def begin(self) -> None:
        """Wait for the next whole batch, and prepare it."""
        self._next = ()
        self._task = asyncio.create_task(self._prepare_next())

    async def prepared(self, taken: Sequence[Delivery]) -> T:
        """The batch, prepared now unless it was prepared before. Raises what `prepare` raises."""
        if self._task is not None and self._next:
            return await self._task
        await self.cancel()
        return await self._prepare(taken)

    async def cancel(self) -> None:
        """Cancel the preparation."""
        if self._task is not None:
            await cancel_all([self._task])

    async def _prepare_next(self) -> T:
        self._next = await self._deliveries.next_whole_batch(self._batch)
        return await self._prepare(self._next)


def _measure_taken(queue: str, taken: Sequence[Delivery]) -> None:
    wait, now_s = metrics.WAIT_SECONDS.labels(queue), time.time()
    for delivery in taken:
        if delivery.published_at_s is not None:
            wait.observe(max(0.0, now_s - delivery.published_at_s))
    metrics.REDELIVERED.labels(queue).inc(sum(delivery.redelivered for delivery in taken))


async def _end_at_stop(deliveries: Deliveries, stop: Stop) -> None:
    await stop.wait()
    deliveries.end()
