"""The broker dies during a replay: the replay resumes by itself, and every comment gets its correct
text.
"""

from tests.e2e.test_replay import start_replay
from tests.faults.support.ledger import Ledger
from tests.pipeline import Pipeline
from tests.sample_mails import new_mails

MAILS = 60


def test_a_replay_resumes_after_the_broker_was_killed(pipeline: Pipeline, ledger: Ledger) -> None:
    comments = pipeline.database["comments"]
    ledger.send(new_mails(MAILS))
    with pipeline.services(fetcher=1, router=1, case_writer=2):
        ledger.settle()
        correct = {document["_id"]: document["text"] for document in comments.find()}
        comments.update_many({}, {"$set": {"text": "garbled"}})
        running = start_replay(pipeline, "--rederive", "--rate", "20")
        pipeline.until(
            lambda: comments.count_documents({"text": "garbled"}) < MAILS,
            "some texts are derived again",
        )
        pipeline.servers.broker.kill()
        assert comments.count_documents({"text": "garbled"}) > 0, (
            "the replay ended before the broker was killed"
        )
        pipeline.servers.broker.start()
        printed, _ = running.communicate(timeout=300)
    assert running.returncode == 0, printed.decode()
    assert {document["_id"]: document["text"] for document in comments.find()} == correct
    ledger.assert_no_faults()
