"""A digest that is equal for copies of one mail that arrive by different routes. Pure.

Relays add fields and do not change the author's, since that would break DKIM signatures. The digest
therefore covers what such signatures usually cover: the author's fields and the body. White space
in fields and at the end is treated as in RFC 6376 section 3.4.
"""

import hashlib

from services.runtime.mail.headers import MailHeaders

# Author, time, subject, and the other fields that determine what the mail says, which case it
# belongs to and who takes part in it. `Received`, `Delivered-To`, `Return-Path`, signatures and
# verdicts differ by route and are left out.
_FIELDS = (
    *("from", "sender", "reply-to", "to", "cc", "date", "subject", "in-reply-to", "references"),
    *("content-type", "content-transfer-encoding"),
)
_LABELS = {name: name.encode() + b":" for name in _FIELDS}

_CR = 13
_CHUNK_BYTES = 1024 * 1024  # a copy of the whole body would use up the memory limit of reading
_TAIL_BYTES = 256  # most mails end with one or two line ends; each further step is twice as large


def content_digest(raw: bytes, headers: MailHeaders) -> str:
    """A SHA-256 hash in hex; equal for copies of one mail, regardless of what servers added in
    transit.

    Lines that end in `\\n` count as if they ended in `\\r\\n`. The first line of the body decides
    for all lines: mails from servers have `\\r\\n`, and are hashed without a copy.
    """
    digest = hashlib.sha256()
    lines = [
        label + b" ".join(value.split())
        for name, label in _LABELS.items()
        for value in headers.raws(name)
    ]
    digest.update(b"\n".join(lines) + b"\n\n")
    start, end = headers.body_start, _end_of_text(raw, headers.body_start)
    first = raw.find(b"\n", start, end)
    if first > start and raw[first - 1] == _CR:
        with memoryview(raw) as view:
            digest.update(view[start:end])
        return digest.hexdigest()
    for offset in range(start, end, _CHUNK_BYTES):
        chunk = raw[offset : min(offset + _CHUNK_BYTES, end)]
        digest.update(chunk.replace(b"\n", b"\r\n"))
    return digest.hexdigest()


def _end_of_text(raw: bytes, start: int) -> int:
    """The offset at which the blank lines at the end begin."""
    end, step = len(raw), _TAIL_BYTES
    while end > start:
        piece = raw[max(start, end - step) : end]
        if text := piece.rstrip():
            return end - len(piece) + len(text)
        end, step = end - len(piece), min(2 * step, _CHUNK_BYTES)
    return start
