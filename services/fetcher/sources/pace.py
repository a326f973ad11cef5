"""Reads a mail server's responses with a deadline for each command.

A socket's timeout restarts with every byte: with it alone, a server that sends one byte a second
would hold a session forever.
"""

import time
from collections.abc import Callable
from io import BufferedReader, BytesIO

MIN_BYTES_PER_S = 1024
_PIECE_BYTES = 64 * 1024


class TooSlowError(OSError):
    """A server sends fewer than MIN_BYTES_PER_S."""


class PacedFile:
    """Replaces a socket's file in imaplib and poplib.

    The response to a command may take `patience_s` seconds, plus one second for every
    MIN_BYTES_PER_S received.
    """

    def __init__(
        self,
        file: BufferedReader,
        patience_s: float | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._file = file
        self._patience_s = patience_s if patience_s is not None else float("inf")
        self._clock = clock
        self._buffer = b""
        self._at = 0  # bytes before this index were returned
        self.start_deadline()

    def start_deadline(self) -> None:
        """Time the response to a command that was just sent."""
        self._started_s = self._clock()
        self._received_bytes = 0

    def read(self, size: int) -> bytes:
        """`size` bytes, fewer at the end of the connection. Raises OSError."""
        content = BytesIO()  # in contrast to joined pieces, needs the memory once
        while size > 0 and self._fill():
            size -= content.write(self._take(min(size, len(self._buffer) - self._at)))
        return content.getvalue()

    def readline(self, size: int) -> bytes:
        """Up to the end of a line, at most `size` bytes. Raises OSError."""
        end = self._buffer.find(b"\n", self._at) + 1
        if 0 < end - self._at <= size:  # most lines are buffered already
            return self._take(end - self._at)
        pieces = []
        while size > 0 and self._fill():
            end = self._buffer.find(b"\n", self._at) + 1 or len(self._buffer)
            piece = self._take(min(size, end - self._at))
            size -= len(piece)
            pieces.append(piece)
            if piece.endswith(b"\n"):
                break
        return b"".join(pieces)

    def peek(self) -> bytes:
        """The bytes that can be read now, without consuming them; at most one read from the socket.

        Raises OSError.
        """
        return self._buffer[self._at :] or self._file.peek(1)

    def close(self) -> None:
        self._file.close()

    def _take(self, size: int) -> bytes:
        piece = self._buffer[self._at : self._at + size]
        self._at += size
        return piece

    def _fill(self) -> bool:
        """Read from the socket if the buffer is empty; False at the end of the connection."""
        if self._at < len(self._buffer):
            return True
        self._buffer, self._at = self._file.read1(_PIECE_BYTES), 0
        self._received_bytes += len(self._buffer)
        taken_s = self._clock() - self._started_s
        if self._buffer and taken_s > self._patience_s + self._received_bytes / MIN_BYTES_PER_S:
            raise TooSlowError(
                f"{self._received_bytes} bytes of a response arrived in {taken_s:.0f} s"
            )
        return bool(self._buffer)
