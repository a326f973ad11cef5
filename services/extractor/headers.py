"""Reads values for the rules from the headers of a whole mail: tags of addresses, and headers that
a named server added. Pure.
"""

import re

from services.runtime.mail.addresses import base_address
from services.runtime.mail.headers import MailHeaders

MAX_HEADER_CHARS = 300
_RECIPIENTS = ("Delivered-To", "X-Original-To", "Envelope-To", "To", "Cc")
_RECEIVED = re.compile(rb"^received[ \t]*:", re.IGNORECASE | re.MULTILINE)


def plus_tags(head: bytes, address: str) -> list[str]:
    """The tags of `local+tag@domain` among the recipients, without duplicates; `address` is ours.

    A number is that of a case, not a tag.
    """
    headers = MailHeaders.parse(head)
    own = address.lower()
    tags = []
    for recipient in headers.addresses(*_RECIPIENTS):
        written = recipient.address.lower()
        tag = written.rpartition("@")[0].partition("+")[2]
        if tag and not tag.isdigit() and base_address(written) == base_address(own):
            tags.append(tag)
    return list(dict.fromkeys(tags))


def trusted_header(head: bytes, name: str, server: str) -> str | None:
    """The header `name` if `server` added it; None otherwise.

    Every server puts its headers above the existing ones (RFC 5321 section 4.4). Therefore the
    headers above the first `Received`, and only those, were added by the server that this
    `Received` names.
    """
    first = _RECEIVED.search(head)
    if first is None:
        return None
    received = MailHeaders.parse(head).text("Received") or ""
    if not re.search(rf"\bby\s+{re.escape(server)}(?![\w.-])", received, re.IGNORECASE):
        return None
    added = head[: first.start()]
    text = MailHeaders.parse_part(added, 0, len(added)).text(name)
    return None if text is None else " ".join(text.split())[:MAX_HEADER_CHARS] or None
