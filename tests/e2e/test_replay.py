"""`mailcase replay` with running services: correct outcomes stay, missing and wrong ones are
repaired.
"""

import os
import signal
import subprocess
import sys
from typing import Any

from schemas.mails import mail_key
from tests.e2e.test_commands import mailcase, written
from tests.pipeline import Document, Pipeline
from tests.sample_mails import Sample, new_mails, replies

COLLECTIONS = (
    "cases",
    "changes",
    "comments",
    "mails",
    "threads",
    "counters",
    "senders",
    "outbox",
    "blobs.files",
    "blobs.chunks",
)

Dump = dict[str, dict[Any, Document]]


def dump(pipeline: Pipeline) -> Dump:
    return {
        name: {document["_id"]: document for document in pipeline.database[name].find()}
        for name in COLLECTIONS
    }


def restore(pipeline: Pipeline, backup: Dump) -> None:
    for name, documents in backup.items():
        pipeline.database[name].delete_many({})
        if documents:
            pipeline.database[name].insert_many(list(documents.values()))


def replay(pipeline: Pipeline, *options: str) -> str:
    done = mailcase(pipeline, "replay", *options)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def placed(state: Dump) -> dict[str, Any]:
    """What a customer sees of a mail: the case, and the content of the comment."""
    return {
        key: (one["case"], one["text"], [file["blob"] for file in one["attachments"]])
        for key, one in state["comments"].items()
    }


def fetch(pipeline: Pipeline, mails: list[Sample] | list[bytes]) -> None:
    """Deliver mails to the mailbox, and wait until all are recorded."""
    before = pipeline.recorded()
    pipeline.append("invoices", [mail.raw if isinstance(mail, Sample) else mail for mail in mails])
    pipeline.until_recorded(before + len(mails))
    pipeline.until_empty("invoices", patience_s=60)


def test_a_restored_database_gets_its_cases_back_under_their_numbers(pipeline: Pipeline) -> None:
    """Some mails were in the backup, others came after it; mail that arrived after the restore took
    one of the numbers.
    """
    opening = new_mails(9)
    threads = [reply_to(one, f"t{number}") for number, one in enumerate(opening)]
    with pipeline.services(fetcher=1, router=1, case_writer=2) as services:
        services.wait_until_ready()
        fetch(pipeline, opening[:3])
        backup = dump(pipeline)
        fetch(pipeline, opening[3:8])
        fetch(pipeline, [*replies([1, 5, 7], 6), *threads[:8]])
        lost = dump(pipeline)
        restore(pipeline, backup)
        fetch(pipeline, [opening[8]])  # opens case 4, which was another's
        printed = replay(pipeline, "--since", "1h")
        now = dump(pipeline)
        again = replay(pipeline)
        unchanged = dump(pipeline)
        fetch(pipeline, [threads[8]])
    [key_of_4] = [
        key for key, one in lost["mails"].items() if one["case"] == 4 and one["outcome"] == "opened"
    ]
    moved = {key for key, one in lost["mails"].items() if one["case"] == 4}
    expected = {
        key: (9 if key in moved else case, *rest) for key, (case, *rest) in placed(lost).items()
    }
    assert {key: tuple(value) for key, value in placed(now).items() if key in expected} == {
        key: tuple(value) for key, value in expected.items()
    }
    assert "number-taken" in now["comments"][key_of_4]["flags"]
    assert f"{key_of_4[:12]}: opened, case 9 (number-taken)" in printed
    for number in (1, 2, 3, 5, 6, 7, 8):
        for field in ("comment_count", "attachment_count", "title", "participants"):
            assert now["cases"][number][field] == lost["cases"][number][field], (number, field)
    assert "23 unchanged" in again
    assert unchanged == now
    comment = pipeline.database["comments"].find_one({"_id": mail_key("invoices", threads[8].raw)})
    assert comment is not None
    assert comment["case"] == 4


def test_a_replay_shows_its_effects_in_advance_and_resumes_after_a_stop(
    pipeline: Pipeline,
) -> None:
    samples = new_mails(12)
    comments = pipeline.database["comments"]
    with pipeline.services(router=1, case_writer=1):
        files = list(written(pipeline, [sample.raw for sample in samples]))
        assert mailcase(pipeline, "ingest", *files, "--process", "invoices").returncode == 0
        right = dump(pipeline)
        comments.update_many({}, {"$set": {"text": "garbled"}})
        garbled = dump(pipeline)
        dry = replay(pipeline, "--rederive", "--dry-run")
        assert dump(pipeline) == garbled
        first = start_replay(pipeline, "--rederive", "--rate", "2")
        pipeline.until(
            lambda: comments.count_documents({"text": "garbled"}) < 11, "some are derived anew"
        )
        first.send_signal(signal.SIGINT)
        printed, _ = first.communicate(timeout=60)
        left = comments.count_documents({"text": "garbled"})
        again = replay(
            pipeline, *printed.decode().split("the same command with ")[1].split(), "--rederive"
        )
        audited = mailcase(pipeline, "audit", "--deep")
    assert dry.count(": opened [#") == 12
    assert dry.endswith("12 rederived\n")
    not_again = "settings that do not apply again: number_from_strangers, max_new_cases_per_sender"
    assert dry.startswith(not_again)
    assert again.startswith(not_again)
    assert first.returncode == 130
    assert 0 < left < 11
    assert f"{left} rederived" in again
    assert placed(dump(pipeline)) == placed(right)
    assert (audited.returncode, audited.stdout.decode().splitlines()[-1]) == (
        0,
        "nothing is wrong",
    ), audited.stdout


def start_replay(pipeline: Pipeline, *options: str) -> subprocess.Popen[bytes]:
    command = [
        sys.executable,
        "-m",
        "services.cli",
        "replay",
        *options,
        "--config",
        str(pipeline.config),
    ]
    return subprocess.Popen(command, env={**os.environ, **pipeline.env}, stdout=subprocess.PIPE)


def reply_to(sample: Sample, name: str) -> Sample:
    """A reply that only its Message-ID connects to the case."""
    _, _, rest = sample.raw.partition(b"Message-ID: ")
    message_id = rest.split(b"\r\n")[0].decode()
    head = f"From: helper@customers.test\r\nSubject: answer {name}\r\nMessage-ID: <{name}@helpers.test>\r\n"
    return Sample(f"{head}In-Reply-To: {message_id}\r\n\r\nmore {name}\r\n".encode(), {})
