"""A server dies or is away while mail flows: once it is back, every mail has one outcome."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from deploy.local.servers.private import PrivateServers
from deploy.local.services import Services
from services.runtime.broker import declare as declaring
from services.runtime.broker.configured import broker_url, topology_of
from services.runtime.broker.connection import Broker
from services.runtime.broker.messages import Outgoing
from services.runtime.broker.topology import CASE, CASE_WRITER_COMMANDS, MAIL, ROUTER_MAIL
from services.runtime.errors import TransientError
from services.runtime.settings import load_settings
from tests.faults.support.ledger import Ledger
from tests.pipeline import Pipeline
from tests.sample_mails import new_mails

SIZES = [300, pytest.param(1000, marks=pytest.mark.slow)]
LONG = pytest.param(1000, 60.0, marks=pytest.mark.slow)
REPLICAS = {"fetcher": 1, "router": 1, "case_writer": 2}
MEMORY_GROWTH_BYTES = 100 * 1000 * 1000
CONSUMER_TIMEOUT_S = 8
STEP_DOWNS = 10


@pytest.mark.parametrize("mails", SIZES)
@pytest.mark.parametrize("name", ["broker", "database"])
def test_a_server_killed_midway_loses_and_parks_no_mail(
    pipeline: Pipeline, ledger: Ledger, name: str, mails: int
) -> None:
    server = pipeline.servers.broker if name == "broker" else pipeline.servers.store
    ledger.send(new_mails(mails))
    with pipeline.services(**REPLICAS):
        pipeline.until_recorded(mails // 10)
        server.kill()
        server.start()
        ledger.settle(patience_s=180)
    ledger.assert_no_faults()


@pytest.mark.slow
def test_a_broker_away_for_a_minute_loses_no_mail(pipeline: Pipeline, ledger: Ledger) -> None:
    ledger.send(new_mails(1000))
    with pipeline.services(**REPLICAS):
        pipeline.until_recorded(100)
        pipeline.servers.broker.stop()
        _away(60)
        pipeline.servers.broker.start()
        ledger.settle(patience_s=180)
    ledger.assert_no_faults()


def test_queues_left_without_a_leader_by_a_killed_broker_are_recreated(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker, settings = pipeline.servers.broker, load_settings(pipeline.config, pipeline.env)
    monkeypatch.setattr(declaring, "_ARCHIVE_PATIENCE_S", 1.0)
    monkeypatch.setattr(declaring, "_LEADER_PATIENCE_S", 5.0)

    async def killed() -> None:
        await asyncio.to_thread(broker.kill)

    async def declared() -> None:
        async with Broker.connected(broker_url(settings), "test") as connection:
            await connection.declare(topology_of(settings))

    async def through_each_queue() -> list[bytes]:
        found: list[bytes] = []
        async with Broker.connected(broker_url(settings), "test") as connection:
            await connection.declare(topology_of(settings))
            for exchange, key, queue in (
                (MAIL, "raw.a.b", ROUTER_MAIL),
                (CASE, "open.a", CASE_WRITER_COMMANDS),
            ):
                await connection.publish(Outgoing(exchange, key, queue.encode(), "Test.v1", "key"))
                found += [
                    delivery.body
                    for delivery in await (await connection.consume(queue, 10)).next_batch(10)
                ]
        return found

    with monkeypatch.context() as patch:
        patch.setattr(declaring, "_settle", killed)
        with pytest.raises(TransientError):
            asyncio.run(asyncio.wait_for(declared(), 60))
    broker.start()
    for _ in topology_of(settings).queues:  # each attempt recreates one queue
        with suppress(TransientError):
            asyncio.run(asyncio.wait_for(declared(), 60))
    found = asyncio.run(asyncio.wait_for(through_each_queue(), 60))
    assert found == [ROUTER_MAIL.encode(), CASE_WRITER_COMMANDS.encode()]


@pytest.mark.parametrize("mails", SIZES)
def test_a_broker_that_lost_all_its_data_loses_no_mail(
    pipeline: Pipeline, ledger: Ledger, mails: int
) -> None:
    ledger.send(new_mails(mails))
    with pipeline.services(**REPLICAS):
        pipeline.until_recorded(mails // 10)
        pipeline.servers.broker.kill()
        pipeline.servers.broker.wipe()
        pipeline.servers.broker.start()
        pipeline.add_virtual_host()
        ledger.settle(patience_s=180)
    ledger.assert_no_faults()


@pytest.mark.parametrize(("mails", "alarm_s"), [(200, 4.0), LONG])
def test_mail_stays_in_its_mailbox_during_a_memory_alarm_of_the_broker(
    pipeline: Pipeline, ledger: Ledger, mails: int, alarm_s: float
) -> None:
    ctl = pipeline.servers.broker.ctl
    ledger.send(new_mails(mails))
    with pipeline.services(**REPLICAS) as services:
        pipeline.until_recorded(mails // 10)
        before = _resident_bytes(services, "fetcher")
        ctl("set_vm_memory_high_watermark", "absolute", "1MB")
        try:
            _away(alarm_s)
            growth = _resident_bytes(services, "fetcher") - before
        finally:
            ctl("set_vm_memory_high_watermark", "0.4")
        ledger.settle(patience_s=180)
    print(f"the fetcher's memory grew by {growth / 1e6:.1f} MB")
    assert growth < MEMORY_GROWTH_BYTES
    ledger.assert_no_faults()


@pytest.mark.parametrize(
    ("mails", "times"), [(60, 1), pytest.param(1000, 4, marks=pytest.mark.slow)]
)
def test_a_database_away_for_longer_than_consumers_may_hold_messages_parks_nothing(
    pipeline: Pipeline, ledger: Ledger, mails: int, times: int
) -> None:
    """The broker's limit of 30 minutes is 8 seconds here, so it ends the writers' consumers
    repeatedly: before RabbitMQ 4.3 with their channel.
    """
    ctl, logs = pipeline.servers.broker.ctl, pipeline.folder / "logs"
    ctl("eval", f"application:set_env(rabbit, consumer_timeout, {CONSUMER_TIMEOUT_S * 1000}).")
    ctl("eval", "application:set_env(rabbit, channel_tick_interval, 1000).")
    try:
        with pipeline.services(**REPLICAS) as services:
            services.wait_until_ready()
            pipeline.servers.store.kill()
            ledger.send(new_mails(mails))
            pipeline.until(
                lambda: _sessions_ended(logs, "case-writer") >= times,
                "consumers time out",
                180,
            )
            pipeline.servers.store.start()
            ledger.settle(patience_s=180)
            pipeline.until_queues_empty(patience_s=60)
    finally:
        ctl("eval", "application:set_env(rabbit, consumer_timeout, 1800000).")
        ctl("eval", "application:set_env(rabbit, channel_tick_interval, 60000).")
    ledger.assert_no_faults()


def _sessions_ended(logs: Path, service: str) -> int:
    texts = [log.read_text() for log in logs.glob(f"{service}*.log")]
    return sum(text.count("broker_session_ended") for text in texts)


@pytest.fixture
def three_members(server_folder: Path, server_programs: None) -> Iterator[Pipeline]:
    with PrivateServers(server_folder, mail=True, store_members=3) as servers:
        made = Pipeline(
            servers, server_folder.parent, {"invoices": "invoices@example.test"}, fresh=True
        )
        yield made
        made.close()
        servers.kill()


@pytest.mark.slow
def test_a_primary_that_steps_down_ten_times_parks_nothing(three_members: Pipeline) -> None:
    ledger, store, mails = Ledger(three_members), three_members.servers.store, new_mails(1000)
    share = len(mails) // STEP_DOWNS
    with three_members.services(**REPLICAS):
        for number in range(STEP_DOWNS):
            ledger.send(mails[number * share : (number + 1) * share])
            three_members.until_recorded(number * share + share // 5, patience_s=120)
            three_members.until(lambda: store.primary is not None, "there is a primary")
            primary = store.primary
            assert primary is not None
            with (
                suppress(Exception),
                primary.client() as client,
            ):
                # stepping down closes the connection of the command
                client.admin.command("replSetStepDown", 5, force=True)
        ledger.settle(patience_s=180)
    ledger.assert_no_faults()


def _resident_bytes(services: Services, name: str) -> int:
    """Resident memory of the processes of a service, in bytes (VmRSS in proc(5))."""
    sizes = 0
    for process in services.named(name):
        for pid in process.pids:
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
            sizes += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))
    return sizes


def _away(seconds: float) -> None:
    """The duration of the fault is a parameter of the test."""
    time.sleep(seconds)
