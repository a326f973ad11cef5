"""The limit of new cases per address holds across all case writers."""

import re

from tests.pipeline import Pipeline
from tests.sample_mails import new_mails

MAILS, LIMIT = 60, 20


def test_one_address_opens_no_more_cases_than_its_limit_through_any_writer(
    pipeline: Pipeline,
) -> None:
    mails = [
        re.sub(rb"person\d+@", b"machine@", sample.raw, count=1) for sample in new_mails(MAILS)
    ]
    pipeline.append("invoices", mails)
    with pipeline.services(fetcher=1, router=2, case_writer=3):
        pipeline.until_recorded(MAILS)
        pipeline.until_empty("invoices")
    database = pipeline.database
    assert sorted(case["_id"] for case in database["cases"].find()) == list(range(1, LIMIT + 1))
    parked = list(database["mails"].find({"outcome": "parked"}))
    assert {mail["reason"] for mail in parked} == {"too-many-new-cases"}
    assert len(parked) == MAILS - LIMIT
    [sender] = database["senders"].find()
    assert sender["alerted_at"] is not None
    kept = {mail["raw"] for mail in parked}
    assert {pipeline.blob(blob) for blob in kept} <= set(mails)
