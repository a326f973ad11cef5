"""Work in a child process that can be killed, so that no input takes more than its time and memory.

The child runs a module as a program. The question and the contents of the answer are passed in two
memory files that both processes have open (memfd_create(2)). The reader of a file releases its
memory, so that neither process has many bytes twice; the first pages are kept, because writing to
new ones takes twice as long. The pipes carry frames: a length of 8 bytes,
big-endian, and for the answer that many bytes. A question's frame is only its length. The answer is
empty if the work failed.
"""

import asyncio
import ctypes
import os
import resource
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Self, TypeVar

from services.runtime.errors import PermanentError, TransientError
from services.runtime.process.malloc import give_back_large_blocks

T = TypeVar("T")
Pieces = Callable[[], AsyncIterator[bytes]]

_LENGTH_BYTES = 8
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_STREAM_LIMIT = 1024 * 1024
KEPT_BLOCK_BYTES = 1024 * 1024
_KEPT_FILE_BYTES = 4 * 1024 * 1024  # pages of each file that the next contents overwrite


class TooSlowError(PermanentError):
    """The work took too long."""


class ChildFailedError(PermanentError):
    """The child ended or failed, most likely because it did not have enough memory."""


class IsolatedChild:
    """One child, which is started when it is first needed, and again after it was killed. Does one
    thing at a time.
    """

    def __init__(self, module: str, *arguments: str) -> None:
        """`module` ends in `become_isolated(...)` and `serve(...)` if it is run as a program."""
        self._command = (module, *arguments)
        self._child: _Child | None = None
        self._turn = asyncio.Lock()

    async def start(self) -> None:
        """Start the child now, unless it is running. Raises TransientError as `ask` does."""
        async with self._turn:
            if self._child is None:
                await self._start()

    async def ask(
        self, question: Pieces, decode: Callable[[bytes, int], T], *, max_seconds: float
    ) -> T:
        """The decoded answer. `decode` is called with its bytes and the file of contents, whose
        memory it releases (`shorten`).

        `question` returns the bytes in pieces, as they arrive; it is called again if a child that
        has worked before fails. The time limit begins after the last piece. Its errors are raised.
        Raises TooSlowError, ChildFailedError, and TransientError if the machine cannot start
        another process, for which no input is responsible.
        """
        async with self._turn:
            was_fresh = self._child is None
            answer = await self._answer(question, max_seconds)
            if answer is None and not was_fresh:
                # earlier inputs may have used up the memory
                answer = await self._answer(question, max_seconds)
            if answer is None or self._child is None:
                raise ChildFailedError("it needed too much memory, or it crashed")
            return decode(answer, self._child.contents)

    async def _answer(self, question: Pieces, max_seconds: float) -> bytes | None:
        """The child's answer; None if the child failed and was killed."""
        child = self._child or await self._start()
        size = await child.take(question)
        try:
            async with asyncio.timeout(max_seconds):
                answer = await child.answer(size)
        except TimeoutError:
            await self.close()
            raise TooSlowError(f"more than {max_seconds:g} s") from None
        except (asyncio.IncompleteReadError, ConnectionError):
            answer = None
        except BaseException:
            # cancelled: the child's next answer would belong to this question, not to the next
            await self.close()
            raise
        if not answer:
            await self.close()
            return None
        return answer

    async def close(self) -> None:
        """Kill the child, if there is one."""
        child, self._child = self._child, None
        if child is not None:
            await child.end()

    async def _start(self) -> "_Child":
        try:
            self._child = await _Child.started(*self._command)
            # The answer to an empty question shows that the child is running, so that the start
            # does not count as work.
            await self._child.answer(0)
        except (OSError, asyncio.IncompleteReadError) as error:
            await self.close()
            raise TransientError(f"cannot start a process for reading: {error}") from error
        os.ftruncate(self._child.contents, 0)
        return self._child


@dataclass(frozen=True)
class _Child:
    """The child process, and the files shared with it: the question, and the contents of the
    answer.
    """

    process: asyncio.subprocess.Process
    question: int
    contents: int

    @classmethod
    async def started(cls, *command: str) -> Self:
        """Start a child. Raises OSError if the machine cannot."""
        files: list[int] = []
        try:
            files += [os.memfd_create("question"), os.memfd_create("contents")]
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                *command,
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

    async def take(self, question: Pieces) -> int:
        """Write the question to its file, piece by piece; returns its size in bytes."""
        size = 0
        try:
            async for piece in question():
                write_all(self.question, piece, size)
                size += len(piece)
        except BaseException:
            os.ftruncate(self.question, 0)
            raise
        return size

    async def answer(self, size: int) -> bytes:
        """The answer to the question in the file, empty if the work failed.

        Raises IncompleteReadError if the child ended.
        """
        stdin, stdout = self.process.stdin, self.process.stdout
        if stdin is None or stdout is None:
            raise ConnectionError("the child has no pipes")
        stdin.write(size.to_bytes(_LENGTH_BYTES, "big"))
        await stdin.drain()
        length = int.from_bytes(await stdout.readexactly(_LENGTH_BYTES), "big")
        return await stdout.readexactly(length)

    async def end(self) -> None:
        """Kill the child, whatever it is doing."""
        os.close(self.question)
        os.close(self.contents)
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()


def in_pieces(*question: bytes) -> Pieces:
    """A question whose pieces are in memory."""

    async def pieces() -> AsyncIterator[bytes]:
        for piece in question:
            yield piece

    return pieces


def shorten(file: int) -> None:
    """Release the memory of a file beyond the pages that are kept; what is in them is stale."""
    if os.fstat(file).st_size > _KEPT_FILE_BYTES:
        os.ftruncate(file, _KEPT_FILE_BYTES)


def write_all(file: int, content: bytes, position: int = 0) -> None:
    """Write all of a content to a file at a position."""
    left = memoryview(content)
    while left:
        written = os.pwrite(file, left, position)
        left, position = left[written:], position + written


def become_isolated(
    max_memory_bytes: int,
    kept_block_bytes: int = KEPT_BLOCK_BYTES,
    kept_bytes: int | None = None,
) -> None:
    """In the child: die with the parent, ignore Ctrl-C, and limit the memory.

    Freed memory goes back to the system; see `give_back_large_blocks`.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    give_back_large_blocks(kept_block_bytes, kept_bytes)
    resource.setrlimit(resource.RLIMIT_AS, (max_memory_bytes, max_memory_bytes))


@dataclass(frozen=True)
class Question:
    """In the child: a question of `size` bytes, in a file."""

    size: int
    _file: int

    def read(self, start: int = 0, size: int | None = None) -> bytes:
        """`size` bytes from `start`, by default all that follow."""
        return os.pread(self._file, self.size - start if size is None else size, start)

    def empty(self) -> None:
        """Release the question's memory. Call it before a large question that was read is worked
        on.
        """
        shorten(self._file)


def serve(answer: Callable[[Question, int], bytes], files: Sequence[str]) -> None:
    """In the child: answer questions until the parent ends. `files` are the last two arguments.

    `answer` gets a question and the file for contents; running out of memory or stack is a failure.
    """
    question, contents = map(int, files)
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while length := source.read(_LENGTH_BYTES):
        asked = Question(int.from_bytes(length, "big"), question)
        try:
            given = answer(asked, contents)
        except (MemoryError, RecursionError):
            given = b""
        asked.empty()
        sink.write(len(given).to_bytes(_LENGTH_BYTES, "big"))
        sink.write(given)
        sink.flush()
