"""The broker's adapter on a real RabbitMQ: confirmed messages are kept, and declared
objects exist.
"""

import asyncio
import gc
import socket
import time
import warnings

import aio_pika
import pytest

from deploy.local import PrivateServers
from services.runtime.broker.connection import Broker
from services.runtime.broker.messages import Delivery, Outgoing
from services.runtime.broker.topology import (
    Topology,
    mailcase_topology,
)
from services.runtime.errors import TransientError
from tests.contract.outlet_contract import OutletContract, Received
from tests.integration.brokers import PATIENCE_S, bodies, message, topology, waiting

pytestmark = pytest.mark.usefixtures("no_settling")


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
        await broker.publish(
            Outgoing(routed, "a.b.c", b"\x00\xff", "Test.v1", "key", headers={"x-a": 1})
        )
        [delivery] = await asyncio.wait_for(deliveries.next_batch(10), PATIENCE_S)
        assert delivery == Delivery(
            body=b"\x00\xff",
            message_id="key",
            tag="Test.v1",
            redelivered=False,
            routing_key="a.b.c",
            exchange=routed,
            headers={
                "x-a": 1,
                **{key: value for key, value in delivery.headers.items() if key != "x-a"},
            },
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
        other = aio_pika.Message(
            b"from elsewhere", headers={"x-mailcase-published-at-ms": "yesterday"}
        )
        await (await broker._channel.get_exchange(routed)).publish(other, "a.b")
        [delivery] = await asyncio.wait_for(deliveries.next_batch(10), PATIENCE_S)
        assert (delivery.published_at_s, deliveries.oldest_age_s()) == (None, 0.0)

    async def test_an_exchange_that_is_gone_fails_and_breaks_the_connection(
        self, broker: Broker, name: str
    ) -> None:
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

    @pytest.mark.parametrize("patience", ["CONFIRM_PATIENCE_S", "OVERTAKEN_PATIENCE_S"])
    async def test_a_confirm_that_never_comes_ends_the_connection(
        self,
        servers: PrivateServers,
        broker: Broker,
        name: str,
        monkeypatch: pytest.MonkeyPatch,
        patience: str,
    ) -> None:
        """The process of the queue is suspended, like a leader without its followers."""
        monkeypatch.setattr(f"services.runtime.broker.publishing.publish.{patience}", 0.5)
        await broker.declare(topology(name))
        await broker.publish(message(name, b"first"))  # the channel registers with the queue
        for step in ("suspend", "resume"):
            await asyncio.to_thread(
                servers.broker.ctl, "eval", f"sys:{step}(whereis('%2F_{name}'))."
            )
            if step == "suspend":
                with pytest.raises(TransientError, match="1 confirms did not arrive within"):
                    await asyncio.wait_for(broker.publish(message(name, b"lost")), PATIENCE_S)
                with pytest.raises(TransientError, match="did not arrive"):
                    await asyncio.wait_for(broker.broken(), PATIENCE_S)

    async def test_an_alarm_of_the_broker_is_waited_out(
        self, servers: PrivateServers, broker: Broker, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("services.runtime.broker.publishing.publish.CONFIRM_PATIENCE_S", 2.0)
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
        """The driver would close it when it is garbage-collected, where nothing can be awaited."""
        monkeypatch.setattr("services.runtime.broker.connection.CONNECT_TIMEOUT_S", 0.2)
        with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(TransientError):
            async with Broker.connected(f"amqp://127.0.0.1:{silent.getsockname()[1]}/", "test"):
                pass
        found: list[str] = []
        with warnings.catch_warnings(), monkeypatch.context() as patch:
            patch.setattr("sys.unraisablehook", lambda unraisable: found.append(repr(unraisable)))
            warnings.simplefilter("error")
            await asyncio.to_thread(gc.collect)
        assert not [item for item in found if "Connection.close" in item]

    async def test_a_refused_login_is_a_transient_failure_without_the_password(
        self, servers: PrivateServers
    ) -> None:
        url = servers.broker.url.replace(servers.broker.password, "hidden")
        with pytest.raises(TransientError) as caught:
            async with Broker.connected(url, "test"):
                pass
        assert "hidden" not in str(caught.value)
