"""The next mails are read while others are written."""

import asyncio
import gc
from collections.abc import AsyncIterator

import pytest

from schemas.mails import BlobRef
from services.case_writer.batch import ReceivedCommand
from services.case_writer.preparation import MailPreparer
from services.case_writer.read_ahead import Group, ReadAhead
from services.case_writer.reading import MailReading, read_mail
from services.runtime.errors import PermanentError, TransientError
from tests.builders import opening
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


async def test_only_the_next_group_is_read_before_its_turn(ahead: ReadAhead, reads: Reads) -> None:
    ahead.expect([group("1", "2"), group("3")])
    ahead.expect([group("4")])
    await settled()
    assert reads.texts == ["1", "2"]
    assert await texts(ahead, group("1", "2")) == ["1", "2"]
    await settled()
    assert reads.texts == ["1", "2", "3"]
    assert await texts(ahead, group("3")) == ["3"]
    assert await texts(ahead, group("4")) == ["4"]
    assert reads.texts == ["1", "2", "3", "4"]


async def test_a_group_that_is_not_the_next_is_read_at_once(ahead: ReadAhead, reads: Reads) -> None:
    ahead.expect([group("1", "2"), group("3")])
    await settled()
    assert await texts(ahead, group("2")) == ["2"]
    assert await texts(ahead, group("1", "2")) == ["1", "2"]
    assert reads.texts[:3] == ["1", "2", "2"]


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
