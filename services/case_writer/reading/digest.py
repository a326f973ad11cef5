"""A digest that is equal for copies of one mail that arrive by different routes. Pure.

Relays add fields and leave the author's alone, or DKIM signatures would not survive them. So the digest
covers what such signatures usually cover, the author's fields and the body, with white space in fields
and at the end as in RFC 6376 section 3.4.
"""

import hashlib
import re

from services.runtime.mail.headers import MailHeaders

# Author, time and subject, and whatever else decides what the mail says, where it belongs and who takes part in it.
# `Received`, `Delivered-To`, `Return-Path`, signatures and verdicts differ by route and are left out.
_FIELDS = (
    *("from", "sender", "reply-to", "to", "cc", "date", "subject", "in-reply-to", "references"),
    *("content-type", "content-transfer-encoding"),
)
_LABELS = {name: name.encode() + b":" for name in _FIELDS}

_CHUNK_BYTES = 1024 * 1024  # a copy of the whole body would count against the memory of reading
_LF = 10
_LONE_RETURN = re.compile(rb"\r(?!\n)")


def content_digest(raw: bytes, headers: MailHeaders) -> str:
    """A BLAKE2b hash in hex; equal for copies of one mail, regardless of what servers added in transit."""
    digest = hashlib.blake2b(digest_size=32)
    lines = [
        label + b" ".join(value.split())
        for name, label in _LABELS.items()
        for value in headers.raws(name)
    ]
    digest.update(b"\n".join(lines) + b"\n\n")
    start, end = headers.body_start, _end_of_text(raw, headers.body_start)
    for offset in range(start, end, _CHUNK_BYTES):
        stop = min(offset + _CHUNK_BYTES, end)
        chunk = raw[offset:stop]
        if stop < end and raw[stop] == _LF:
            chunk = chunk.removesuffix(b"\r")  # its line feed is in the next chunk
        digest.update(_with_line_feeds(chunk))
    return digest.hexdigest()


def _with_line_feeds(chunk: bytes) -> bytes:
    """`\\r\\n` as `\\n`; a `\\r` alone stays, but is rare, and deleting all takes half the time of replacing."""
    if _LONE_RETURN.search(chunk):
        return chunk.replace(b"\r\n", b"\n")
    return chunk.translate(None, b"\r")


def _end_of_text(raw: bytes, start: int) -> int:
    """Where the blank lines at the end begin."""
    end = len(raw)
    while end > start:
        piece = raw[max(start, end - _CHUNK_BYTES) : end]
        if text := piece.rstrip():
            return end - len(piece) + len(text)
        end -= len(piece)
    return start
