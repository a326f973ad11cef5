"""A service is killed with SIGKILL between two steps: no mail is lost or duplicated."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.servers.private import PrivateServers
from deploy.local.services import ServiceProcess
from tests.faults.support.ledger import Ledger
from tests.pipeline import Pipeline
from tests.sample_mails import new_mails, replies

CRASH_AT = str(Path(__file__).parent / "support" / "crash_at.py")
BOUNDARIES = [
    ("case-writer", "before-transaction"),
    ("case-writer", "during-transaction"),
    ("case-writer", "after-transaction"),
    ("case-writer", "before-events"),
    ("case-writer", "during-events"),
    ("case-writer", "before-ack"),
    ("case-writer", "after-ack"),
    ("router", "before-publish"),
    ("router", "during-publish"),
    ("router", "after-confirm"),
    ("router", "before-ack"),
    ("fetcher", "before-publish"),
    ("fetcher", "during-publish"),
    ("fetcher", "after-confirm"),
    ("fetcher", "after-receipt"),
    ("fetcher", "before-delete"),
    ("fetcher", "before-expunge"),
    ("fetcher", "after-delete"),
]
SHARE = 5  # mails that come after each crash


@pytest.fixture
def pipeline(servers: PrivateServers, tmp_path: Path) -> Iterator[Pipeline]:
    """On the shared servers, since these tests do not harm servers."""
    made = Pipeline(servers, tmp_path, {"invoices": f"invoices.{tmp_path.name}@example.test"})
    yield made
    made.close()


@pytest.mark.parametrize(
    ("service", "point", "times"),
    [(*boundary, 1) for boundary in BOUNDARIES if "during" not in boundary[1]]
    + [pytest.param(*boundary, 10, marks=pytest.mark.slow) for boundary in BOUNDARIES],
)
def test_a_service_killed_at_a_boundary_loses_and_duplicates_nothing(
    pipeline: Pipeline, ledger: Ledger, service: str, point: str, times: int
) -> None:
    opening, mark = new_mails((times + 5) * SHARE), pipeline.folder / "crashed"
    ledger.send(opening[: 5 * SHARE])
    doomed = ServiceProcess(
        service,
        f"{service}-doomed",
        pipeline.config,
        pipeline.folder,
        env={**pipeline.env, "MAILCASE_CRASH_MARK": str(mark), "MAILCASE_CRASH_TIMES": str(times)},
        program=(CRASH_AT, point),
    )
    others = {
        name: 1
        for name in ("fetcher", "router", "case_writer")
        if name.replace("_", "-") != service
    }
    with pipeline.services(**others) as services:
        doomed.start()
        try:
            for number in range(times):
                made = mark.with_name(f"crashed{number}")
                pipeline.until(
                    lambda made=made: made.exists() and not doomed.running,  # type: ignore[misc] # bound early
                    "the service killed itself",
                )
                doomed.start()
                ledger.send(opening[(5 + number) * SHARE : (6 + number) * SHARE])
            pipeline.until_recorded(len(ledger))
            known = [case["_id"] for case in pipeline.database["cases"].find({}, ["_id"])]
            ledger.send(replies(known, 10), known)
            ledger.settle()
            pipeline.until_queues_empty(patience_s=60)
        finally:
            doomed.stop()
        assert all(process.running for process in services.all)
    ledger.assert_no_faults()
