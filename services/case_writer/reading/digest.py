"""A digest that is equal for copies of one mail that arrive by different routes. Pure.

Relays add fields and do not change the author's, since that would break DKIM signatures. The digest
therefore covers what such signatures usually cover: the author's fields and the body. White space
in fields and at the end is treated as in RFC 6376 section 3.4.

A large file in base64 counts with the hash of its content, which is needed anyway, so that its
bytes are hashed only once.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from services.runtime.mail.headers import MailHeaders

# Author, time, subject, and the other fields that determine what the mail says, which case it
# belongs to and who takes part in it. `Received`, `Delivered-To`, `Return-Path`, signatures and
# verdicts differ by route and are left out.
_FIELDS = (
    *("from", "sender", "reply-to", "to", "cc", "date", "subject", "in-reply-to", "references"),
    *("content-type", "content-transfer-encoding"),
)
_LABELS = {name: name.encode() + b":" for name in _FIELDS}

_OVER_HASHES = b"\0"  # begins a digest over hashes; no field begins like this
_CR = 13
_CHUNK_BYTES = 1024 * 1024  # a copy of the whole body would use up the memory limit of reading
_TAIL_BYTES = 256  # most mails end with one or two line ends; each further step is twice as large


@dataclass(frozen=True, slots=True)
class HashedFile:
    """A file in base64, which is `raw[start:end]` of the mail; `sha256` (hex) is of its content."""

    start: int
    end: int
    sha256: str


def content_digest(raw: bytes, headers: MailHeaders, files: Sequence[HashedFile] = ()) -> str:
    """A SHA-256 hash in hex; equal for copies of one mail, regardless of what servers added in
    transit.

    Lines that end in `\\n` count as if they ended in `\\r\\n`. The first line of the body decides
    for all lines: mails from servers have `\\r\\n`, and are hashed without a copy. `files` are in
    the order of the mail.
    """
    lines = [
        label + b" ".join(value.split())
        for name, label in _LABELS.items()
        for value in headers.raws(name)
    ]
    digest = hashlib.sha256(b"\n".join(lines) + b"\n\n")
    start, end = headers.body_start, _end_of_text(raw, headers.body_start)
    first = raw.find(b"\n", start, end)
    has_crlf = first > start and raw[first - 1] == _CR
    if not files:
        _add_lines(digest, raw, start, end, has_crlf=has_crlf)
        return digest.hexdigest()
    # each piece has a hash of its own, so that no bytes of one piece can stand for another
    hashes = [digest.digest()]
    for file in files:
        between = hashlib.sha256()
        _add_lines(between, raw, start, file.start, has_crlf=has_crlf)
        hashes += [between.digest(), bytes.fromhex(file.sha256)]
        start = file.end
    after = hashlib.sha256()
    _add_lines(after, raw, start, end, has_crlf=has_crlf)
    return hashlib.sha256(b"".join([_OVER_HASHES, *hashes, after.digest()])).hexdigest()


def _add_lines(
    digest: "hashlib._Hash", raw: bytes, start: int, end: int, *, has_crlf: bool
) -> None:
    if has_crlf:
        with memoryview(raw) as view:
            digest.update(view[start:end])
        return
    for offset in range(start, end, _CHUNK_BYTES):
        chunk = raw[offset : min(offset + _CHUNK_BYTES, end)]
        digest.update(chunk.replace(b"\n", b"\r\n"))


def _end_of_text(raw: bytes, start: int) -> int:
    """The offset at which the blank lines at the end begin."""
    end, step = len(raw), _TAIL_BYTES
    while end > start:
        piece = raw[max(start, end - step) : end]
        if text := piece.rstrip():
            return end - len(piece) + len(text)
        end, step = end - len(piece), min(2 * step, _CHUNK_BYTES)
    return start
