"""The work on a mail that no program can avoid: for each step, one call of the fastest library that
we know.

A mail is hashed, so that it can be recognized (fetcher). Its fields are found (router, case
writer). Its texts are decoded and its HTML is sanitized; its files are decoded and hashed, so that
each content is stored once (case writer). Nothing is decided, repaired, laid out or named.
"""

import hashlib
import re
from binascii import a2b_qp
from collections.abc import Sequence
from dataclasses import dataclass

import nh3
from pybase64 import b64decode

from services.case_writer.reading import ReadingLimits
from services.case_writer.reading.mime.splitter import split
from services.case_writer.reading.mime.transfer_encoding import encoding_of
from services.case_writer.reading.model import Defects
from services.runtime.mail.headers import MailHeaders

_FIELD = re.compile(rb"^([!-9;-~]++):([^\n]*+(?:\n[ \t][^\n]*+)*+)", re.MULTILINE)
_END_OF_HEADER = b"\r\n\r\n"
_SANITIZER = nh3.Cleaner()


@dataclass(frozen=True)
class Piece:
    """A leaf part: where its content is in the mail, and how it is encoded."""

    content_type: str
    encoding: str
    charset: str
    start: int
    end: int

    @property
    def is_text(self) -> bool:
        return self.content_type.startswith("text/")


def pieces_of(raw: bytes) -> tuple[Piece, ...]:
    """The pieces of a sample, found in advance. They are at the same places in every mail made from
    it.
    """
    parts = split(raw, MailHeaders.parse(raw), ReadingLimits(), Defects())
    return tuple(
        Piece(
            part.content_type,
            encoding_of(part.headers).lower(),
            part.parameters.token("charset") or "utf-8",
            part.body,
            part.end,
        )
        for part in parts
        if not part.children
    )


def hash_mail(raw: bytes) -> None:
    """Compute the identity of a mail."""
    hashlib.sha256(raw).digest()


def find_fields(raw: bytes) -> None:
    """The fields of the header."""
    _FIELD.findall(raw[: raw.find(_END_OF_HEADER) + 2])


def read(raw: bytes, pieces: Sequence[Piece]) -> list[bytes]:
    """Do everything that the case writer must do; returns the contents of the files."""
    find_fields(raw)
    files: list[bytes] = []
    for piece in pieces:
        content = _decoded(raw[piece.start : piece.end], piece.encoding)
        if piece.content_type == "text/html":
            _SANITIZER.clean(content.decode(piece.charset))
        elif piece.is_text:
            content.decode(piece.charset)
        else:
            hashlib.sha256(content).digest()
            files.append(content)
    return files


def _decoded(content: bytes, encoding: str) -> bytes:
    if encoding == "base64":
        return b64decode(content)
    return a2b_qp(content) if encoding == "quoted-printable" else content
