"""What stays the same of a mail that comes by two routes, as one value. Pure.

Relays add fields and leave the author's alone, or DKIM signatures would not survive them. So the digest
covers what such signatures usually cover, the author's fields and the body, with white space in fields
and at the end as in RFC 6376 section 3.4.
"""

import hashlib

from services.runtime.mail.headers import MailHeaders

# Author, time and subject, and whatever else decides what the mail says, where it belongs and who takes part in it.
# `Received`, `Delivered-To`, `Return-Path`, signatures and verdicts differ by route and are left out.
_FIELDS = (
    *("from", "sender", "reply-to", "to", "cc", "date", "subject", "in-reply-to", "references"),
    *("content-type", "content-transfer-encoding"),
)


def content_digest(raw: bytes, headers: MailHeaders) -> str:
    """SHA-256 in hex of the mail `raw`; equal for copies of one mail, whatever servers added on their way."""
    digest = hashlib.sha256()
    for name in _FIELDS:
        for value in headers.raws(name):
            digest.update(b"%s:%s\n" % (name.encode(), b" ".join(value.split())))
    digest.update(b"\n")
    digest.update(raw[headers.body_start :].replace(b"\r\n", b"\n").rstrip())
    return digest.hexdigest()
