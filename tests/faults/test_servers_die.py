"""A server dies while mail flows: when it is back, every mail has its one outcome."""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from deploy.local.servers import PrivateServers
from schemas.mails import mail_key
from services.runtime import declaring
from services.runtime.broker import Broker
from services.runtime.errors import TransientError
from services.runtime.messages import Outgoing
from services.runtime.settings import load_settings
from services.runtime.stage import broker_url, topology_of
from services.runtime.topology import CASE, CASE_WRITER_COMMANDS, MAIL, ROUTER_MAIL
from tests.pipeline import Pipeline
from tests.sample_mails import Sample, new_mails

MAILS = 300


@pytest.fixture(scope="module")
def doomed(server_programs: None) -> Iterator[PrivateServers]:
    """Servers of their own: what is done to them must not reach the other tests."""
    folder = Path(tempfile.mkdtemp(prefix="mailcase-faults-"))
    folder.chmod(0o711)
    private = PrivateServers(folder, mail=True)
    try:
        yield private.start()
    finally:
        private.wipe()
        shutil.rmtree(folder)


@pytest.fixture
def pipeline(doomed: PrivateServers, tmp_path: Path) -> Iterator[Pipeline]:
    made = Pipeline(doomed, tmp_path, {"invoices": f"invoices.{tmp_path.name}@example.test"}, fresh=True)
    yield made
    made.close()


def test_a_broker_killed_half_way_costs_nothing(pipeline: Pipeline) -> None:
    samples = new_mails(MAILS)
    pipeline.append("invoices", [sample.raw for sample in samples])
    with pipeline.stages(fetcher=1, router=1, case_writer=2):
        pipeline.until_recorded(MAILS // 10)
        pipeline.servers.broker.kill()
        pipeline.servers.broker.start()
        pipeline.until_recorded(MAILS, patience_s=120)
        pipeline.until_empty("invoices", patience_s=90)
    assert_each_has_its_case(pipeline, samples)


def test_queues_that_a_killed_broker_brings_back_without_a_leader_are_made_anew(
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
            for exchange, key, queue in ((MAIL, "raw.a.b", ROUTER_MAIL), (CASE, "open.a", CASE_WRITER_COMMANDS)):
                await connection.publish(Outgoing(exchange, key, queue.encode(), "Test.v1", "key"))
                found += [one.body for one in await (await connection.consume(queue, 10)).next_batch(10)]
        return found

    with monkeypatch.context() as patch:
        patch.setattr(declaring, "_settle", killed)
        with pytest.raises(TransientError):
            asyncio.run(asyncio.wait_for(declared(), 60))
    broker.start()
    for _ in topology_of(settings).queues:  # each attempt makes one queue anew
        with suppress(TransientError):
            asyncio.run(asyncio.wait_for(declared(), 60))
    found = asyncio.run(asyncio.wait_for(through_each_queue(), 60))
    assert found == [ROUTER_MAIL.encode(), CASE_WRITER_COMMANDS.encode()]


def test_a_broker_that_lost_all_its_data_costs_nothing(pipeline: Pipeline) -> None:
    samples = new_mails(MAILS)
    pipeline.append("invoices", [sample.raw for sample in samples])
    with pipeline.stages(fetcher=1, router=1, case_writer=2):
        pipeline.until_recorded(MAILS // 10)
        pipeline.servers.broker.kill()
        pipeline.servers.broker.wipe()
        pipeline.servers.broker.start()
        pipeline.add_virtual_host()
        pipeline.until_recorded(MAILS, patience_s=120)
        pipeline.until_empty("invoices", patience_s=90)
    assert_each_has_its_case(pipeline, samples)


def test_a_database_killed_half_way_parks_nothing(pipeline: Pipeline) -> None:
    samples = new_mails(MAILS)
    pipeline.append("invoices", [sample.raw for sample in samples])
    with pipeline.stages(fetcher=1, router=1, case_writer=2):
        pipeline.until_recorded(MAILS // 10)
        pipeline.servers.store.kill()
        pipeline.servers.store.start()
        pipeline.until_recorded(MAILS, patience_s=120)
        pipeline.until_empty("invoices", patience_s=90)
    assert_each_has_its_case(pipeline, samples)


def assert_each_has_its_case(pipeline: Pipeline, samples: list[Sample]) -> None:
    database = pipeline.database
    outcomes = {mail["_id"]: mail["outcome"] for mail in database["mails"].find()}
    assert outcomes == {mail_key("invoices", sample.raw): "opened" for sample in samples}
    assert sorted(case["_id"] for case in database["cases"].find()) == list(range(1, len(samples) + 1))
    assert database["comments"].count_documents({}) == len(samples)
