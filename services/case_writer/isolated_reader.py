"""Reads a mail in a child process, which can be killed: no mail exceeds its limits of time and memory.

The child runs this module as a program. The mail goes to it, and the attachments come back, in two
memory files that both processes hold open (memfd_create(2)). Whoever reads a file empties it, so
neither process ever holds a mail's bytes twice. The pipes carry frames: a length of 8 bytes,
big-endian, and for the answer that many bytes. The question is the length of the mail. The answer is
the reading as MessagePack, without the contents, or an empty frame if reading failed.
"""

import asyncio
import ctypes
import os
import resource
import signal
import sys
from dataclasses import dataclass
from typing import BinaryIO, Self

import msgspec
from msgspec import structs

from schemas.reasons import ParkReason
from services.case_writer.ports import UnreadableMailError
from services.case_writer.reading import MailReading, ReadingLimits, read_mail
from services.runtime.errors import TransientError
from services.runtime.process.malloc import give_back_large_blocks

TOO_SLOW = ParkReason.READING_TAKES_TOO_LONG
TOO_LARGE = ParkReason.READING_TAKES_TOO_MUCH_MEMORY
_LENGTH_BYTES = 8
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_STREAM_LIMIT = 1024 * 1024
# Larger than the buffers for a mail with a PDF, which otherwise take a third of its time in page faults.
_KEPT_BLOCK_BYTES = 7 * 1024 * 1024 // 2


class _Answer(msgspec.Struct, frozen=True):
    """A reading whose attachments are empty, and the sizes of their contents, which follow each other in a file."""

    reading: MailReading
    sizes: list[int]


_decoder = msgspec.msgpack.Decoder(_Answer)


class IsolatedReader:
    """One child, started when first needed and again after it was killed. Reads one mail at a time."""

    def __init__(self, limits: ReadingLimits, *, max_seconds: float, max_memory_bytes: int) -> None:
        self._limits = limits
        self._max_seconds = max_seconds
        self._max_memory_bytes = max_memory_bytes
        self._child: _Child | None = None
        self._turn = asyncio.Lock()

    async def read(self, raw: bytes) -> MailReading:
        """The reading. Raises UnreadableMailError if the mail takes too long or too much memory.

        Raises TransientError if the machine cannot start another process: no mail is at fault.
        """
        async with self._turn:
            was_fresh = self._child is None
            reading = await self._answer(raw)
            if reading is None and not was_fresh:
                # the memory may have been used up by the mails before
                reading = await self._answer(raw)
            if reading is None:
                raise UnreadableMailError(
                    TOO_LARGE, f"more than {self._max_memory_bytes} bytes, or reading failed"
                )
            return reading

    async def _answer(self, raw: bytes) -> MailReading | None:
        """The child's answer; None if it failed, and was killed."""
        child = self._child or await self._start()
        try:
            answer = await asyncio.wait_for(child.ask(raw), self._max_seconds)
        except TimeoutError:
            await self.close()
            raise UnreadableMailError(TOO_SLOW, f"more than {self._max_seconds:g} s") from None
        except (asyncio.IncompleteReadError, ConnectionError):
            answer = None
        except BaseException:
            # cancelled: the child's next answer would belong to this mail, not to the next
            await self.close()
            raise
        if answer is None:
            await self.close()
        return answer

    async def close(self) -> None:
        """Kill the child, if there is one."""
        child, self._child = self._child, None
        if child is not None:
            await child.end()

    async def _start(self) -> "_Child":
        limits = msgspec.json.encode(self._limits).decode()
        try:
            self._child = await _Child.started(limits, str(self._max_memory_bytes))
            # The answer to an empty mail shows that the child is up: no mail's time includes the start.
            await self._child.ask(b"")
        except (OSError, asyncio.IncompleteReadError) as error:
            await self.close()
            raise TransientError(f"no process to read in: {error}") from error
        return self._child


@dataclass(frozen=True)
class _Child:
    """The child process, and the files shared with it: the mail that it reads, the contents that it found."""

    process: asyncio.subprocess.Process
    mail: int
    contents: int

    @classmethod
    async def started(cls, *arguments: str) -> Self:
        """Start a child. Raises OSError if the machine cannot."""
        files: list[int] = []
        try:
            files += [os.memfd_create("mail"), os.memfd_create("contents")]
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                __name__,
                *arguments,
                *map(str, files),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=_STREAM_LIMIT,
                pass_fds=files,
            )
        except BaseException:
            for file in files:
                os.close(file)
            raise
        return cls(process, *files)

    async def ask(self, raw: bytes) -> MailReading | None:
        """The reading, None if reading failed. Raises IncompleteReadError if the child ended."""
        stdin, stdout = self.process.stdin, self.process.stdout
        if stdin is None or stdout is None:
            raise ConnectionError("the reader has no pipes")
        _write_all(self.mail, raw)
        stdin.write(len(raw).to_bytes(_LENGTH_BYTES, "big"))
        await stdin.drain()
        length = int.from_bytes(await stdout.readexactly(_LENGTH_BYTES), "big")
        if not length:
            return None
        return self._with_contents(_decoder.decode(await stdout.readexactly(length)))

    def _with_contents(self, answer: _Answer) -> MailReading:
        attachments, position = [], 0
        for attachment, size in zip(answer.reading.attachments, answer.sizes, strict=True):
            content = os.pread(self.contents, size, position)
            attachments.append(structs.replace(attachment, content=content))
            position += size
        os.ftruncate(self.contents, 0)
        return structs.replace(answer.reading, attachments=attachments)

    async def end(self) -> None:
        """Kill the child, whatever it is doing."""
        os.close(self.mail)
        os.close(self.contents)
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()


def _write_all(file: int, content: bytes, position: int = 0) -> None:
    left = memoryview(content)
    while left:
        written = os.pwrite(file, left, position)
        left, position = left[written:], position + written


def _serve(
    limits: ReadingLimits, source: BinaryIO, sink: BinaryIO, mail: int, contents: int
) -> None:
    while length := source.read(_LENGTH_BYTES):
        try:
            answer = _answer_to(int.from_bytes(length, "big"), limits, mail, contents)
        except (MemoryError, RecursionError):
            answer = b""
        sink.write(len(answer).to_bytes(_LENGTH_BYTES, "big"))
        sink.write(answer)
        sink.flush()


def _answer_to(length: int, limits: ReadingLimits, mail: int, contents: int) -> bytes:
    raw = os.pread(mail, length, 0)
    os.ftruncate(mail, 0)
    reading = read_mail(raw, limits)
    sizes: list[int] = []
    attachments = []
    for attachment in reading.attachments:
        _write_all(contents, attachment.content, sum(sizes))
        sizes.append(len(attachment.content))
        attachments.append(structs.replace(attachment, content=b""))
    return msgspec.msgpack.encode(_Answer(structs.replace(reading, attachments=attachments), sizes))


def _become_reader(max_memory_bytes: int) -> None:
    """Die with the case writer, ignore Ctrl-C, and limit the memory."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    give_back_large_blocks(_KEPT_BLOCK_BYTES)
    resource.setrlimit(resource.RLIMIT_AS, (max_memory_bytes, max_memory_bytes))


if __name__ == "__main__":
    _become_reader(int(sys.argv[2]))
    _limits = msgspec.json.decode(sys.argv[1].encode(), type=ReadingLimits)
    _serve(_limits, sys.stdin.buffer, sys.stdout.buffer, int(sys.argv[3]), int(sys.argv[4]))
