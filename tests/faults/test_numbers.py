"""Four case writers at once: case numbers have no gaps, no comment is lost, and no document grows
without bound.
"""

import pytest

from tests.faults.support.ledger import Ledger
from tests.pipeline import Pipeline
from tests.sample_mails import new_mails, replies

REPLICAS = {"fetcher": 1, "router": 1, "case_writer": 4}
MAILS = 2000
REPLIES = 5000
LARGEST_BYTES = 64 * 1024  # of a document that many mails write to
LONGEST_LIST = 200


@pytest.mark.slow  # a smaller version: tests/integration/case_writer/test_case_writer.py
def test_new_mails_through_four_writers_get_numbers_without_gaps(
    pipeline: Pipeline, ledger: Ledger
) -> None:
    ledger.send(new_mails(MAILS))
    with pipeline.services(**REPLICAS):
        ledger.settle(patience_s=300)
    ledger.assert_no_faults()
    assert pipeline.database["cases"].count_documents({}) == MAILS


@pytest.mark.slow
def test_all_replies_to_one_case_through_four_writers_become_its_comments(
    pipeline: Pipeline, ledger: Ledger
) -> None:
    with pipeline.services(**REPLICAS):
        ledger.send(new_mails(1))
        pipeline.until_recorded(1)
        ledger.send(replies([1], REPLIES), [1])
        ledger.settle(patience_s=600)
    ledger.assert_no_faults()
    database = pipeline.database
    assert database["comments"].count_documents({"case": 1}) == REPLIES + 1
    for name in ("cases", "changes", "threads", "mails", "counters", "senders"):
        for document in database[name].aggregate(
            [{"$addFields": {"bytes": {"$bsonSize": "$$ROOT"}}}]
        ):
            assert document["bytes"] < LARGEST_BYTES, (name, document["_id"])
            assert all(
                len(value) <= LONGEST_LIST for value in document.values() if isinstance(value, list)
            ), name
