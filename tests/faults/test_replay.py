"""A server dies in the middle of a replay: it goes on by itself, and every mail has its right
text.
"""

from tests.e2e.test_replay import start_replay
from tests.faults.ledger import Ledger
from tests.pipeline import Pipeline
from tests.sample_mails import new_mails

MAILS = 60


def test_a_broker_killed_in_the_middle_of_a_replay_costs_nothing(
    pipeline: Pipeline, ledger: Ledger
) -> None:
    comments = pipeline.database["comments"]
    ledger.send(new_mails(MAILS))
    with pipeline.services(fetcher=1, router=1, case_writer=2):
        ledger.settle()
        right = {document["_id"]: document["text"] for document in comments.find()}
        comments.update_many({}, {"$set": {"text": "garbled"}})
        running = start_replay(pipeline, "--rederive", "--rate", "20")
        pipeline.until(
            lambda: comments.count_documents({"text": "garbled"}) < MAILS, "some are derived anew"
        )
        pipeline.servers.broker.kill()
        assert comments.count_documents({"text": "garbled"}) > 0, (
            "the replay was over before the broker died"
        )
        pipeline.servers.broker.start()
        told, _ = running.communicate(timeout=300)
    assert running.returncode == 0, told.decode()
    assert {document["_id"]: document["text"] for document in comments.find()} == right
    ledger.assert_all_is_well()
