"""A server dies while mail flows: when it is back, every mail has its one outcome."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.servers import PrivateServers
from schemas.mails import mail_key
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
    made = Pipeline(doomed, tmp_path, {"invoices": f"invoices.{tmp_path.name}@example.test"})
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
