"""Reading a mail server's responses with a deadline for each command."""

import io
import socket
from collections.abc import Iterator

import pytest

from services.fetcher.sources.pace import MIN_BYTES_PER_S, PacedFile, TooSlowError


class Trickle(io.RawIOBase):
    """A server's bytes in given pieces; each piece takes some seconds of `clock`."""

    def __init__(self, pieces: list[bytes], seconds_each: float) -> None:
        super().__init__()
        self._pieces = list(pieces)
        self._seconds_each = seconds_each
        self.now_s = 0.0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # what io passes
        if not self._pieces:
            return 0
        piece = self._pieces.pop(0)
        self.now_s += self._seconds_each
        buffer[: len(piece)] = piece
        return len(piece)


def paced(
    pieces: list[bytes], seconds_each: float = 0.0, patience_s: float | None = 10.0
) -> PacedFile:
    raw = Trickle(pieces, seconds_each)
    return PacedFile(io.BufferedReader(raw), patience_s, lambda: raw.now_s)


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, PacedFile]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield theirs, PacedFile(ours.makefile("rb"), 10.0)


@pytest.mark.parametrize(
    "pieces",
    [[b"+OK\r\nab", b"c", b"d\n\n", b"e"], [b"+OK\r\nabcd\n\ne"], [b"+", b"OK\r\nabcd\n", b"\ne"]],
)
def test_lines_and_bytes_are_the_servers_however_they_come(pieces: list[bytes]) -> None:
    file = paced(pieces)
    assert [file.readline(99), file.read(2), file.readline(1), file.readline(99)] == [
        b"+OK\r\n",
        b"ab",
        b"c",
        b"d\n",
    ]
    assert [file.readline(99), file.read(99), file.readline(99), file.read(1)] == [
        b"\n",
        b"e",
        b"",
        b"",
    ]


def test_a_byte_a_second_is_too_slow_for_a_line_and_for_a_mail() -> None:
    for read in (PacedFile.readline, PacedFile.read):
        with pytest.raises(TooSlowError, match="11 bytes of a response arrived in 11 s"):
            read(paced([b"x"] * 100, 1.0), 100)


def test_a_slow_but_steady_server_is_read_to_its_end() -> None:
    pieces = [b"x" * MIN_BYTES_PER_S] * 100
    assert len(paced(pieces, 1.0).read(100 * MIN_BYTES_PER_S)) == 100 * MIN_BYTES_PER_S


def test_every_command_has_a_deadline_of_its_own() -> None:
    file = paced([b"a\n"] * 100, 1.0)
    for _ in range(100):
        file.start_deadline()
        assert file.readline(99) == b"a\n"


def test_without_patience_nothing_is_too_slow() -> None:
    assert paced([b"x"] * 100, 60.0, None).read(100) == b"x" * 100


def test_peek_shows_buffered_bytes_before_they_are_read(
    pair: tuple[socket.socket, PacedFile],
) -> None:
    server, file = pair
    server.sendall(b"* OK\r\n* BYE\r\n")
    assert file.readline(99) == b"* OK\r\n"
    assert file.peek() == b"* BYE\r\n"
    assert file.readline(99) == b"* BYE\r\n"
