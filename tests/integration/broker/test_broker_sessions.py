"""Connections to a real RabbitMQ: leases have one owner, failures are noticed, and services
reconnect.
"""

import asyncio
import itertools

import pytest

from deploy.local import PrivateServers
from services.runtime.broker.connection import HEARTBEAT_S, Broker, LeaderlessError
from services.runtime.broker.session import keep_connected
from services.runtime.broker.topology import (
    Topology,
)
from services.runtime.errors import TransientError
from services.runtime.process.health import Health
from services.runtime.process.lifecycle import Stop
from tests.integration.brokers import (
    PATIENCE_S,
    assert_length,
    connected,
    end_connection,
    message,
    topology,
)

pytestmark = pytest.mark.usefixtures("no_settling")


class TestLeases:
    async def test_one_connection_owns_a_lease_and_another_gets_none(
        self, servers: PrivateServers, broker: Broker, name: str
    ) -> None:
        await broker.declare(topology(name))
        lease = await broker.private_queue(f"fetcher.{name}", name, "mail.recorded.x")
        assert lease is not None
        async with connected(servers) as other:
            assert await other.private_queue(f"fetcher.{name}", name, "mail.recorded.x") is None
            await other.publish(message(name, b"receipt", "mail.recorded.x"))
            assert not other._broken.is_set()
        [delivery] = await asyncio.wait_for(lease.deliveries.next_batch(10), PATIENCE_S)
        assert delivery.body == b"receipt"

    async def test_a_lease_given_back_may_be_taken_at_once(
        self, servers: PrivateServers, broker: Broker, name: str
    ) -> None:
        await broker.declare(topology(name))
        lease = await broker.private_queue(f"fetcher.{name}", name, "x")
        assert lease is not None
        await lease.release()
        async with connected(servers) as other:
            assert await other.private_queue(f"fetcher.{name}", name, "x") is not None
        assert not broker._broken.is_set()

    async def test_a_lease_is_free_again_when_its_connection_dies(
        self, servers: PrivateServers, name: str
    ) -> None:
        async with connected(servers, name) as owner, connected(servers) as other:
            await owner.declare(topology(name))
            assert await owner.private_queue(f"fetcher.{name}", name, "x") is not None
            await asyncio.to_thread(end_connection, servers, name)
            with pytest.raises(TransientError):
                await asyncio.wait_for(owner.broken(), PATIENCE_S)
            async with asyncio.timeout(PATIENCE_S):
                while await other.private_queue(f"fetcher.{name}", name, "x") is None:
                    pass  # the broker deletes the queue within a moment of the connection's end

    async def test_a_lease_deleted_under_its_owner_breaks_the_connection(
        self, servers: PrivateServers, broker: Broker, name: str
    ) -> None:
        await broker.declare(topology(name))
        assert await broker.private_queue(f"fetcher.{name}", name, "x") is not None
        await broker._channel.queue_delete(f"fetcher.{name}")
        with pytest.raises(TransientError):
            await asyncio.wait_for(broker.broken(), PATIENCE_S)

    async def test_the_broker_cuts_off_a_frozen_owner_in_time(
        self, servers: PrivateServers, name: str
    ) -> None:
        async with connected(servers, name):
            lines = await asyncio.to_thread(
                servers.broker.ctl, "list_connections", "timeout", "client_properties"
            )
        [own] = [line for line in lines.splitlines() if name in line]
        assert own.startswith(f"{HEARTBEAT_S}\t")


class TestKeepingConnected:
    async def test_after_a_broken_connection_the_session_starts_again(
        self, servers: PrivateServers, name: str
    ) -> None:
        stop, health = Stop(), Health("broker")
        started: asyncio.Queue[Broker] = asyncio.Queue()

        async def session(broker: Broker) -> None:
            started.put_nowait(broker)
            await stop.wait()

        keeping = asyncio.ensure_future(
            keep_connected(
                servers.broker.url, name, topology(name), session, stop=stop, health=health
            )
        )
        await asyncio.wait_for(started.get(), PATIENCE_S)
        assert health.report() == {"broker": "up"}
        await asyncio.to_thread(end_connection, servers, name)
        again = await asyncio.wait_for(started.get(), PATIENCE_S)
        await again.publish(message(name, b"declared again"))
        assert health.report() == {"broker": "up"}
        stop.request()
        await asyncio.wait_for(keeping, PATIENCE_S)

    async def test_a_cancellation_by_the_driver_ends_the_session_and_not_the_service(
        self, servers: PrivateServers, name: str
    ) -> None:
        """When a frozen connection ends, the driver cancels whatever waits for an answer, even deep
        inside a session.
        """
        stop, health = Stop(), Health("broker")
        sessions: list[Broker] = []

        async def session(broker: Broker) -> None:
            sessions.append(broker)
            if len(sessions) == 1:
                answer = asyncio.get_running_loop().create_future()
                answer.cancel()
                await answer
            stop.request()

        keeping = keep_connected(
            servers.broker.url, name, topology(name), session, stop=stop, health=health
        )
        await asyncio.wait_for(keeping, PATIENCE_S)
        assert len(sessions) == 2

    async def test_a_cancelled_service_ends(self, servers: PrivateServers, name: str) -> None:
        started = asyncio.Event()

        async def session(_broker: Broker) -> None:
            started.set()
            await asyncio.Event().wait()

        keeping = asyncio.ensure_future(
            keep_connected(
                servers.broker.url,
                name,
                topology(name),
                session,
                stop=Stop(),
                health=Health("broker"),
            )
        )
        await asyncio.wait_for(started.wait(), PATIENCE_S)
        keeping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(keeping, PATIENCE_S)

    async def test_a_stop_does_not_wait_for_a_broker_that_fell_silent(
        self, servers: PrivateServers, name: str
    ) -> None:
        """The driver would give up such a broker only after three and a half heartbeats."""
        stop = Stop()

        async def session(broker: Broker) -> None:
            servers.broker.freeze()
            stop.request()
            await broker.length(name)

        try:
            async with asyncio.timeout(2.5 * HEARTBEAT_S):
                await keep_connected(
                    servers.broker.url,
                    name,
                    topology(name),
                    session,
                    stop=stop,
                    health=Health("broker"),
                )
        finally:
            servers.broker.thaw()

    async def test_counting_messages_never_ends_the_session(
        self, broker: Broker, name: str
    ) -> None:
        """A page gives up after two seconds, and an optional queue may be missing."""
        await broker.declare(topology(name))
        for turns in range(1, 40):  # of the event loop: a caller gives up at any moment
            counting = asyncio.ensure_future(broker.length(name))
            for _ in range(turns):
                await asyncio.sleep(0)
            counting.cancel()
            await asyncio.wait([counting])
        with pytest.raises(TransientError):
            await broker.length(f"no {name}")
        await broker.publish(message(name, b"still connected"))
        await assert_length(broker, name, 1)
        assert not broker._broken.is_set()

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
            keep_connected(
                "amqp://127.0.0.1:1/", "test", Topology(), session, stop=stop, health=health
            )
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
        monkeypatch.setattr("services.runtime.broker.session.CONSUME_PATIENCE_S", 0.5)
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
            keep_connected(
                servers.broker.url,
                name,
                topology(name),
                session,
                stop=stop,
                health=Watched("broker"),
            ),
            3 * PATIENCE_S,
        )
        assert said == ["up", "down", "down", "up"]

    async def test_a_programming_error_in_a_session_is_not_hidden(
        self, servers: PrivateServers, name: str
    ) -> None:
        async def session(_broker: Broker) -> None:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await keep_connected(
                servers.broker.url,
                name,
                topology(name),
                session,
                stop=Stop(),
                health=Health("broker"),
            )
