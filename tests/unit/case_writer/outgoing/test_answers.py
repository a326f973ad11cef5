"""Answers on their way to the outbox: an answer that fails delays no other."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import bson
import pytest

from schemas.changes import Actor, Change
from schemas.mails import BlobRef
from schemas.message_ids import MessageIdSigner
from schemas.sending import AnswerCase, AnswerFile
from schemas.stored import OutgoingMail
from services.case_writer.outgoing.answers import Answers
from services.case_writer.outgoing.composer import OutgoingMailComposer
from services.casework.outgoing import Answerable
from services.casework.persistence.answers import MongoAnswers
from services.runtime.broker.messages import Outgoing
from services.runtime.errors import PermanentError, TransientError
from services.runtime.process.health import Health
from services.runtime.process.lifecycle import Stop
from services.runtime.store.errors import TakenError
from tests.fakes import FakeBlobs, FakeOutlet
from tests.unit.sender.builders import settings

BEYOND_BSON = 2**63  # MessagePack carries it, the database has no such number


class OneCase(MongoAnswers):
    """Encodes requested documents, as the driver does, and has case 235."""

    def __init__(self) -> None:
        self.written: list[OutgoingMail] = []

    async def is_written(self, document_id: str) -> bool:
        return False

    async def case(self, number: int) -> Answerable | None:
        bson.encode({"_id": number})
        case = Answerable(
            number,
            "invoices",
            "invoices",
            "Invoice 17",
            ["anna@customer.example"],
            in_reply_to=None,
        )
        return case if number == 235 else None

    async def write(
        self, mail: OutgoingMail, actor: Actor, *, expected: int | None = None
    ) -> Sequence[Change]:
        self.written.append(mail)
        return ()


def answers_to(stored: OneCase, folder: Path, blobs: FakeBlobs) -> Answers:
    correspondence = OutgoingMailComposer(settings(folder), MessageIdSigner([b"key"]))
    return Answers(stored, blobs, correspondence, FakeOutlet(), health=Health("store"), stop=Stop())


def answer(number: int = 235, **more: Any) -> AnswerCase:
    return AnswerCase(id="answer-1", case=number, text="Yes", at=datetime.now(UTC), **more)


@pytest.mark.parametrize("number", [4711, BEYOND_BSON])
async def test_an_answer_to_a_number_that_is_no_case_s_can_never_go_out(
    tmp_path: Path, number: int
) -> None:
    answers = answers_to(OneCase(), tmp_path, FakeBlobs())
    with pytest.raises(PermanentError):
        await answers.handle(answer(number))


async def test_an_answer_with_a_missing_blob_is_never_sent_and_others_are(
    tmp_path: Path,
) -> None:
    stored, blobs = OneCase(), FakeBlobs()
    [there] = await blobs.put_all([b"a scan"])
    answers = answers_to(stored, tmp_path, blobs)
    good, absent = (
        AnswerFile(name="scan.tiff", blob=there),
        AnswerFile(name="b.pdf", blob=BlobRef(sha256="0" * 64, size=9)),
    )
    with pytest.raises(PermanentError, match=r"no-such-blob: 'b\.pdf'"):
        await answers.handle(answer(files=[good, absent]))
    await answers.handle(answer(files=[good]))
    [mail] = stored.written
    assert [attachment.blob for attachment in mail.attachments] == [there.sha256]


@pytest.mark.parametrize("nack", [True, False])
async def test_a_queue_of_the_senders_that_takes_nothing_holds_up_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nack: bool
) -> None:
    class Full(FakeOutlet):
        async def publish_all(self, messages: list[Outgoing]) -> None:
            if nack:
                raise TransientError("the queue is full")
            await asyncio.Event().wait()

    monkeypatch.setattr("services.case_writer.notifier.WAKE_PATIENCE_S", 0.05)
    stored, correspondence = (
        OneCase(),
        OutgoingMailComposer(settings(tmp_path), MessageIdSigner([b"key"])),
    )
    answers = Answers(
        stored, FakeBlobs(), correspondence, Full(), health=Health("store"), stop=Stop()
    )
    await asyncio.wait_for(answers.handle(answer()), 10)
    assert len(stored.written) == 1


async def test_a_stop_ends_the_wait_for_an_unnoticed_answer(
    tmp_path: Path,
) -> None:
    """While a primary cannot replicate, its keys are taken by documents that no majority has."""
    stop = Stop()

    class Unreplicated(OneCase):
        async def write(
            self, mail: OutgoingMail, actor: Actor, *, expected: int | None = None
        ) -> Sequence[Change]:
            await super().write(mail, actor)
            if len(self.written) == 3:
                stop.request()
            raise TakenError("duplicate key")

    stored, correspondence = (
        Unreplicated(),
        OutgoingMailComposer(settings(tmp_path), MessageIdSigner([b"key"])),
    )
    answers = Answers(
        stored, FakeBlobs(), correspondence, FakeOutlet(), health=Health("store"), stop=stop
    )
    with pytest.raises(TakenError):
        await asyncio.wait_for(answers.handle(answer()), 10)
    assert len(stored.written) == 3
