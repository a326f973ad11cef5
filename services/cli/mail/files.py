"""Mails in files: .eml files, mbox files, and folders of both."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

_SUFFIXES = {".eml", ".mbox"}
# `From :` is a field of a mail; RFC 5322 section 4.5 still allows the space before the colon.
_ENVELOPE = re.compile(rb"From (?![ \t]*+:)")
_FIELD = re.compile(rb"[!-9;-~]{1,200}+[ \t]*+:|>From ")
_DATED = re.compile(rb"\d\d:\d\d.{0,40}\b(?:19|20)\d\d\b|\b(?:19|20)\d\d\b.{0,40}\d\d:\d\d")
_EXAMINED_BYTES = 1000


class NoMailError(Exception):
    """A file or folder has no mail. The message says why, without the name of the file."""


def expanded(file: Path) -> list[Path]:
    """The file itself, or the .eml and .mbox files below a folder, sorted. Raises NoMailError."""
    if not file.is_dir():
        return [file]
    found = sorted(
        path for path in file.rglob("*") if path.suffix.lower() in _SUFFIXES and path.is_file()
    )
    if not found:
        raise NoMailError("there is no .eml or .mbox file in this folder")
    return found


def mails_of(file: Path, max_bytes: int) -> Iterator[tuple[str, bytes]]:
    """Names and mails: the file itself, or each mail of an mbox file, which starts with `From `
    (RFC 4155).

    Reads at most one byte more than `max_bytes` of a file with one mail. Raises OSError.
    """
    with file.open("rb") as opened:
        start = opened.read(5)
        if start == b"From ":
            start += opened.readline(_EXAMINED_BYTES)
        if _ENVELOPE.match(start):
            if not start.endswith(b"\n"):
                opened.readline()
            for number, mail in enumerate(
                _mails_of_mbox(opened, is_dated=bool(_DATED.search(start))), 1
            ):
                yield f"{file}:{number}", mail
        else:
            yield str(file), start + opened.read(max(0, max_bytes + 1 - len(start)))


def _mails_of_mbox(lines: Iterable[bytes], *, is_dated: bool) -> Iterator[bytes]:
    """The mails of an mbox after its first `From ` line, without `From ` lines and the blank line
    that ends each mail.

    If the file has only one mail, a final blank line is kept: it may be part of the mail, and an
    extra line does less harm than a missing one.
    """
    mail: list[bytes] = []
    count = 0
    waiting: bytes | None = None  # may start the next mail; the next line decides
    for line in lines:
        if waiting is not None:
            if _FIELD.match(line, 0, _EXAMINED_BYTES):
                yield _joined(mail, ends_blank=True)
                mail, count = [], count + 1
            else:
                mail.append(waiting)
            waiting = None
        if _begins_mail(line, mail, is_dated=is_dated):
            waiting = line
        else:
            mail.append(line)
    if waiting is not None:
        mail.append(waiting)
    yield _joined(mail, ends_blank=count > 0)


def _begins_mail(line: bytes, before: list[bytes], *, is_dated: bool) -> bool:
    """Whether `line` may start a mail: it has a date if the first such line has one, or else it
    follows a blank line.
    """
    if not line.startswith(b"From ") or not _ENVELOPE.match(line):
        return False
    return (
        bool(_DATED.search(line, 0, _EXAMINED_BYTES))
        if is_dated
        else not before or not before[-1].strip()
    )


def _joined(mail: list[bytes], *, ends_blank: bool) -> bytes:
    if ends_blank and mail and mail[-1] in (b"\n", b"\r\n"):
        mail.pop()
    return b"".join(mail)
