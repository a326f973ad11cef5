"""Feeds random bytes to the reader of mails: mutations of the corpus, guided by line coverage.

    PYTHONPATH=. .venv/bin/python tests/fuzz/fuzz_reading.py SECONDS [--seed N]

An input that reaches a new line of the reader joins the pool from which the next inputs are made.
The first input that breaks a promise is written to a file, whose name is printed, and the run ends
with status 1.
"""

import random
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from services.case_writer.reading import MailReading, read_mail
from tests.fuzz.program import GoesOn, kept_if_it_fails, run

if TYPE_CHECKING:
    from _typeshed import TraceFunction

CORPUS = Path(__file__).resolve().parent.parent / "mails"
MAX_SECONDS = 5.0
_MAX_BYTES = 300_000
_READER = (str(Path("case_writer") / "reading"), str(Path("runtime") / "mail"))

# Pieces that mean something to a reader of mails.
PIECES = (
    b"\n", b"\r\n", b"\r", b"\n\n", b"\0", b"--", b"\n--b1\n", b"\n--b1--\n", b"=?utf-8?Q?", b"?=", b"=?iso-2022-jp?B?",
    b"=C5", b"=\n", b"= \n", b"\xc5", b"\x82", b"\xff\xfe", b"\xef\xbb\xbf", b"\x1b$B", b"\x1b(B", b"+2AA-", b"\x80",
    b"Content-Type: multipart/mixed; boundary=b1\n", b"Content-Type: multipart/alternative; boundary=b1\n",
    b"Content-Type: multipart/related; boundary=\"b1\"\n", b"Content-Type: message/rfc822\n",
    b"Content-Type: text/html\n",
    b"Content-Type: text/plain; charset=utf-7\n", b"Content-Type: text/plain; charset=iso-2022-jp\n",
    b"Content-Type: text/plain; format=flowed; delsp=yes\n", b"Content-Type: application/ms-tnef\n",
    b"Content-Type: application/pkcs7-mime\n", b"Content-Type: text/html; charset=utf-16\n", b"Content-Type: ;;;\n",
    b"Content-Transfer-Encoding: base64\n", b"Content-Transfer-Encoding: quoted-printable\n",
    b"Content-Transfer-Encoding: x-uuencode\n", b"Content-Disposition: attachment; filename*0*=utf-8''%",
    b"Content-Disposition: inline; filename=\"../\xe2\x80\xae/con.\"\n", b"Content-ID: <>\n", b"Subject: ", b"From: ",
    b"To: a@b, ", b"Date: ", b"References: <", b"Message-ID: <a@b>\n", b"<", b">", b"\"", b"\\", b"(", b")", b",", b";",
    b"> ", b"-- \n", b"wrote:\n", b"From: a\nSent: b\nTo: c\n", b"<b>", b"<table>", b"</", b"<!--", b"&#xD800;", b"&",
    b"<img src=cid:", b"<img src=data:image/png;base64,", b"<p style='", b"url(", b"<blockquote type=cite>", b"<svg>",
    b"\x78\x9f\x3e\x22", b"begin 644 a\n", b"-----BEGIN PGP SIGNED MESSAGE-----\n\n",
    b"\x30\x80\x06\x09*\x86H\x86\xf7\r\x01\x07\x02",
)  # fmt: skip


class BrokenPromiseError(AssertionError):
    """The reading of a mail broke a promise that holds for any bytes."""


def check(raw: bytes) -> MailReading:
    """Read a mail and check the promises that hold for any bytes.

    Raises BrokenPromiseError; any other exception breaks a promise too.
    """
    started = time.process_time()  # of this process, so that a busy machine does not count
    reading = read_mail(raw)
    seconds = time.process_time() - started
    if seconds > MAX_SECONDS:
        raise BrokenPromiseError(f"reading took {seconds:.1f} s")
    for text in _texts(reading):
        text.encode()
        if "\0" in text:
            raise BrokenPromiseError(f"NUL in {text[:100]!r}")
    for line in _lines(reading):
        if len(line.splitlines()) > 1 or line != line.strip():
            raise BrokenPromiseError(f"not one clean line: {line[:100]!r}")
    _check_names(reading)
    if reading.text not in reading.full_text and "-----BEGIN PGP" not in reading.full_text:
        raise BrokenPromiseError("the new text is no part of the full text")
    return reading


def _texts(reading: MailReading) -> Iterator[str]:
    yield from (reading.text, reading.full_text, reading.html or "", *reading.defects)
    yield from _lines(reading)


def _lines(reading: MailReading) -> Iterator[str]:
    yield from (
        reading.subject,
        reading.message_id or "",
        reading.in_reply_to or "",
        *reading.references,
    )
    for person in (reading.author, *reading.reply_to, *reading.recipients):
        yield from (person.name, person.address)
    for file in reading.attachments:
        yield from (file.name, file.original_name or "", file.content_type, file.content_id or "")


def _check_names(reading: MailReading) -> None:
    names = [file.name for file in reading.attachments]
    if len({name.casefold() for name in names}) != len(names):
        raise BrokenPromiseError("two files of one name")
    for name in names:
        unsafe = not name or len(name.encode()) > 255 or name.startswith(".") or name[-1] in ". "
        if unsafe or any(
            sign in '/\\:*?"<>|' or not sign.isprintable() for sign in name.replace("\xa0", " ")
        ):
            raise BrokenPromiseError(f"no safe name: {name!r}")


def mutate(random_: random.Random, pool: Sequence[bytes]) -> bytes:
    """A mail made from one or two mails of the pool by cuts, repetitions, swaps and insertions."""
    data = random_.choice(pool)
    for _ in range(random_.choice((1, 1, 2, 3, 8))):
        data = random_.choice(_MUTATIONS)(random_, data, pool)
    return data[:_MAX_BYTES]


def _span(random_: random.Random, data: bytes) -> tuple[int, int]:
    start = random_.randint(0, len(data))
    return start, min(len(data), start + random_.choice((1, 2, 8, 50, 400)))


def _insert(random_: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    start, _end = _span(random_, data)
    return data[:start] + random_.choice(PIECES) * random_.choice((1, 1, 1, 3, 500)) + data[start:]


def _delete(random_: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    start, end = _span(random_, data)
    return data[:start] + data[end:]


def _repeat(random_: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    start, end = _span(random_, data)
    return data[:end] + data[start:end] * random_.choice((1, 2, 30)) + data[end:]


def _flip(random_: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    changed = bytearray(data)
    for _index in range(random_.choice((1, 4, 20))):
        if changed:
            changed[random_.randrange(len(changed))] = random_.randrange(256)
    return bytes(changed)


def _cross(random_: random.Random, data: bytes, pool: Sequence[bytes]) -> bytes:
    other = random_.choice(pool)
    return data[: random_.randint(0, len(data))] + other[random_.randint(0, len(other)) :]


def _transplant(random_: random.Random, data: bytes, pool: Sequence[bytes]) -> bytes:
    other = random_.choice(pool)
    start, end = _span(random_, other)
    at = random_.randint(0, len(data))
    return data[:at] + other[start:end] + data[at:]


def _cut(random_: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    return data[: random_.randint(0, len(data))]


Mutation = Callable[[random.Random, bytes, Sequence[bytes]], bytes]
_MUTATIONS: tuple[Mutation, ...] = (
    _insert,
    _insert,
    _delete,
    _repeat,
    _flip,
    _cross,
    _transplant,
    _cut,
)


class Reached:
    """The lines of the reader that have been reached so far."""

    def __init__(self) -> None:
        self.lines: set[tuple[str, int]] = set()

    def by(self, raw: bytes) -> bool:
        """Check a mail; returns whether it reached a new line."""
        before = len(self.lines)
        sys.settrace(self._on_call)
        try:
            check(raw)
        finally:
            sys.settrace(None)
        return len(self.lines) > before

    def _on_call(self, frame: FrameType, _event: str, _argument: object) -> "TraceFunction | None":
        return self._on_line if any(part in frame.f_code.co_filename for part in _READER) else None

    def _on_line(self, frame: FrameType, _event: str, _argument: object) -> "TraceFunction":
        self.lines.add((frame.f_code.co_filename, frame.f_lineno))
        return self._on_line


def seeds() -> list[bytes]:
    """The mails of the corpus, without the few large ones."""
    return [
        raw
        for path in sorted(CORPUS.rglob("*.eml"))
        if len(raw := path.read_bytes()) < _MAX_BYTES // 4
    ]


def fuzz(goes_on: GoesOn, seed: int, pool: list[bytes]) -> tuple[int, int, int]:
    """Read mails made from `pool`, which grows, while `goes_on(count)` holds.

    Returns how many mails were read, how many joined the pool, and how many lines were reached. The
    same seed gives the same sequence.
    """
    random_, reached = random.Random(seed), Reached()
    first, count = len(pool), 0
    for raw in pool:
        reached.by(raw)
    while goes_on(count):
        raw = mutate(random_, pool)
        count += 1
        with kept_if_it_fails(raw, f"fuzz-reading-{seed}-{count}.eml"):
            # Tracing slows down fivefold, so most inputs are only checked.
            if count % 4:
                check(raw)
            elif reached.by(raw):
                pool.append(raw)
    return count, len(pool) - first, len(reached.lines)


def _run(goes_on: GoesOn, seed: int) -> str:
    count, joined, lines = fuzz(goes_on, seed, seeds())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    read = f"{count} mails read, {joined} of them new to the pool"
    return f"{read}, {lines} lines reached, at most {peak} MB"


if __name__ == "__main__":
    run(__doc__, "mails", _run)
