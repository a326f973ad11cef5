"""The main path on real servers, with one process for each service."""

import hashlib
import time

import pytest

from schemas.mails import mail_key
from tests.pipeline import Pipeline
from tests.sample_mails import Sample, new_mails, replies

NEW, KNOWN, REPLIES = 700, 50, 300


def test_a_thousand_mails_become_seven_hundred_cases_and_a_thousand_comments(
    pipeline: Pipeline,
) -> None:
    opening, answers = new_mails(NEW), []
    with pipeline.services(fetcher=1, router=2, case_writer=2) as services:
        services.wait_until_ready()
        pipeline.append("invoices", [sample.raw for sample in opening[:KNOWN]])
        pipeline.until_recorded(KNOWN)
        known = [case["_id"] for case in pipeline.database["cases"].find()]
        answers = replies(known, REPLIES)
        pipeline.append("invoices", [sample.raw for sample in opening[KNOWN:] + answers])
        pipeline.until_recorded(NEW + REPLIES, patience_s=120)
        pipeline.until_empty("invoices")
        pipeline.until_queues_empty()
    database = pipeline.database
    assert sorted(case["_id"] for case in database["cases"].find()) == list(range(1, NEW + 1))
    assert database["comments"].count_documents({}) == NEW + REPLIES
    assert database["mails"].count_documents({"outcome": "opened", "deliveries": 1}) == NEW
    assert database["mails"].count_documents({"outcome": "appended", "deliveries": 1}) == REPLIES
    assert sum(case["comment_count"] for case in database["cases"].find()) == NEW + REPLIES
    for index, sample in enumerate(answers):
        comment = database["comments"].find_one({"_id": mail_key("invoices", sample.raw)})
        assert comment is not None
        assert comment["case"] == known[index % KNOWN]
    for sample in opening + answers:
        assert _stored_attachments(pipeline, sample) == sample.attachments


def test_a_mail_delivered_twice_and_ingested_again_is_one_comment(pipeline: Pipeline) -> None:
    (sample,) = new_mails(1)
    with pipeline.services(fetcher=1, router=1, case_writer=1) as services:
        services.wait_until_ready()
        pipeline.append("invoices", [sample.raw, sample.raw])
        pipeline.until(lambda: _deliveries(pipeline) == [2], "the second delivery is counted")
        pipeline.append("invoices", [sample.raw])
        pipeline.until(lambda: _deliveries(pipeline) == [3], "the third delivery is counted")
        pipeline.until_empty("invoices")
        duplicates = services.named("case-writer")[0].get("/metrics")[1]
    assert 'mailcase_mails_duplicate_total{process="invoices"} 2.0' in duplicates
    assert pipeline.database["comments"].count_documents({}) == 1
    assert pipeline.database["cases"].count_documents({}) == 1


def test_a_mail_that_arrives_while_all_is_idle_is_a_case_within_a_second(
    pipeline: Pipeline,
) -> None:
    samples = new_mails(5)
    with pipeline.services(fetcher=1, router=1, case_writer=1) as services:
        services.wait_until_ready()
        pipeline.append("invoices", [samples[0].raw])
        # the connection is idle from here on, and polls only once a minute
        pipeline.until_empty("invoices")
        durations = []
        with pipeline.imap("invoices") as box:
            for count, sample in enumerate(samples[1:], 2):
                started = time.monotonic()
                box.append(sample.raw)
                pipeline.until_recorded(count, patience_s=10)
                durations.append(time.monotonic() - started)
                pipeline.until_empty("invoices")
    assert sorted(durations)[len(durations) // 2] < 1.0


@pytest.mark.parametrize(
    "raw",
    [
        b"From: a@x.test\r\nSubject: 8-bit\r\n\r\nza\xbf\xf3\xb3\xe6 g\xea\xb6l\xb1 ja\xbc\xf1\r\n",
        b"From: a@x.test\r\nSubject: binary\r\n\r\n"
        + bytes(range(1, 256)).replace(b"\n", b"").replace(b"\r", b""),
        b"From: a@x.test\r\nSubject: long line\r\n\r\n" + b"x" * 300_000 + b"\r\n",
        b"From: a@x.test\r\nSubject: no final newline\r\n\r\nthe end",
        b"Subject: header only, no blank line",
    ],
    ids=["8-bit", "binary", "long-line", "no-final-newline", "no-body"],
)
def test_the_bytes_published_equal_the_bytes_in_the_mailbox(pipeline: Pipeline, raw: bytes) -> None:
    """The mail key is the hash of the published bytes, and the kept original has the same bytes."""
    pipeline.config.write_text(
        pipeline.config.read_text().replace(
            "[server.private]", "[server.private]\nattach_original = true"
        )
    )
    pipeline.append("invoices", [raw])
    with pipeline.services(fetcher=1, router=1, case_writer=1):
        pipeline.until_recorded(1)
        pipeline.until_empty("invoices")
    comment = pipeline.database["comments"].find_one({"_id": mail_key("invoices", raw)})
    assert comment is not None
    assert pipeline.blob(comment["original"]) == raw


def test_a_reference_to_no_case_opens_one_and_says_so(pipeline: Pipeline) -> None:
    (sample,) = replies([4711], 1)
    pipeline.append("invoices", [sample.raw])
    with pipeline.services(fetcher=1, router=1, case_writer=1):
        pipeline.until_recorded(1)
    mail = pipeline.database["mails"].find_one({})
    assert mail is not None
    assert (mail["outcome"], mail["case"]) == ("opened", 1)
    assert mail["decision"]["rule"] == "case-reference"
    assert mail["decision"]["resolution"] == "no-such-case"


def test_every_service_ends_with_status_zero_on_sigterm(pipeline: Pipeline) -> None:
    with pipeline.services(fetcher=1, router=1, case_writer=1) as services:
        services.wait_until_ready()
        pipeline.append("invoices", [sample.raw for sample in new_mails(50)])
        for process in services.all:
            started = time.monotonic()
            process.stop()
            assert time.monotonic() - started < 30
            assert '"event":"stage_stopped"' in process.log_file.read_text()


def _stored_attachments(pipeline: Pipeline, sample: Sample) -> dict[str, bytes]:
    comment = pipeline.database["comments"].find_one({"_id": mail_key("invoices", sample.raw)})
    assert comment is not None
    stored = {
        attachment["name"]: pipeline.blob(attachment["blob"])
        for attachment in comment["attachments"]
    }
    for attachment in comment["attachments"]:
        assert hashlib.sha256(stored[attachment["name"]]).hexdigest() == attachment["sha256"]
        assert len(stored[attachment["name"]]) == attachment["size"]
    return stored


def _deliveries(pipeline: Pipeline) -> list[int]:
    return [mail["deliveries"] for mail in pipeline.database["mails"].find()]
