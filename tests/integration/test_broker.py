"""The broker's adapter on a real RabbitMQ: what is confirmed is kept, what breaks is seen, who owns a lease owns it."""

import asyncio
import gc
import itertools
import socket
import time
import uuid
import warnings
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager

import aio_pika
import msgspec
import pytest

from deploy.local import PrivateServers
from schemas.codec import UnreadableMessageError, decode_raw_mail, encode
from services.runtime.broker import Broker, LeaderlessError, dead_letter, keep_connected, refuse
from services.runtime.browsing import browsing
from services.runtime.consuming import handle_batches
from services.runtime.deliveries import Deliveries
from services.runtime.errors import TransientError
from services.runtime.health import Health
from services.runtime.lifecycle import Stop
from services.runtime.messages import Delivery, Outgoing
from services.runtime.topology import (
    Binding,
    Queue,
    Topology,
    dead_letter_queue,
    dead_name,
    mailcase_topology,
    newer_name,
    newer_queue,
)
from tests.builders import raw_mail
from tests.contract.outlet_contract import OutletContract, Received

PATIENCE_S = 20.0
_numbers = itertools.count(1)


@pytest.fixture(autouse=True)
def _no_settling(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody kills the broker here."""
    monkeypatch.setattr("services.runtime.declaring.SETTLE_S", 0.0)


@pytest.fixture
def name() -> str:
    """A word of its own for every test, for its queues and exchanges."""
    return f"t{next(_numbers)}-{uuid.uuid4().hex[:8]}"


def connected(servers: PrivateServers, name: str = "test") -> AbstractAsyncContextManager[Broker]:
    return Broker.connected(servers.broker.url, name)


@pytest.fixture
async def broker(servers: PrivateServers) -> AsyncIterator[Broker]:
    async with connected(servers) as one:
        yield one


def topology(name: str, **arguments: object) -> Topology:
    """An exchange and a work queue with its dead letters, all called by the test's word."""
    queue = Queue(name, {"x-queue-type": "quorum"} | arguments, (Binding(name, "#"),))
    return Topology((name,), (dead_letter_queue(name), newer_queue(name), queue))


def message(exchange: str, body: bytes, key: str = "a.b") -> Outgoing:
    return Outgoing(exchange, key, body, "Test.v1", f"id of {body.decode()}")


async def bodies(deliveries: Deliveries, count: int) -> list[bytes]:
    """The next `count` bodies, acknowledged."""
    found: list[bytes] = []
    while len(found) < count:
        batch = await asyncio.wait_for(deliveries.next_batch(count - len(found)), PATIENCE_S)
        found += [one.body for one in batch]
    await deliveries.acknowledge()
    return found


def end_connection(servers: PrivateServers, name: str) -> None:
    """The broker closes the connection of this name, as an operator would."""
    for line in servers.broker.ctl("list_connections", "pid", "client_properties").splitlines():
        pid, _, properties = line.partition("\t")
        if name in properties:
            servers.broker.ctl("close_connection", pid, "as a test asks")


async def waiting(broker: Broker, queue: str) -> int:
    """How many messages are in a queue that nobody consumes."""
    async with browsing(broker, queue) as browser:
        return len([found async for found in browser])


async def test_what_comes_back_while_someone_looks_is_not_found_again(broker: Broker, name: str) -> None:
    await broker.declare(topology(name))
    await broker.publish_all([message(name, str(number).encode()) for number in range(3)])
    found = []
    async with browsing(broker, name) as browser:
        async for one in browser:
            found.append(one.delivery.body)
            await broker.publish(message(name, one.delivery.body))
            await one.take()
            if len(found) > 3:
                break
    assert sorted(found) == [b"0", b"1", b"2"]
    assert await waiting(broker, name) == 3


class TestPublishing(OutletContract):
    @pytest.fixture
    async def routed(self, broker: Broker, name: str) -> str:
        await broker.declare(topology(name))
        return name

    @pytest.fixture
    async def nowhere(self, broker: Broker, name: str) -> str:
        await broker.declare(Topology((f"{name}-nowhere",), ()))
        return f"{name}-nowhere"

    @pytest.fixture
    async def outlet(self, broker: Broker) -> Broker:
        return broker

    @pytest.fixture
    def received(self, broker: Broker, name: str) -> Received:
        async def wait(count: int) -> list[bytes]:
            return await bodies(await broker.consume(name, 100), count)

        return wait

    async def test_a_message_carries_its_properties(self, broker: Broker, routed: str) -> None:
        deliveries = await broker.consume(routed, 10)
        await broker.publish(Outgoing(routed, "a.b.c", b"\x00\xff", "Test.v1", "key", headers={"x-a": 1}))
        [delivery] = await asyncio.wait_for(deliveries.next_batch(10), PATIENCE_S)
        assert delivery == Delivery(
            body=b"\x00\xff",
            message_id="key",
            tag="Test.v1",
            redelivered=False,
            routing_key="a.b.c",
            exchange=routed,
            headers={"x-a": 1, **{key: value for key, value in delivery.headers.items() if key != "x-a"}},
            published_at_s=delivery.published_at_s,
        )

    async def test_the_age_of_what_is_in_hand_is_known_until_it_is_acknowledged(
        self, broker: Broker, routed: str
    ) -> None:
        deliveries = await broker.consume(routed, 10)
        before_s = time.time()
        for body in (b"1", b"2", b"3"):
            await broker.publish(message(routed, body))
        first = await asyncio.wait_for(deliveries.next_batch(1), PATIENCE_S)
        assert first[0].published_at_s == pytest.approx(before_s, abs=PATIENCE_S)
        while deliveries.in_hand() < 3:  # noqa: ASYNC110 - no event tells of a delivery that waits
            await asyncio.sleep(0.01)
        assert 0.0 < deliveries.oldest_age_s() <= time.time() - before_s + 0.001
        await deliveries.acknowledge()
        assert deliveries.in_hand() == 2
        assert await bodies(deliveries, 2) == [b"2", b"3"]
        assert (deliveries.in_hand(), deliveries.oldest_age_s()) == (0, 0.0)

    async def test_a_message_without_its_time_has_no_age(self, broker: Broker, routed: str) -> None:
        deliveries = await broker.consume(routed, 10)
        other = aio_pika.Message(b"from elsewhere", headers={"x-mailcase-published-at-ms": "yesterday"})
        await (await broker._channel.get_exchange(routed)).publish(other, "a.b")
        [delivery] = await asyncio.wait_for(deliveries.next_batch(10), PATIENCE_S)
        assert (delivery.published_at_s, deliveries.oldest_age_s()) == (None, 0.0)

    async def test_an_exchange_that_is_gone_fails_and_breaks_the_connection(self, broker: Broker, name: str) -> None:
        with pytest.raises(TransientError):
            await asyncio.wait_for(broker.publish(message(f"{name}-gone", b"lost")), PATIENCE_S)
        with pytest.raises(TransientError):
            await asyncio.wait_for(broker.broken(), PATIENCE_S)

    async def test_a_full_queue_refuses(self, broker: Broker, name: str) -> None:
        full = {"x-max-length": 1, "x-overflow": "reject-publish"}
        await broker.declare(topology(name, **full))

        async def one_by_one() -> None:  # a quorum queue refuses a moment after it was filled
            for number in range(50):
                await broker.publish(message(name, str(number).encode()))

        with pytest.raises(TransientError):
            await one_by_one()

    async def test_a_confirm_that_never_comes_ends_the_connection(
        self, servers: PrivateServers, broker: Broker, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The queue's process stands still, as a leader without its followers."""
        monkeypatch.setattr("services.runtime.publishing.CONFIRM_PATIENCE_S", 0.5)
        await broker.declare(topology(name))
        for step in ("suspend", "resume"):
            await asyncio.to_thread(servers.broker.ctl, "eval", f"sys:{step}(whereis('%2F_{name}')).")
            if step == "suspend":
                with pytest.raises(TransientError, match="1 confirms did not come within"):
                    await asyncio.wait_for(broker.publish(message(name, b"lost")), PATIENCE_S)
                with pytest.raises(TransientError, match="did not come"):
                    await asyncio.wait_for(broker.broken(), PATIENCE_S)

    async def test_an_alarm_of_the_broker_is_waited_out(
        self, servers: PrivateServers, broker: Broker, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("services.runtime.publishing.CONFIRM_PATIENCE_S", 2.0)
        await broker.declare(topology(name))
        ctl = servers.broker.ctl
        await asyncio.to_thread(ctl, "set_vm_memory_high_watermark", "0.00001")
        try:
            publishing = asyncio.ensure_future(broker.publish(message(name, b"held up")))
            ended, _ = await asyncio.wait({publishing}, timeout=5.0)
            assert not ended
        finally:
            await asyncio.to_thread(ctl, "set_vm_memory_high_watermark", "0.4")
        await asyncio.wait_for(publishing, PATIENCE_S)
        assert await waiting(broker, name) == 1


class TestDeclaring:
    async def test_everything_may_be_declared_again(self, broker: Broker) -> None:
        whole = mailcase_topology(archive_max_age_days=30, archive_max_bytes=1_000_000_000)
        await broker.declare(whole)
        await broker.declare(whole)
        assert not broker._broken.is_set()

    async def test_a_queue_that_differs_is_used_as_it_is(self, broker: Broker, name: str) -> None:
        await broker.declare(topology(name))
        await broker.declare(topology(name, **{"x-delivery-limit": 7}))
        deliveries = await broker.consume(name, 10)
        await broker.publish(message(name, b"still routed"))
        assert await bodies(deliveries, 1) == [b"still routed"]
        assert not broker._broken.is_set()

    async def test_the_server_introduces_itself(self, broker: Broker) -> None:
        assert broker.server().startswith(("RabbitMQ 3.", "RabbitMQ 4."))

    async def test_a_broker_that_is_away_is_a_transient_failure(self) -> None:
        with pytest.raises(TransientError, match="connect to") as caught:
            async with Broker.connected("amqp://guest:hidden@127.0.0.1:1/", "test"):
                pass
        assert "hidden" not in str(caught.value)

    async def test_a_connection_that_never_came_about_leaves_nothing_unclosed(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The driver would close it where it is collected, which is no place to await anything."""
        monkeypatch.setattr("services.runtime.broker.CONNECT_TIMEOUT_S", 0.2)
        with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(TransientError):
            async with Broker.connected(f"amqp://127.0.0.1:{silent.getsockname()[1]}/", "test"):
                pass
        found: list[str] = []
        with warnings.catch_warnings(), monkeypatch.context() as patch:
            patch.setattr("sys.unraisablehook", lambda unraisable: found.append(repr(unraisable)))
            warnings.simplefilter("error")
            await asyncio.to_thread(gc.collect)
        assert not [one for one in found if "Connection.close" in one]

    async def test_a_refused_login_is_a_transient_failure_without_the_password(self, servers: PrivateServers) -> None:
        url = servers.broker.url.replace("guest:guest", "guest:hidden")
        with pytest.raises(TransientError) as caught:
            async with Broker.connected(url, "test"):
                pass
        assert "hidden" not in str(caught.value)


class TestConsuming:
    async def test_deliveries_come_in_batches_up_to_the_asked_number(self, broker: Broker, name: str) -> None:
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
        monkeypatch.setattr("services.runtime.deliveries.BATCH_BYTES", 10)
        await broker.declare(topology(name))
        await broker.publish_all([message(name, str(number).encode() * 7) for number in range(9)])
        await broker.publish(message(name, b"more than a batch"))
        deliveries = await broker.consume(name, 100)
        batches: list[list[bytes]] = []
        while sum(map(len, batches)) < 10:
            batch = await asyncio.wait_for(deliveries.next_batch(10), PATIENCE_S)
            batches.append([one.body for one in batch])
        assert batches == [[str(number).encode() * 7] for number in range(9)] + [[b"more than a batch"]]

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

    async def test_what_was_not_acknowledged_comes_again_and_says_so(self, servers: PrivateServers, name: str) -> None:
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
            assert [one.body for one in again] == [b"2", b"3"]
            assert again[0].redelivered

    async def test_a_queue_that_is_missing_is_a_transient_failure(self, broker: Broker, name: str) -> None:
        with pytest.raises(TransientError):
            await broker.consume(f"{name}-missing", 10)

    async def test_a_queue_deleted_under_a_consumer_breaks_the_connection(self, broker: Broker, name: str) -> None:
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

    async def test_a_dead_letter_keeps_the_bytes_and_says_why(self, broker: Broker, name: str) -> None:
        await broker.declare(topology(name))
        deliveries = await broker.consume(name, 10)
        await broker.publish(Outgoing(name, "raw.a.b", b"\xff broken", "RawMail.v1", "key"))
        [delivery] = await asyncio.wait_for(deliveries.next_batch(1), PATIENCE_S)
        await dead_letter(broker, name, delivery, "unreadable: " + "x" * 1000)
        [dead] = await asyncio.wait_for((await broker.consume(dead_name(name), 1)).next_batch(1), PATIENCE_S)
        assert (dead.body, dead.tag, dead.message_id) == (b"\xff broken", "RawMail.v1", "key")
        assert dead.headers["x-mailcase-reason"].startswith("unreadable: xxx")
        assert len(dead.headers["x-mailcase-reason"]) == 500
        assert dead.headers["x-mailcase-attempts"] == 1
        origin = {key: dead.headers[f"x-mailcase-{key}"] for key in ("queue", "exchange", "routing-key")}
        assert origin == {"queue": name, "exchange": name, "routing-key": "raw.a.b"}


class TestHandlingBatches:
    async def handled(self, broker: Broker, name: str, handle: object, stop: Stop) -> None:
        handling = handle_batches(broker, name, handle, stop, batch=5, prefetch=20, decode=decode_raw_mail)  # type: ignore[arg-type] # each test has its own
        await asyncio.wait_for(handling, PATIENCE_S)

    async def test_a_batch_is_acknowledged_after_it_was_handled(self, servers: PrivateServers, name: str) -> None:
        stop = Stop()
        seen: list[bytes] = []

        async def handle(deliveries: Sequence[Delivery]) -> None:
            assert len(deliveries) <= 5
            seen.extend(one.body for one in deliveries)
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

    async def test_a_failure_leaves_the_batch_to_another(self, servers: PrivateServers, name: str) -> None:
        async def handle(_deliveries: Sequence[Delivery]) -> None:
            raise TransientError("no primary")

        async with connected(servers) as broker:
            await broker.declare(topology(name))
            await broker.publish_all([message(name, b"1"), message(name, b"2")])
            with pytest.raises(TransientError, match="no primary"):
                await self.handled(broker, name, handle, Stop())
        async with connected(servers) as broker:
            assert sorted(await bodies(await broker.consume(name, 10), 2)) == [b"1", b"2"]

    async def test_a_newer_version_waits_aside_for_a_stage_that_reads_it(
        self, servers: PrivateServers, broker: Broker, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An old router gets a mail of tomorrow between two of today; tomorrow's router gets it then."""
        monkeypatch.setattr("services.runtime.consuming.LOOK_AGAIN_S", 0.1)
        await broker.declare(topology(name))
        known, newer = encode(raw_mail()), msgspec.msgpack.encode({"type": "RawMail.v2", "what": "else"})
        for body in (known, newer, known):
            await broker.publish(Outgoing(name, "a.b", body, "t", "key", headers={"x-a": 1}))
        read: list[object] = []
        stop = Stop()

        async def today(deliveries: Sequence[Delivery]) -> None:
            for delivery in deliveries:
                try:
                    read.append(decode_raw_mail(delivery.body))
                except UnreadableMessageError as error:
                    await refuse(broker, name, delivery, error)
            if len(read) == 2:
                stop.request()

        async with connected(servers) as old:
            await self.handled(old, name, today, stop)
        assert (await waiting(broker, newer_name(name)), await waiting(broker, dead_name(name))) == (1, 0)
        stop = Stop()

        async def tomorrow(deliveries: Sequence[Delivery]) -> None:
            read.extend((one.body, one.headers["x-a"], one.attempts) for one in deliveries)
            stop.request()

        handling = handle_batches(broker, name, tomorrow, stop, batch=5, prefetch=20, decode=msgspec.msgpack.decode)
        await asyncio.wait_for(handling, PATIENCE_S)
        assert read[2:] == [(newer, 1, 1)]

    async def test_a_stop_ends_an_idle_consumer(self, broker: Broker, name: str) -> None:
        async def handle(_deliveries: Sequence[Delivery]) -> None:
            raise AssertionError

        await broker.declare(topology(name))
        stop = Stop()
        running = asyncio.ensure_future(self.handled(broker, name, handle, stop))
        stop.request()
        await running


class TestLeases:
    async def test_one_connection_owns_a_lease_and_another_gets_none(
        self, servers: PrivateServers, broker: Broker, name: str
    ) -> None:
        await broker.declare(topology(name))
        lease = await broker.take_lease(f"fetcher.{name}", name, "mail.recorded.x")
        assert lease is not None
        async with connected(servers) as other:
            assert await other.take_lease(f"fetcher.{name}", name, "mail.recorded.x") is None
            await other.publish(message(name, b"receipt", "mail.recorded.x"))
            assert not other._broken.is_set()
        [delivery] = await asyncio.wait_for(lease.deliveries.next_batch(10), PATIENCE_S)
        assert delivery.body == b"receipt"

    async def test_a_lease_given_back_may_be_taken_at_once(
        self, servers: PrivateServers, broker: Broker, name: str
    ) -> None:
        await broker.declare(topology(name))
        lease = await broker.take_lease(f"fetcher.{name}", name, "x")
        assert lease is not None
        await lease.release()
        async with connected(servers) as other:
            assert await other.take_lease(f"fetcher.{name}", name, "x") is not None
        assert not broker._broken.is_set()

    async def test_a_lease_is_free_again_when_its_connection_dies(self, servers: PrivateServers, name: str) -> None:
        async with connected(servers, name) as owner, connected(servers) as other:
            await owner.declare(topology(name))
            assert await owner.take_lease(f"fetcher.{name}", name, "x") is not None
            await asyncio.to_thread(end_connection, servers, name)
            with pytest.raises(TransientError):
                await asyncio.wait_for(owner.broken(), PATIENCE_S)
            async with asyncio.timeout(PATIENCE_S):
                while await other.take_lease(f"fetcher.{name}", name, "x") is None:
                    pass  # the broker deletes the queue within a moment of the connection's end

    async def test_a_lease_deleted_under_its_owner_breaks_the_connection(
        self, servers: PrivateServers, broker: Broker, name: str
    ) -> None:
        await broker.declare(topology(name))
        assert await broker.take_lease(f"fetcher.{name}", name, "x") is not None
        await broker._channel.queue_delete(f"fetcher.{name}")
        with pytest.raises(TransientError):
            await asyncio.wait_for(broker.broken(), PATIENCE_S)

    async def test_the_broker_cuts_off_a_frozen_owner_in_time(self, servers: PrivateServers, name: str) -> None:
        async with connected(servers, name):
            lines = await asyncio.to_thread(servers.broker.ctl, "list_connections", "timeout", "client_properties")
        [own] = [line for line in lines.splitlines() if name in line]
        assert own.startswith("10\t")


class TestKeepingConnected:
    async def test_after_a_broken_connection_the_session_starts_again(self, servers: PrivateServers, name: str) -> None:
        stop, health = Stop(), Health("broker")
        started: asyncio.Queue[Broker] = asyncio.Queue()

        async def session(broker: Broker) -> None:
            started.put_nowait(broker)
            await stop.wait()

        keeping = asyncio.ensure_future(
            keep_connected(servers.broker.url, name, topology(name), session, stop=stop, health=health)
        )
        await asyncio.wait_for(started.get(), PATIENCE_S)
        assert health.report() == {"broker": "up"}
        await asyncio.to_thread(end_connection, servers, name)
        again = await asyncio.wait_for(started.get(), PATIENCE_S)
        await again.publish(message(name, b"declared again"))
        assert health.report() == {"broker": "up"}
        stop.request()
        await asyncio.wait_for(keeping, PATIENCE_S)

    async def test_a_cancellation_of_the_drivers_ends_the_session_and_not_the_stage(
        self, servers: PrivateServers, name: str
    ) -> None:
        """The driver cancels what waits for an answer when a frozen connection ends, deep inside a session too."""
        stop, health = Stop(), Health("broker")
        sessions: list[Broker] = []

        async def session(broker: Broker) -> None:
            sessions.append(broker)
            if len(sessions) == 1:
                answer = asyncio.get_running_loop().create_future()
                answer.cancel()
                await answer
            stop.request()

        keeping = keep_connected(servers.broker.url, name, topology(name), session, stop=stop, health=health)
        await asyncio.wait_for(keeping, PATIENCE_S)
        assert len(sessions) == 2

    async def test_a_stage_that_is_cancelled_ends(self, servers: PrivateServers, name: str) -> None:
        started = asyncio.Event()

        async def session(_broker: Broker) -> None:
            started.set()
            await asyncio.Event().wait()

        keeping = asyncio.ensure_future(
            keep_connected(servers.broker.url, name, topology(name), session, stop=Stop(), health=Health("broker"))
        )
        await asyncio.wait_for(started.wait(), PATIENCE_S)
        keeping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(keeping, PATIENCE_S)

    async def test_a_broker_that_is_away_is_asked_again_until_the_stop(self) -> None:
        stop = Stop()
        reported = asyncio.Event()

        class Watched(Health):
            def down(self, need: str, reason: str) -> None:
                super().down(need, reason)
                reported.set()

        async def session(_broker: Broker) -> None:
            raise AssertionError

        health = Watched("broker")
        keeping = asyncio.ensure_future(
            keep_connected("amqp://127.0.0.1:1/", "test", Topology(), session, stop=stop, health=health)
        )
        for _ in range(2):
            await asyncio.wait_for(reported.wait(), PATIENCE_S)
            reported.clear()
        stop.request()
        await asyncio.wait_for(keeping, PATIENCE_S)
        assert "cannot connect" in health.report()["broker"]

    async def test_after_a_queue_without_a_leader_the_broker_is_up_only_once_a_session_lasts(
        self, servers: PrivateServers, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("services.runtime.broker.CONSUME_PATIENCE_S", 0.1)
        stop, said, attempts = Stop(), list[str](), itertools.count(1)

        class Watched(Health):
            def up(self, need: str) -> None:
                said.append("up")
                if len(said) > 1:
                    stop.request()

            def down(self, need: str, reason: str) -> None:
                said.append("down")

        async def session(_broker: Broker) -> None:
            if next(attempts) < 3:
                raise LeaderlessError
            await stop.wait()

        await asyncio.wait_for(
            keep_connected(servers.broker.url, name, topology(name), session, stop=stop, health=Watched("broker")),
            3 * PATIENCE_S,
        )
        assert said == ["up", "down", "down", "up"]

    async def test_a_fault_of_ours_in_a_session_is_not_hidden(self, servers: PrivateServers, name: str) -> None:
        async def session(_broker: Broker) -> None:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await keep_connected(
                servers.broker.url, name, topology(name), session, stop=Stop(), health=Health("broker")
            )
