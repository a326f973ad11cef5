"""What a mail server sends, read with a deadline for each command.

A socket's timeout begins anew with every byte, so that by it alone a server that sends one byte a second holds a
session for ever.
"""

import time
from collections.abc import Callable
from io import BufferedReader

LEAST_BYTES_PER_S = 1024
_PIECE_BYTES = 64 * 1024


class TooSlowError(OSError):
    """A server sends less than LEAST_BYTES_PER_S."""


class PacedFile:
    """Stands in for a socket's file where imaplib and poplib read.

    After each `begin`, `patience_s` seconds and one more for every LEAST_BYTES_PER_S that came are allowed.
    """

    def __init__(
        self, file: BufferedReader, patience_s: float | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._file = file
        self._patience_s = patience_s if patience_s is not None else float("inf")
        self._clock = clock
        self._buffer = b""
        self._at = 0  # what comes before was handed out
        self.begin()

    def begin(self) -> None:
        """A command was sent."""
        self._began_s = self._clock()
        self._came = 0

    def read(self, size: int) -> bytes:
        """`size` bytes, fewer at the end of the connection. Raises OSError."""
        pieces = []
        while size > 0 and self._filled():
            piece = self._take(min(size, len(self._buffer) - self._at))
            size -= len(piece)
            pieces.append(piece)
        return b"".join(pieces)

    def readline(self, size: int) -> bytes:
        """Up to the end of a line, at most `size` bytes. Raises OSError."""
        end = self._buffer.find(b"\n", self._at) + 1
        if 0 < end - self._at <= size:  # most lines are here already
            return self._take(end - self._at)
        pieces = []
        while size > 0 and self._filled():
            end = self._buffer.find(b"\n", self._at) + 1 or len(self._buffer)
            piece = self._take(min(size, end - self._at))
            size -= len(piece)
            pieces.append(piece)
            if piece.endswith(b"\n"):
                break
        return b"".join(pieces)

    def peek(self) -> bytes:
        """What can be read now, without handing it out; one look at the socket. Raises OSError."""
        return self._buffer[self._at :] or self._file.peek(1)

    def close(self) -> None:
        self._file.close()

    def _take(self, size: int) -> bytes:
        piece = self._buffer[self._at : self._at + size]
        self._at += size
        return piece

    def _filled(self) -> bool:
        """Whether there is something to hand out, after one read of the socket where nothing was; False at its end."""
        if self._at < len(self._buffer):
            return True
        self._buffer, self._at = self._file.read1(_PIECE_BYTES), 0
        self._came += len(self._buffer)
        taken_s = self._clock() - self._began_s
        if self._buffer and taken_s > self._patience_s + self._came / LEAST_BYTES_PER_S:
            raise TooSlowError(f"{self._came} bytes of an answer came in {taken_s:.0f} s")
        return bool(self._buffer)
