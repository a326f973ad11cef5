"""Answers on their way to the outbox: what one of them breaks holds up no other."""

from datetime import UTC, datetime
from pathlib import Path

import bson
import pytest

from schemas.own_ids import OwnIds
from schemas.sending import AnswerCase
from services.case_writer.answers import Answers, MongoAnswers
from services.case_writer.outgoing import Answerable, Correspondence
from services.runtime.errors import PermanentError
from services.runtime.health import Health
from services.runtime.lifecycle import Stop
from tests.fakes import FakeBlobs, FakeOutlet
from tests.unit.sender.builders import settings

BEYOND_BSON = 2**63  # MessagePack carries it, the database has no such number


class Unasked(MongoAnswers):
    """Encodes what is asked for, as the driver does, and knows nothing."""

    def __init__(self) -> None: ...

    async def is_written(self, document_id: str) -> bool:
        return False

    async def case(self, number: int) -> Answerable | None:
        bson.encode({"_id": number})
        return None


@pytest.mark.parametrize("number", [4711, BEYOND_BSON])
async def test_an_answer_to_a_number_that_is_no_case_s_can_never_go_out(tmp_path: Path, number: int) -> None:
    correspondence = Correspondence(settings(tmp_path), OwnIds([b"key"]))
    answers = Answers(Unasked(), FakeBlobs(), correspondence, FakeOutlet(), health=Health("store"), stop=Stop())
    with pytest.raises(PermanentError):
        await answers.handle(AnswerCase(id="answer-1", case=number, text="Yes", at=datetime.now(UTC)))
