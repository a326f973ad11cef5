"""Reading in a child process that can be killed."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator

import msgspec
import pytest

from schemas.reasons import ParkReason
from services.case_writer import isolated_reader
from services.case_writer.isolated_reader import TOO_LARGE, TOO_SLOW, IsolatedReader
from services.case_writer.ports import UnreadableMailError
from services.case_writer.preparation import MailPreparer
from services.case_writer.reading import MailReading, ReadingLimits, read_mail
from services.runtime.errors import TransientError
from services.runtime.process.isolated import Question, in_pieces
from tests.builders import opening
from tests.contract.mail_reader_contract import MailReaderContract
from tests.fakes import FakeBlobs

MAIL = b"From: a@b.test\r\nSubject: hello\r\n\r\ntext\r\n"
MIB = 1024 * 1024


@pytest.fixture
async def reader() -> AsyncIterator[IsolatedReader]:
    made = IsolatedReader(ReadingLimits(), max_seconds=60, max_memory_bytes=160 * MIB)
    yield made
    await made.close()


class TestIsolatedReader(MailReaderContract):
    """The fixture `reader` is that of this module."""


async def test_a_mail_that_breaks_the_limits_is_refused_without_its_neighbors(
    reader: IsolatedReader,
) -> None:
    large = in_pieces(MAIL, b"x" * 200 * MIB)
    first, refused, last = await reader.read_all([in_pieces(MAIL), large, in_pieces(MAIL)])
    assert (first, last) == (read_mail(MAIL), read_mail(MAIL))
    assert isinstance(refused, UnreadableMailError)
    assert refused.reason == TOO_LARGE


async def test_our_own_error_on_a_mail_is_its_result(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the child does it, in this process."""

    def broken(raw: bytes, limits: ReadingLimits) -> MailReading:
        if b"bad" in raw:
            raise KeyError("charset")
        return read_mail(raw, limits)

    monkeypatch.setattr(isolated_reader, "read_mail", broken)
    mails = [MAIL, b"bad", MAIL]
    with tempfile.TemporaryFile() as question, tempfile.TemporaryFile() as contents:
        sizes = msgspec.msgpack.encode([len(mail) for mail in mails])
        asked = b"".join([*mails, sizes, len(sizes).to_bytes(4, "big")])
        os.pwrite(question.fileno(), asked, 0)
        body = isolated_reader._answer_to(
            ReadingLimits(), Question(len(asked), question.fileno()), contents.fileno()
        )
        first, refused, last = isolated_reader._with_contents(body, contents.fileno())
    assert (first, last) == (read_mail(MAIL), read_mail(MAIL))
    assert isinstance(refused, UnreadableMailError)
    assert (refused.reason, str(refused)) == (
        ParkReason.READING_FAILED,
        "reading-failed: KeyError('charset')",
    )


async def test_a_mail_that_needs_too_much_memory_is_refused_and_the_next_one_is_read(
    reader: IsolatedReader,
) -> None:
    with pytest.raises(UnreadableMailError) as refused:
        await reader.read(in_pieces(MAIL, b"x" * 200 * MIB))
    assert refused.value.reason == TOO_LARGE
    assert (await reader.read(in_pieces(MAIL))).subject == "hello"


async def test_a_mail_that_takes_too_long_is_refused() -> None:
    hasty = IsolatedReader(ReadingLimits(), max_seconds=0.000_1, max_memory_bytes=400 * MIB)
    with pytest.raises(UnreadableMailError) as refused:
        await hasty.read(in_pieces(MAIL, b"x" * 20 * MIB))
    assert refused.value.reason == TOO_SLOW
    await hasty.close()


async def test_the_time_limit_does_not_count_while_the_mail_arrives(
    reader: IsolatedReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, hours = asyncio.get_running_loop(), 0
    time = loop.time
    monkeypatch.setattr(loop, "time", lambda: time() + hours * 3600)

    async def slow() -> AsyncIterator[bytes]:
        nonlocal hours
        yield MAIL
        hours += 1
        for _ in range(10):  # turns of the loop, in which a timer that is due ends the reading
            await asyncio.sleep(0)

    assert (await reader.read(slow)).subject == "hello"


async def test_a_reader_whose_process_was_killed_reads_on(reader: IsolatedReader) -> None:
    await reader.read(in_pieces(MAIL))
    assert reader._child._child is not None
    reader._child._child.process.kill()
    await reader._child._child.process.wait()
    assert (await reader.read(in_pieces(MAIL))).subject == "hello"


async def test_a_machine_without_room_for_a_process_parks_no_mail(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reader = IsolatedReader(ReadingLimits(), max_seconds=10, max_memory_bytes=160 * MIB)
    intake = MailPreparer(FakeBlobs(), reader)
    for program in ("/nonexistent/python", "/bin/false"):
        monkeypatch.setattr("services.runtime.process.isolated.sys.executable", program)
        with pytest.raises(TransientError, match="cannot start a process"):
            await intake.prepare([opening("one")])
    monkeypatch.undo()
    assert len(await intake.prepare([opening("one")])) == 1
    await reader.close()
