"""The next mails are read while others are written."""

import asyncio
import gc
from collections.abc import AsyncIterator, Sequence

import pytest

from schemas.cases import Decision, OpenCase
from schemas.mails import BlobRef
from services.case_writer.batch import ReceivedCommand
from services.case_writer.ports import UnreadableMailError
from services.case_writer.preparation import MailPreparer
from services.case_writer.read_ahead import Group, ReadAhead
from services.case_writer.reading import MailReading, read_mail
from services.runtime.errors import PermanentError, TransientError
from services.runtime.process.isolated import Pieces
from tests.builders import opening, raw_mail
from tests.fakes import FakeBlobs, InProcessReader


def group(*texts: str) -> Group:
    return [ReceivedCommand(opening(text), redelivered=False) for text in texts]


class Reads:
    """A reader that remembers what it read."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.reader = InProcessReader(self._read)

    def _read(self, raw: bytes) -> MailReading:
        reading = read_mail(raw)
        self.texts.append(reading.text)
        return reading


@pytest.fixture
def reads() -> Reads:
    return Reads()


@pytest.fixture
async def ahead(reads: Reads) -> AsyncIterator[ReadAhead]:
    async with ReadAhead(MailPreparer(FakeBlobs(), reads.reader)) as made:
        yield made


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def texts(ahead: ReadAhead, wanted: Group) -> list[str]:
    prepared = await ahead.prepared(wanted)
    return [mail.reading.text for mail in prepared.mails if mail.reading is not None]


async def test_only_the_next_two_groups_are_read_before_their_turn(
    ahead: ReadAhead, reads: Reads
) -> None:
    ahead.expect([group("1", "2"), group("3")])
    ahead.expect([group("4")])
    await settled()
    assert reads.texts == ["1", "2", "3"]
    assert await texts(ahead, group("1", "2")) == ["1", "2"]
    await settled()
    assert reads.texts == ["1", "2", "3", "4"]
    assert await texts(ahead, group("3")) == ["3"]
    assert await texts(ahead, group("4")) == ["4"]
    assert reads.texts == ["1", "2", "3", "4"]


WITH_FILE = b"""\
From: Anna <anna@customer.example>
Content-Type: multipart/mixed; boundary=part

--part

1
--part
Content-Disposition: attachment; filename=a.txt

content
--part--
"""


class SlowBlobs(FakeBlobs):
    """Stores contents only when it may."""

    def __init__(self) -> None:
        super().__init__()
        self.may_store = asyncio.Event()

    async def put_hashed(self, by_hash: Sequence[tuple[str, bytes]]) -> list[BlobRef]:
        await self.may_store.wait()
        return await super().put_hashed(by_hash)


async def test_a_group_is_read_while_the_files_of_the_one_before_are_stored(reads: Reads) -> None:
    blobs = SlowBlobs()
    mail = raw_mail(WITH_FILE.replace(b"\n", b"\r\n"))
    filed = [
        ReceivedCommand(OpenCase(mail=mail, decision=Decision(rule="new-case")), redelivered=False)
    ]
    async with ReadAhead(MailPreparer(blobs, reads.reader)) as ahead:
        ahead.expect([filed, group("2"), group("3")])
        await settled()
        assert reads.texts == ["1", "2"]
        blobs.may_store.set()
        assert await texts(ahead, filed) == ["1"]
        assert await texts(ahead, group("2")) == ["2"]


async def test_a_group_is_not_read_while_the_one_before_is_read() -> None:
    reading: list[int] = []
    may_go_on = asyncio.Event()

    class Reader(InProcessReader):
        async def read_all(
            self, mails: Sequence[Pieces]
        ) -> list[MailReading | UnreadableMailError]:
            reading.append(len(mails))
            await may_go_on.wait()
            return await super().read_all(mails)

    async with ReadAhead(MailPreparer(FakeBlobs(), Reader())) as ahead:
        ahead.expect([group("1", "2"), group("3")])
        await settled()
        assert reading == [2]
        may_go_on.set()
        assert await texts(ahead, group("1", "2")) == ["1", "2"]
        assert await texts(ahead, group("3")) == ["3"]
        assert reading == [2, 1]


async def test_a_group_that_is_not_the_next_is_read_at_once(ahead: ReadAhead, reads: Reads) -> None:
    ahead.expect([group("1", "2"), group("3")])
    await settled()
    assert await texts(ahead, group("2")) == ["2"]
    assert await texts(ahead, group("1", "2")) == ["1", "2"]
    assert reads.texts == ["1", "2", "3", "2"]


async def test_an_outage_during_an_early_reading_is_raised_in_its_turn(reads: Reads) -> None:
    blobs = FakeBlobs()
    stored = opening("stored", raw=None, blob=BlobRef(sha256="0" * 64, size=6))
    blobs.failures = [TransientError("no primary")]
    async with ReadAhead(MailPreparer(blobs, reads.reader)) as ahead:
        blob = [ReceivedCommand(stored, redelivered=False)]
        ahead.expect([blob, group("2")])
        await settled()
        with pytest.raises(TransientError, match="no primary"):
            await ahead.prepared(blob)
        with pytest.raises(PermanentError, match="no blob"):  # read again, as a retry does
            await ahead.prepared(blob)
        assert await texts(ahead, group("2")) == ["2"]


async def test_an_early_reading_that_nobody_takes_ends_with_the_block(reads: Reads) -> None:
    unhandled: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unhandled.append(context))
    blobs = FakeBlobs()
    blobs.failures = [TransientError("no primary")]
    lost = opening("lost", raw=None, blob=BlobRef(sha256="0" * 64, size=6))
    async with ReadAhead(MailPreparer(blobs, reads.reader)) as ahead:
        ahead.expect([[ReceivedCommand(lost, redelivered=False)]])
        await settled()
        ahead.expect([group("1")])
    gc.collect()
    asyncio.get_running_loop().set_exception_handler(None)
    assert len(asyncio.all_tasks()) == 1
    assert unhandled == []
