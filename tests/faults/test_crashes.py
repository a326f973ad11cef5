"""A stage dies by kill -9 at a boundary of its work: nothing is lost, nothing is doubled."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.servers import PrivateServers
from deploy.local.stages import StageProcess
from tests.pipeline import Pipeline
from tests.sample_mails import new_mails, replies

CRASH_AT = str(Path(__file__).with_name("crash_at.py"))


@pytest.fixture
def pipeline(servers: PrivateServers, tmp_path: Path) -> Iterator[Pipeline]:
    made = Pipeline(servers, tmp_path, {"invoices": f"invoices.{tmp_path.name}@example.test"})
    yield made
    made.close()


@pytest.mark.parametrize(
    ("stage", "point"),
    [
        ("case-writer", "before-transaction"),
        ("case-writer", "after-transaction"),
        ("case-writer", "before-events"),
        ("case-writer", "before-ack"),
        ("case-writer", "after-ack"),
        ("router", "before-publish"),
        ("router", "after-confirm"),
        ("router", "before-ack"),
        ("fetcher", "before-publish"),
        ("fetcher", "after-confirm"),
    ],
)
def test_a_stage_killed_at_a_boundary_loses_and_doubles_nothing(pipeline: Pipeline, stage: str, point: str) -> None:
    opening = new_mails(30)
    pipeline.append("invoices", [sample.raw for sample in opening])
    mark = pipeline.folder / "crashed"
    doomed = StageProcess(
        stage,
        f"{stage}-doomed",
        pipeline.config,
        pipeline.folder,
        env={**pipeline.env, "MAILCASE_CRASH_MARK": str(mark)},
        program=(CRASH_AT, point),
    )
    others = {name: 1 for name in ("fetcher", "router", "case_writer") if name.replace("_", "-") != stage}
    with pipeline.stages(**others) as stages:
        doomed.start()
        pipeline.until(lambda: mark.exists() and not doomed.running, "the stage killed itself")
        doomed.start()
        try:
            pipeline.until_recorded(len(opening))
            known = [case["_id"] for case in pipeline.database["cases"].find()]
            pipeline.append("invoices", [sample.raw for sample in replies(known, 10)])
            pipeline.until_recorded(len(opening) + 10)
            pipeline.until_empty("invoices", patience_s=60)
            pipeline.until_queues_empty()
        finally:
            doomed.stop()
        assert all(process.running for process in stages.all)
    database = pipeline.database
    assert sorted(case["_id"] for case in database["cases"].find()) == list(range(1, len(opening) + 1))
    assert database["comments"].count_documents({}) == len(opening) + 10
    assert database["mails"].count_documents({"outcome": "opened"}) == len(opening)
    assert sum(case["comment_count"] for case in database["cases"].find()) == len(opening) + 10
