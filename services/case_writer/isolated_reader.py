"""Reads mails in a child process that can be killed, so that no mail exceeds its time and memory,
and reading does not delay the service's other work.

A question is mails, one after the other, and their sizes. The child returns the readings as
MessagePack. It writes the contents of the attachments to a file, one after the other.
"""

import os
import sys
from collections.abc import AsyncIterator, Sequence
from functools import partial

import msgspec
from msgspec import structs

from schemas.reasons import ParkReason
from services.case_writer.ports import UnreadableMailError
from services.case_writer.reading import MailReading, ReadingLimits, read_mail
from services.runtime.process.isolated import (
    ChildFailedError,
    IsolatedChild,
    Pieces,
    Question,
    TooSlowError,
    become_isolated,
    serve,
    shorten,
    write_all,
)

TOO_SLOW = ParkReason.READING_TAKES_TOO_LONG
TOO_LARGE = ParkReason.READING_TAKES_TOO_MUCH_MEMORY
# larger than the buffers for a mail with a PDF; otherwise page faults take a third of its time
_KEPT_BLOCK_BYTES = 7 * 1024 * 1024 // 2
_KEPT_BYTES = 8 * 1024 * 1024
_LENGTH_BYTES = 4


class _Answer(msgspec.Struct, frozen=True):
    """A reading whose attachments are empty, and the sizes of their contents, which follow each
    other in a file; or the error that our own code raised.
    """

    reading: MailReading | None
    sizes: list[int]
    error: str = ""


_decoder = msgspec.msgpack.Decoder(list[_Answer])
_sizes_decoder = msgspec.msgpack.Decoder(list[int])


class IsolatedReader:
    """Reads mails in one child, one question at a time."""

    def __init__(self, limits: ReadingLimits, *, max_seconds: float, max_memory_bytes: int) -> None:
        self._max_seconds = max_seconds
        self._max_memory_bytes = max_memory_bytes
        arguments = (msgspec.json.encode(limits).decode(), str(max_memory_bytes))
        self._child = IsolatedChild(__name__, *arguments)

    async def start(self) -> None:
        """Start the child, so that the first mail does not wait for it. Raises TransientError if
        the machine cannot start another process.
        """
        await self._child.start()

    async def read(self, mail: Pieces) -> MailReading:
        """The reading of one mail. Raises UnreadableMailError, and what `read_all` raises."""
        [reading] = await self.read_all([mail])
        if isinstance(reading, UnreadableMailError):
            raise reading
        return reading

    async def read_all(self, mails: Sequence[Pieces]) -> list[MailReading | UnreadableMailError]:
        """The reading of each mail, or its error: it takes too long or too much memory, or our own
        code fails on it.

        The mails share the time and memory of one. If that is not enough, they are read one by one.
        Raises TransientError if the machine cannot start another process, for which no mail is
        responsible.
        """
        try:
            return await self._ask(mails)
        except TooSlowError as error:
            failure = UnreadableMailError(TOO_SLOW, str(error))
        except ChildFailedError:
            text = f"more than {self._max_memory_bytes} bytes, or the process crashed"
            failure = UnreadableMailError(TOO_LARGE, text)
        if len(mails) == 1:
            return [failure]
        return [reading for mail in mails for reading in await self.read_all([mail])]

    async def close(self) -> None:
        """Kill the child, if there is one."""
        await self._child.close()

    async def _ask(self, mails: Sequence[Pieces]) -> list[MailReading | UnreadableMailError]:
        async def question() -> AsyncIterator[bytes]:
            sizes: list[int] = []
            for mail in mails:
                sizes.append(0)
                async for piece in mail():
                    sizes[-1] += len(piece)
                    yield piece
            end = msgspec.msgpack.encode(sizes)
            yield end + len(end).to_bytes(_LENGTH_BYTES, "big")

        return await self._child.ask(question, _with_contents, max_seconds=self._max_seconds)


def _with_contents(body: bytes, contents: int) -> list[MailReading | UnreadableMailError]:
    position = 0
    readings: list[MailReading | UnreadableMailError] = []
    for answer in _decoder.decode(body):
        if answer.reading is None:
            readings.append(UnreadableMailError(ParkReason.READING_FAILED, answer.error))
            continue
        attachments = []
        for attachment, size in zip(answer.reading.attachments, answer.sizes, strict=True):
            content = os.pread(contents, size, position)
            attachments.append(structs.replace(attachment, content=content))
            position += size
        readings.append(structs.replace(answer.reading, attachments=attachments))
    shorten(contents)
    return readings


def _answer_to(limits: ReadingLimits, question: Question, contents: int) -> bytes:
    """In the child: read the mails of a question. Their sizes are at its end."""
    if not question.size:
        return b""
    end = question.size - _LENGTH_BYTES
    length = int.from_bytes(question.read(end), "big")
    answers: list[_Answer] = []
    start = position = 0
    for size in _sizes_decoder.decode(question.read(end - length, length)):
        raw = question.read(start, size)
        start += size
        if start == end - length:  # the last mail, and the only one if it is large
            question.empty()
        try:
            reading = read_mail(raw, limits)
        except (MemoryError, RecursionError):
            raise
        except Exception as error:  # noqa: BLE001 - a mail must never stop the next one
            answers.append(_Answer(None, [], repr(error)))
            continue
        attachments = []
        for attachment in reading.attachments:
            write_all(contents, attachment.content, position)
            position += len(attachment.content)
            attachments.append(structs.replace(attachment, content=b""))
        sizes = [len(attachment.content) for attachment in reading.attachments]
        answers.append(_Answer(structs.replace(reading, attachments=attachments), sizes))
    return msgspec.msgpack.encode(answers)


if __name__ == "__main__":
    become_isolated(int(sys.argv[2]), _KEPT_BLOCK_BYTES, _KEPT_BYTES)
    _limits = msgspec.json.decode(sys.argv[1].encode(), type=ReadingLimits)
    serve(partial(_answer_to, _limits), sys.argv[3:5])
