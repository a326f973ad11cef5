"""What a real RabbitMQ delivers: in batches, again if it was not acknowledged, and to whom."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

import msgspec
import pytest

from deploy.local import PrivateServers
from schemas.codec import UnreadableMessageError, decode_raw_mail, encode
from services.runtime.broker.browse import browse_queue
from services.runtime.broker.completions import Completion
from services.runtime.broker.connection import Broker
from services.runtime.broker.consume import handle_batches, handle_prepared
from services.runtime.broker.dead_letters import dead_letter, reject_unreadable
from services.runtime.broker.defer import WAITS_SINCE_MS, KnownNames, defer
from services.runtime.broker.deliveries import Deliveries
from services.runtime.broker.messages import Delivery, Outgoing
from services.runtime.broker.topology import (
    dead_name,
    newer_name,
)
from services.runtime.errors import TransientError
from services.runtime.process.lifecycle import Stop
from tests.builders import raw_mail
from tests.integration.brokers import PATIENCE_S, bodies, connected, message, topology, waiting

T = TypeVar("T")

pytestmark = pytest.mark.usefixtures("no_settling")


async def nothing_left() -> None:
    """The completion of a batch that is handled completely."""


async def handle_all(
    broker: Broker,
    queue: str,
    prepare: Callable[[Sequence[Delivery]], Awaitable[T]],
    handle: Callable[[T], Awaitable[Completion]],
    stop: Stop,
    *,
    batch: int,
    completions: int = 1,
) -> None:
    """Run `handle_prepared` until it ends."""
    async with asyncio.timeout(PATIENCE_S):
        await handle_prepared(
            broker,
            queue,
            prepare,
            handle,
            stop,
            batch=batch,
            prefetch=20,
            completions=completions,
            decode=decode_raw_mail,
        )


async def test_a_requeued_message_is_not_browsed_again(broker: Broker, name: str) -> None:
    await broker.declare(topology(name))
    await broker.publish_all([message(name, str(number).encode()) for number in range(3)])
    found = []
    async with browse_queue(broker, name) as browser:
        async for letter in browser:
            found.append(letter.delivery.body)
            await broker.publish(message(name, letter.delivery.body))
            await letter.take()
            if len(found) > 3:
                break
    assert sorted(found) == [b"0", b"1", b"2"]
    assert await waiting(broker, name) == 3


class TestConsuming:
    async def test_deliveries_come_in_batches_up_to_the_asked_number(
        self, broker: Broker, name: str
    ) -> None:
        await broker.declare(topology(name))
        await broker.publish_all([message(name, str(number).encode()) for number in range(25)])
        deliveries = await broker.consume(name, 100)
        sizes: list[int] = []
        while sum(sizes) < 25:
            sizes.append(len(await asyncio.wait_for(deliveries.next_batch(10), PATIENCE_S)))
        assert max(sizes) <= 10

    async def test_large_messages_are_handed_out_a_few_at_a_time(
        self, broker: Broker, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("services.runtime.broker.deliveries.BATCH_BYTES", 10)
        await broker.declare(topology(name))
        await broker.publish_all([message(name, str(number).encode() * 7) for number in range(9)])
        await broker.publish(message(name, b"more than a batch"))
        deliveries = await broker.consume(name, 100)
        batches: list[list[bytes]] = []
        while sum(map(len, batches)) < 10:
            batch = await asyncio.wait_for(deliveries.next_batch(10), PATIENCE_S)
            batches.append([delivery.body for delivery in batch])
        assert batches == [[str(number).encode() * 7] for number in range(9)] + [
            [b"more than a batch"]
        ]

    async def test_no_more_than_the_prefetch_is_in_hand(self, broker: Broker, name: str) -> None:
        await broker.declare(topology(name))
        await broker.publish_all([message(name, str(number).encode()) for number in range(10)])
        deliveries = await broker.consume(name, 4)
        assert await bodies(deliveries, 4) == [b"0", b"1", b"2", b"3"]
        taken: list[Delivery] = []
        while len(taken) < 4:
            taken += await asyncio.wait_for(deliveries.next_batch(10), PATIENCE_S)
        other = await broker.consume(name, 10)
        assert await bodies(other, 2) == [b"8", b"9"]

    async def test_what_was_not_acknowledged_comes_again_and_says_so(
        self, servers: PrivateServers, name: str
    ) -> None:
        async with connected(servers) as first:
            await first.declare(topology(name))
            await first.publish_all([message(name, body) for body in (b"1", b"2", b"3")])
            deliveries = await first.consume(name, 10)
            assert await bodies(deliveries, 1) == [b"1"]
            await asyncio.wait_for(deliveries.next_batch(1), PATIENCE_S)
        async with connected(servers) as second:
            deliveries = await second.consume(name, 10)
            again: list[Delivery] = []
            while len(again) < 2:
                again += await asyncio.wait_for(deliveries.next_batch(10), PATIENCE_S)
            assert [mail.body for mail in again] == [b"2", b"3"]
            assert again[0].redelivered

    async def test_a_queue_that_is_missing_is_a_transient_failure(
        self, broker: Broker, name: str
    ) -> None:
        with pytest.raises(TransientError):
            await broker.consume(f"{name}-missing", 10)

    async def test_a_queue_deleted_under_a_consumer_breaks_the_connection(
        self, broker: Broker, name: str
    ) -> None:
        await broker.declare(topology(name))
        await broker.consume(name, 10)
        await broker._channel.queue_delete(name)
        with pytest.raises(TransientError):
            await asyncio.wait_for(broker.broken(), PATIENCE_S)

    async def test_after_the_end_nothing_is_handed_out(self, broker: Broker, name: str) -> None:
        await broker.declare(topology(name))
        deliveries = await broker.consume(name, 10)
        waiting = asyncio.ensure_future(deliveries.next_batch(10))
        deliveries.end()
        assert await asyncio.wait_for(waiting, PATIENCE_S) == []

    async def test_a_dead_letter_keeps_the_bytes_and_says_why(
        self, broker: Broker, name: str
    ) -> None:
        await broker.declare(topology(name))
        deliveries = await broker.consume(name, 10)
        await broker.publish(Outgoing(name, "raw.a.b", b"\xff broken", "RawMail.v1", "key"))
        [delivery] = await asyncio.wait_for(deliveries.next_batch(1), PATIENCE_S)
        await dead_letter(broker, name, delivery, "unreadable: " + "x" * 1000)
        [dead] = await asyncio.wait_for(
            (await broker.consume(dead_name(name), 1)).next_batch(1), PATIENCE_S
        )
        assert (dead.body, dead.tag, dead.message_id) == (b"\xff broken", "RawMail.v1", "key")
        assert dead.headers["x-mailcase-reason"].startswith("unreadable: xxx")
        assert len(dead.headers["x-mailcase-reason"]) == 500
        assert dead.headers["x-mailcase-attempts"] == 1
        origin = {
            key: dead.headers[f"x-mailcase-{key}"] for key in ("queue", "exchange", "routing-key")
        }
        assert origin == {"queue": name, "exchange": name, "routing-key": "raw.a.b"}


class TestHandlingBatches:
    async def handled(self, broker: Broker, name: str, handle: object, stop: Stop) -> None:
        handling = handle_batches(
            broker,
            name,
            handle,  # type: ignore[arg-type] # each test has its own
            stop,
            batch=5,
            prefetch=20,
            decode=decode_raw_mail,
        )
        await asyncio.wait_for(handling, PATIENCE_S)

    async def test_a_batch_is_acknowledged_after_it_was_handled(
        self, servers: PrivateServers, name: str
    ) -> None:
        stop = Stop()
        seen: list[bytes] = []

        async def handle(deliveries: Sequence[Delivery]) -> None:
            assert len(deliveries) <= 5
            seen.extend(delivery.body for delivery in deliveries)
            if len(seen) == 12:
                stop.request()

        async with connected(servers) as broker:
            await broker.declare(topology(name))
            await broker.publish_all([message(name, str(number).encode()) for number in range(12)])
            await self.handled(broker, name, handle, stop)
        assert seen == [str(number).encode() for number in range(12)]
        async with connected(servers) as broker:
            deliveries = await broker.consume(name, 10)
            await broker.publish(message(name, b"next"))
            assert await bodies(deliveries, 1) == [b"next"]

    @asynccontextmanager
    async def with_waiting(
        self, servers: PrivateServers, name: str, count: int, monkeypatch: pytest.MonkeyPatch
    ) -> AsyncIterator[Broker]:
        """A queue with the messages 0 to `count` - 1, and a connection whose `consume` returns once
        all of them have arrived: batches are then full.
        """
        async with connected(servers) as broker:
            await broker.declare(topology(name))
            await broker.publish_all(
                [message(name, str(number).encode()) for number in range(count)]
            )
            consume = broker.consume

            async def with_all(queue: str, prefetch: int) -> Deliveries:
                deliveries = await consume(queue, prefetch)
                async with asyncio.timeout(PATIENCE_S):
                    while deliveries.in_hand() < count:  # noqa: ASYNC110 - the driver has no event
                        await asyncio.sleep(0.01)
                return deliveries

            monkeypatch.setattr(broker, "consume", with_all)
            yield broker

    async def test_a_whole_batch_is_prepared_while_the_one_before_is_handled(
        self, servers: PrivateServers, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stop = Stop()
        prepared = asyncio.Event()
        steps: list[str] = []

        async def prepare(deliveries: Sequence[Delivery]) -> str:
            numbers = " ".join(delivery.body.decode() for delivery in deliveries)
            steps.append(f"prepare {numbers}")
            if numbers == "3 4 5":
                prepared.set()
            return numbers

        async def handle(numbers: str) -> Completion:
            await asyncio.wait_for(prepared.wait(), PATIENCE_S)
            steps.append(f"handle {numbers}")
            if numbers == "6":
                stop.request()
            return nothing_left

        async with self.with_waiting(servers, name, 7, monkeypatch) as broker:
            await handle_all(broker, name, prepare, handle, stop, batch=3)
        assert steps == [
            "prepare 0 1 2",
            "prepare 3 4 5",
            "handle 0 1 2",
            "handle 3 4 5",
            "prepare 6",
            "handle 6",
        ]

    async def test_an_early_preparation_that_fails_ends_the_loop_after_the_batch_before(
        self, servers: PrivateServers, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        failed = asyncio.Event()
        handled: list[bytes] = []

        async def prepare(deliveries: Sequence[Delivery]) -> Sequence[Delivery]:
            if deliveries[0].body == b"2":
                failed.set()
                raise TransientError("no primary")
            return deliveries

        async def handle(deliveries: Sequence[Delivery]) -> Completion:
            await asyncio.wait_for(failed.wait(), PATIENCE_S)
            handled.extend(delivery.body for delivery in deliveries)
            return nothing_left

        async with self.with_waiting(servers, name, 4, monkeypatch) as broker:
            with pytest.raises(TransientError, match="no primary"):
                await handle_all(broker, name, prepare, handle, Stop(), batch=2)
        assert handled == [b"0", b"1"]
        async with connected(servers) as broker:
            assert sorted(await bodies(await broker.consume(name, 10), 2)) == [b"2", b"3"]

    async def test_the_next_batch_is_handled_while_the_one_before_is_completed(
        self, servers: PrivateServers, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stop = Stop()
        handled_third = asyncio.Event()
        steps: list[str] = []

        async def prepare(deliveries: Sequence[Delivery]) -> str:
            return deliveries[0].body.decode()

        async def handle(number: str) -> Completion:
            steps.append(f"handle {number}")
            if number == "2":
                handled_third.set()
                stop.request()

            async def complete() -> None:
                await asyncio.wait_for(handled_third.wait(), PATIENCE_S)
                steps.append(f"complete {number}")

            return complete

        async with self.with_waiting(servers, name, 4, monkeypatch) as broker:
            await handle_all(broker, name, prepare, handle, stop, batch=1, completions=2)
        assert steps[:3] == ["handle 0", "handle 1", "handle 2"]
        assert steps[3:] == ["complete 0", "complete 1", "complete 2"]
        async with connected(servers) as broker:
            assert await bodies(await broker.consume(name, 10), 1) == [b"3"]

    async def test_a_completion_that_fails_leaves_its_batch_and_the_next_to_another(
        self, servers: PrivateServers, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def prepare(deliveries: Sequence[Delivery]) -> bytes:
            return deliveries[0].body

        async def handle(number: bytes) -> Completion:
            async def complete() -> None:
                if number == b"1":
                    raise TransientError("no confirm")

            return complete

        async with self.with_waiting(servers, name, 4, monkeypatch) as broker:
            with pytest.raises(TransientError, match="no confirm"):
                await handle_all(broker, name, prepare, handle, Stop(), batch=1, completions=2)
        async with connected(servers) as broker:
            left = await bodies(await broker.consume(name, 10), 3)
            assert sorted(left) == [b"1", b"2", b"3"]

    async def test_a_failure_leaves_the_batch_to_another(
        self, servers: PrivateServers, name: str
    ) -> None:
        async def handle(_deliveries: Sequence[Delivery]) -> None:
            raise TransientError("no primary")

        async with connected(servers) as broker:
            await broker.declare(topology(name))
            await broker.publish_all([message(name, b"1"), message(name, b"2")])
            with pytest.raises(TransientError, match="no primary"):
                await self.handled(broker, name, handle, Stop())
        async with connected(servers) as broker:
            assert sorted(await bodies(await broker.consume(name, 10), 2)) == [b"1", b"2"]

    async def test_a_message_of_a_newer_version_is_deferred_until_a_service_can_read_it(
        self, servers: PrivateServers, broker: Broker, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An old router gets a newer mail between two current ones; a newer router gets
        it later.
        """
        monkeypatch.setattr("services.runtime.broker.consume.REQUEUE_EVERY_S", 0.1)
        await broker.declare(topology(name))
        known, newer = (
            encode(raw_mail()),
            msgspec.msgpack.encode({"type": "RawMail.v2", "what": "else"}),
        )
        for body in (known, newer, known):
            await broker.publish(Outgoing(name, "a.b", body, "t", "key", headers={"x-a": 1}))
        read: list[object] = []
        stop = Stop()

        async def today(deliveries: Sequence[Delivery]) -> None:
            for delivery in deliveries:
                try:
                    read.append(decode_raw_mail(delivery.body))
                except UnreadableMessageError as error:
                    await reject_unreadable(broker, name, delivery, error)
            if len(read) == 2:
                stop.request()

        async with connected(servers) as old:
            await self.handled(old, name, today, stop)
        assert (
            await waiting(broker, newer_name(name)),
            await waiting(broker, dead_name(name)),
        ) == (1, 0)
        stop = Stop()

        async def tomorrow(deliveries: Sequence[Delivery]) -> None:
            read.extend(
                (delivery.body, delivery.headers["x-a"], delivery.attempts)
                for delivery in deliveries
            )
            stop.request()

        handling = handle_batches(
            broker, name, tomorrow, stop, batch=5, prefetch=20, decode=msgspec.msgpack.decode
        )
        await asyncio.wait_for(handling, PATIENCE_S)
        assert read[2:] == [(newer, 1, 1)]

    async def test_a_readable_message_behind_many_newer_ones_is_requeued(
        self, broker: Broker, name: str
    ) -> None:
        await broker.declare(topology(name))
        queue, mail = newer_name(name), raw_mail()
        newer = msgspec.msgpack.encode({"type": "RawMail.v2", "what": "else"})
        deferred = [*[newer] * 120, encode(mail)]
        await broker.publish_all([Outgoing("", queue, body, "t", "key") for body in deferred])
        stop = Stop()
        read: list[Delivery] = []

        async def handle(deliveries: Sequence[Delivery]) -> None:
            read.extend(deliveries)
            stop.request()

        handling = self.served(broker, name, handle, stop, KnownNames(["invoices"], []))
        await asyncio.wait_for(handling, PATIENCE_S)
        assert [decode_raw_mail(delivery.body) for delivery in read] == [mail]
        async with asyncio.timeout(PATIENCE_S):  # the broker puts the browsed messages back
            while (left := await waiting(broker, queue)) < 120:  # noqa: ASYNC110 - changed by the broker
                await asyncio.sleep(0.05)
        assert left == 120

    async def test_a_message_of_a_new_process_waits_for_a_service_whose_settings_know_it(
        self, servers: PrivateServers, broker: Broker, name: str
    ) -> None:
        await broker.declare(topology(name))
        mail = raw_mail()
        await broker.publish(Outgoing(name, "a.b", encode(mail), "RawMail.v1", mail.key))
        stop = Stop()

        async def before(deliveries: Sequence[Delivery]) -> None:
            for delivery in deliveries:
                await defer(broker, name, delivery, "process invoices")
            stop.request()

        async with connected(servers) as old:
            await asyncio.wait_for(
                self.served(old, name, before, stop, KnownNames([], [])), PATIENCE_S
            )
        assert await waiting(broker, newer_name(name)) == 1
        stop = Stop()
        read: list[Delivery] = []

        async def after(deliveries: Sequence[Delivery]) -> None:
            read.extend(deliveries)
            stop.request()

        await asyncio.wait_for(
            self.served(broker, name, after, stop, KnownNames(["invoices"], [])), PATIENCE_S
        )
        assert [decode_raw_mail(delivery.body) for delivery in read] == [mail]
        assert read[0].headers[WAITS_SINCE_MS] > 0

    async def served(
        self, broker: Broker, name: str, handle: object, stop: Stop, known: KnownNames
    ) -> None:
        await handle_batches(
            broker,
            name,
            handle,  # type: ignore[arg-type] # each test has its own
            stop,
            batch=5,
            prefetch=20,
            decode=decode_raw_mail,
            known=known,
        )

    async def test_a_stop_ends_an_idle_consumer(self, broker: Broker, name: str) -> None:
        async def handle(_deliveries: Sequence[Delivery]) -> None:
            raise AssertionError

        await broker.declare(topology(name))
        stop = Stop()
        running = asyncio.ensure_future(self.handled(broker, name, handle, stop))
        stop.request()
        await running
