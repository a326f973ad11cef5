"""The author of a mail, if every program that reads the mail finds the same one. Pure.

The receiving server checks the author that it reads in From. A field that programs read in
different ways lets a sender pass that check as one author and be shown as another.
"""

import re
import unicodedata

from services.router.header_comments import separate_comments
from services.runtime.mail.headers import MailHeaders
from services.runtime.mail.words import header_text

_BLANK = r"[ \t\r\n]"
_CFWS = rf"(?:{_BLANK}|\(\))*+"  # `()` stands for a comment
_SPECIALS = r'\x00-\x20\x7f"(),:;<>@\[\\\]'
_DOMAIN_CHARS = r"[A-Za-z0-9_\-\x80-\U0010ffff]"
# RFC 5322 section 3.4.1. After the `@`, a comment could pass for the domain.
_ADDRESS = rf"""{_CFWS}
    (?P<local>[^{_SPECIALS}.]++(?:\.[^{_SPECIALS}.]++)*+|"[^"\\@<>,;()\x00-\x1f\x7f]++")
    {_CFWS}@{_BLANK}*+
    (?P<domain>{_DOMAIN_CHARS}++(?:\.{_DOMAIN_CHARS}++)*+|\[[0-9A-Za-z.:]++\])
    {_CFWS}"""
# RFC 5322 section 3.4. Unquoted names with dots (section 4.1) or with the address are common.
_NAME = rf'(?P<name>(?:[^{_SPECIALS}]|@|"(?:[^"\\]|\\.)*+"|{_BLANK}|\(\))*+)'
_BARE = re.compile(_ADDRESS, re.VERBOSE)
_NAMED = re.compile(f"{_NAME}<{_ADDRESS}>{_CFWS}", re.VERBOSE | re.DOTALL)
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\r*\n)")
_BOUNDARY = r"""[^\s"'<>(),;:]"""


def only_author(headers: MailHeaders) -> str:
    """The address in From; "" without exactly one that every program reads.

    The field is then missing, repeated, perhaps repeated beyond what was read, not a mailbox of
    RFC 5322, or has its address in encoded words (RFC 2047 section 5) or another `@`. The
    same address may be repeated in the name.
    """
    fields, authors = headers.raws("From"), headers.addresses("From")
    addresses = [author.address for author in authors if author.address]
    if len(fields) != 1 or len(addresses) != 1 or headers.shortened:
        return ""
    value, address = fields[0].decode("utf-8", "replace"), addresses[0]
    outside, comments, is_whole = separate_comments(value)
    mailbox = _NAMED.fullmatch(outside) or _BARE.fullmatch(outside)
    if mailbox is None or not is_whole or _UNPRINTABLE.search(value):
        return ""
    if not _is_written(address, mailbox["local"], mailbox["domain"]):
        return ""
    rest = f"{mailbox.groupdict().get('name', '')} {comments}"
    decoded = header_text(rest.encode())
    return "" if any(_has_another(text, address) for text in (rest, decoded)) else address


def ascii_domain(domain: str) -> str:
    """The domain as servers write it (RFC 5891), in lower case.

    Characters are not mapped to others: servers that map `ß` to `ss` check another domain.
    """
    labels = unicodedata.normalize("NFC", domain.lower()).split(".")
    return ".".join(
        label if label.isascii() else f"xn--{label.encode('punycode').decode('ascii')}"
        for label in labels
    )


def _is_written(address: str, local: str, domain: str) -> bool:
    """Whether the address is these characters, and not what they decode to. Some letters beyond
    ASCII, such as the Kelvin sign, have an ASCII lower case.
    """
    written = {f"{name}@{domain}" for name in (local, local.strip('"'))}
    lowered = address.lower()
    return any(lowered == text.lower() and lowered.isascii() == text.isascii() for text in written)


def _has_another(text: str, address: str) -> bool:
    """Whether the text has an `@` that does not belong to the address."""
    same = rf"(?<!{_BOUNDARY}){re.escape(address)}(?!{_BOUNDARY})"
    return "@" in re.sub(same, " ", text, flags=re.IGNORECASE)
