"""Reading a mail in a process of its own, which can be ended: no mail takes more than its time and memory.

The child is this module as a program. Both sides speak in frames: 8 bytes of length, big-endian, then that many bytes.
A mail goes in, a reading comes out as MessagePack, or an empty frame where reading failed.
"""

import asyncio
import ctypes
import resource
import signal
import sys
from typing import BinaryIO

import msgspec

from services.case_writer.ports import UnreadableMailError
from services.case_writer.reading import MailReading, ReadingLimits, read_mail
from services.runtime.errors import TransientError

TOO_SLOW = "reading-takes-too-long"
TOO_LARGE = "reading-takes-too-much-memory"
_LENGTH_BYTES = 8
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_STREAM_LIMIT = 1024 * 1024

_decoder = msgspec.msgpack.Decoder(MailReading)


class ReaderProcess:
    """One child, started when it is first needed and again after it had to be ended. One mail at a time."""

    def __init__(self, limits: ReadingLimits, *, max_seconds: float, max_memory_bytes: int) -> None:
        self._limits = limits
        self._max_seconds = max_seconds
        self._max_memory_bytes = max_memory_bytes
        self._child: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()

    async def read(self, raw: bytes) -> MailReading:
        """The reading. Raises UnreadableMailError where the mail takes too long or too much memory.

        Raises TransientError where the machine has no room for another process: no mail is at fault.
        """
        async with self._turn:
            was_fresh = self._child is None
            answer = await self._answer(raw)
            if not answer and not was_fresh:
                answer = await self._answer(raw)  # the memory may have been used up by the mails before
            if not answer:
                raise UnreadableMailError(TOO_LARGE, f"more than {self._max_memory_bytes} bytes, or reading failed")
            return _decoder.decode(answer)

    async def _answer(self, raw: bytes) -> bytes:
        """What the child says; empty where it failed, and is ended."""
        child = self._child or await self._start()
        try:
            answer = await asyncio.wait_for(_ask(child, raw), self._max_seconds)
        except TimeoutError:
            await self.close()
            raise UnreadableMailError(TOO_SLOW, f"more than {self._max_seconds:g} s") from None
        except (asyncio.IncompleteReadError, ConnectionError):
            answer = b""
        except BaseException:  # cancelled half-way: what the child says next would answer another mail
            await self.close()
            raise
        if not answer:
            await self.close()
        return answer

    async def close(self) -> None:
        """End the child, if there is one."""
        child, self._child = self._child, None
        if child is not None and child.returncode is None:
            child.kill()
            await child.wait()

    async def _start(self) -> asyncio.subprocess.Process:
        limits = msgspec.json.encode(self._limits).decode()
        try:
            self._child = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                __name__,
                limits,
                str(self._max_memory_bytes),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=_STREAM_LIMIT,
            )
            # The first answer, to no mail, shows that it is up: starting is not part of any mail's time.
            await _ask(self._child, b"")
        except (OSError, asyncio.IncompleteReadError) as error:
            await self.close()
            raise TransientError(f"no process to read in: {error}") from error
        return self._child


async def _ask(child: asyncio.subprocess.Process, raw: bytes) -> bytes:
    if child.stdin is None or child.stdout is None:
        raise ConnectionError("the reader has no pipes")
    child.stdin.write(len(raw).to_bytes(_LENGTH_BYTES, "big"))
    child.stdin.write(raw)
    await child.stdin.drain()
    length = int.from_bytes(await child.stdout.readexactly(_LENGTH_BYTES), "big")
    return await child.stdout.readexactly(length)


def _serve(limits: ReadingLimits, source: BinaryIO, sink: BinaryIO) -> None:
    encoder = msgspec.msgpack.Encoder()
    while length := source.read(_LENGTH_BYTES):
        raw = source.read(int.from_bytes(length, "big"))
        try:
            answer = encoder.encode(read_mail(raw, limits))
        except (MemoryError, RecursionError):
            answer = b""
        sink.write(len(answer).to_bytes(_LENGTH_BYTES, "big"))
        sink.write(answer)
        sink.flush()


def _become_reader(max_memory_bytes: int) -> None:
    """Die with the case writer, leave its Ctrl-C to it, and have no more memory than allowed."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_AS, (max_memory_bytes, max_memory_bytes))


if __name__ == "__main__":
    _become_reader(int(sys.argv[2]))
    _serve(msgspec.json.decode(sys.argv[1].encode(), type=ReadingLimits), sys.stdin.buffer, sys.stdout.buffer)
