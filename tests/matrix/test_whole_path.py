"""Measures the throughput from the mailbox to the case with the version under test."""

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.local import PrivateServers
from tests.faults.support.ledger import Ledger
from tests.pipeline import Pipeline
from tests.sample_mails import new_mails

MAILS, SINGLE_MAILS = 2000, 20
SERVICES = {"fetcher": 1, "router": 1, "case_writer": 1}


@pytest.mark.slow
def test_the_whole_path_records_every_mail_once(
    servers: PrivateServers, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    pipeline = Pipeline(servers, tmp_path, {"invoices": f"invoices.{tmp_path.name}@example.test"})
    ledger, samples = Ledger(pipeline), new_mails(MAILS + SINGLE_MAILS)
    try:
        ledger.send(samples[:MAILS])
        with pipeline.services(**SERVICES) as services:
            ledger.settle()
            seconds = _seconds_of_recording(pipeline)
            services.wait_until_ready()
            single_s = []
            for sample in samples[MAILS:]:
                sent_s = time.monotonic()
                ledger.send([sample])
                pipeline.until_recorded(len(ledger))
                single_s.append(time.monotonic() - sent_s)
            ledger.settle()
        ledger.assert_no_faults()
    finally:
        pipeline.close()
    figure = (
        f"{MAILS / seconds:.0f} mails/s from the mailbox to the case ({MAILS} mails, one replica of each service); "
        f"a single mail: median {statistics.median(single_s) * 1000:.0f} ms, worst {max(single_s) * 1000:.0f} ms"
    )
    record_property("figure", figure)


def _seconds_of_recording(pipeline: Pipeline) -> float:
    times = [
        mail["recorded_at"] for mail in pipeline.database["mails"].find({}, {"recorded_at": 1})
    ]
    return float((max(times) - min(times)).total_seconds())
