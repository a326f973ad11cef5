"""The programs in docs/examples do what docs/integrating.md says."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.pipeline import Pipeline

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
PATIENCE_S = 60.0


def mail_with_a_file(content: bytes) -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"] = "Jan <jan@supplier.example>", "invoices@example.test"
    mail["Subject"], mail["Message-ID"] = "Invoice 12/2026", "<12@supplier.example>"
    mail.set_content("Please pay.")
    mail.add_attachment(content, maintype="application", subtype="pdf", filename="invoice.pdf")
    return mail.as_bytes()


def environment(pipeline: Pipeline) -> dict[str, str]:
    return {**os.environ, **pipeline.env, "MAILCASE_DATABASE": pipeline.database_name}


def ran(pipeline: Pipeline, name: str, *arguments: str) -> str:
    """The output of an example that runs in the folder of the settings."""
    command = [sys.executable, str(EXAMPLES / name), *arguments]
    done = subprocess.run(
        command,
        env=environment(pipeline),
        cwd=pipeline.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@contextmanager
def running_consumer(pipeline: Pipeline) -> Iterator[list[str]]:
    """The lines that the consumer prints while it runs."""
    process = subprocess.Popen(
        [sys.executable, str(EXAMPLES / "consumer.py")],
        env=environment(pipeline),
        stdout=subprocess.PIPE,
        text=True,
    )
    lines: list[str] = []
    assert process.stdout is not None
    reader = threading.Thread(
        target=lambda output: lines.extend(map(str.rstrip, output)), args=(process.stdout,)
    )
    reader.start()
    try:
        yield lines
    finally:
        process.terminate()
        process.wait(10)
        reader.join(10)
        process.stdout.close()


@pytest.fixture
def sending(pipeline: Pipeline) -> Pipeline:
    """The process has a second stage and an SMTP server; no sender runs."""
    (pipeline.folder / "keys").write_text("0123456789abcdef" * 4)
    settings = pipeline.config.read_text().replace(
        '[[process.invoices.stage]]\nname = "registration"\n',
        '[[process.invoices.stage]]\nname = "approval"\n'
        '[[process.invoices.stage]]\nname = "registration"\nnext = ["approval"]\n',
    )
    smtp = '[case_reference]\nkey_file = "keys"\n[smtp.relay]\nhost = "localhost"\n'
    pipeline.config.write_text(settings + smtp)
    return pipeline


def test_the_consumer_prints_a_new_case_with_its_attachment(pipeline: Pipeline) -> None:
    content = os.urandom(400_000)  # two chunks
    with pipeline.services(fetcher=1, router=1, case_writer=1) as services:
        services.wait_until_ready()
        with running_consumer(pipeline) as lines:
            pipeline.until(lambda: lines == ["ready"], "the consumer listens", PATIENCE_S)
            pipeline.append("invoices", [mail_with_a_file(content)])
            pipeline.until(lambda: len(lines) == 3, f"the case is printed: {lines}", PATIENCE_S)
    assert lines[1:] == [
        "case 1 of invoices: Invoice 12/2026",
        "  invoice.pdf: 400000 bytes of application/pdf",
    ]


def test_an_answer_by_message_is_in_the_outbox_and_a_move_by_the_library_in_the_history(
    sending: Pipeline,
) -> None:
    sending.append("invoices", [mail_with_a_file(b"%PDF-1.7")])
    with sending.services(fetcher=1, router=1, case_writer=1):
        sending.until_recorded(1)
        answer_id = ran(sending, "answer.py", "invoices", "1", "It was paid.")
        outbox = sending.database["outbox"]
        sending.until(
            lambda: outbox.find_one({"_id": f"answer {answer_id}"}) is not None,
            "the answer is written",
        )
        case = sending.database["cases"].find_one({"_id": 1})
        assert case is not None
        revision = ran(sending, "move.py", "1", "approval", str(case["revision"]))
        change = sending.database["changes"].find_one({"_id": f"1.{revision}"})
    assert change is not None
    assert (change["what"]["type"], change["actor"]["id"]) == ("stage-moved", "example")
