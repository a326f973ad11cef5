"""Reads a mail in a child process that can be killed, so that no mail exceeds its time and memory.

The child returns the reading as MessagePack. It writes the contents of the attachments to a file,
one after the other.
"""

import os
import sys
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
    TooSlowError,
    become_isolated,
    serve,
    write_all,
)

TOO_SLOW = ParkReason.READING_TAKES_TOO_LONG
TOO_LARGE = ParkReason.READING_TAKES_TOO_MUCH_MEMORY
# larger than the buffers for a mail with a PDF; otherwise page faults take a third of its time
_KEPT_BLOCK_BYTES = 7 * 1024 * 1024 // 2
_KEPT_BYTES = 8 * 1024 * 1024


class _Answer(msgspec.Struct, frozen=True):
    """A reading whose attachments are empty, and the sizes of their contents, which follow each
    other in a file.
    """

    reading: MailReading
    sizes: list[int]


_decoder = msgspec.msgpack.Decoder(_Answer)


class IsolatedReader:
    """Reads one mail at a time, in one child."""

    def __init__(self, limits: ReadingLimits, *, max_seconds: float, max_memory_bytes: int) -> None:
        self._max_seconds = max_seconds
        self._max_memory_bytes = max_memory_bytes
        arguments = (msgspec.json.encode(limits).decode(), str(max_memory_bytes))
        self._child = IsolatedChild(__name__, *arguments)

    async def read(self, mail: Pieces) -> MailReading:
        """The reading. Raises UnreadableMailError if the mail takes too long or too much memory.

        Raises TransientError if the machine cannot start another process, for which no mail is
        responsible.
        """
        try:
            return await self._child.ask(mail, _with_contents, max_seconds=self._max_seconds)
        except TooSlowError as error:
            raise UnreadableMailError(TOO_SLOW, str(error)) from None
        except ChildFailedError:
            text = f"more than {self._max_memory_bytes} bytes, or reading failed"
            raise UnreadableMailError(TOO_LARGE, text) from None

    async def close(self) -> None:
        """Kill the child, if there is one."""
        await self._child.close()


def _with_contents(body: bytes, contents: int) -> MailReading:
    answer = _decoder.decode(body)
    attachments, position = [], 0
    for attachment, size in zip(answer.reading.attachments, answer.sizes, strict=True):
        content = os.pread(contents, size, position)
        attachments.append(structs.replace(attachment, content=content))
        position += size
    os.ftruncate(contents, 0)
    return structs.replace(answer.reading, attachments=attachments)


def _answer_to(limits: ReadingLimits, raw: bytes, contents: int) -> bytes:
    reading = read_mail(raw, limits)
    sizes: list[int] = []
    attachments = []
    for attachment in reading.attachments:
        write_all(contents, attachment.content, sum(sizes))
        sizes.append(len(attachment.content))
        attachments.append(structs.replace(attachment, content=b""))
    return msgspec.msgpack.encode(_Answer(structs.replace(reading, attachments=attachments), sizes))


if __name__ == "__main__":
    become_isolated(int(sys.argv[2]), _KEPT_BLOCK_BYTES, _KEPT_BYTES)
    _limits = msgspec.json.decode(sys.argv[1].encode(), type=ReadingLimits)
    serve(partial(_answer_to, _limits), sys.argv[3:5])
