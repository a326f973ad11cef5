"""The author of a mail, if every program that reads the mail finds the same one. Pure.

The receiving server checks the author that it reads in From. A field that programs read in
different ways lets a sender pass that check as one author and be shown as another.
"""

import re
import unicodedata
from typing import NamedTuple

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
# An `@` that may begin a domain. Programs differ about spaces around the signs of an address, and
# about what they take for a dot (RFC 3490 section 3.1).
_ANOTHER = re.compile(r"@\s*+[^\s@.\u3002\uff0e\uff61\[]*+\s*+[.\u3002\uff0e\uff61\[]|@[^@]*+@")
_MAX_LABEL_CHARS = 63  # RFC 1035 section 2.3.4
_BOUNDARY = r"""[^\s"'<>(),;:]"""


class Author(NamedTuple):
    """The address in From; "" without exactly one.

    If `needs_proof`, some programs may find another author or none, so that the address counts only
    if the server says that it checked the address's domain.
    """

    address: str
    needs_proof: bool = False


_NOBODY = Author("")


def find_author(headers: MailHeaders) -> Author:
    """The author of a mail.

    There is none if the field is missing, repeated, perhaps repeated beyond what was read, not a
    mailbox of RFC 5322, or has its address in encoded words (RFC 2047 section 5) or another
    address. The same address may be repeated in the name.

    The author needs proof if the name contains one `@` that no dot follows, as in `Anna @ Warsaw
    <anna@x.example>`: programs that read an address in it read one without a real domain. The same
    applies if the field is written in a way, or is among lines, that makes some programs overlook
    it.
    """
    fields, authors = headers.raws("From"), headers.addresses("From")
    addresses = [author.address for author in authors if author.address]
    if len(fields) != 1 or len(addresses) != 1 or headers.shortened:
        return _NOBODY
    value, address = fields[0].decode("utf-8", "replace"), addresses[0]
    outside, comments, is_whole = separate_comments(value)
    mailbox = _NAMED.fullmatch(outside) or _BARE.fullmatch(outside)
    if mailbox is None or not is_whole or _UNPRINTABLE.search(value):
        return _NOBODY
    if not _is_written(address, mailbox["local"], mailbox["domain"]):
        return _NOBODY
    name = mailbox.groupdict().get("name", "").replace("()", " ")
    rests = [_without(address, form) for form in _forms(name)]
    others = [_without(address, form) for form in _forms(comments)]
    if any(map(_ANOTHER.search, rests)) or any("@" in rest for rest in others):
        return _NOBODY
    is_overlooked = headers.malformed or b"from" in headers.spaced
    return Author(address, is_overlooked or any("@" in rest for rest in rests))


def ascii_domain(domain: str) -> str:
    """The domain as servers write it (RFC 5891), in lower case.

    Characters are not mapped to others: servers that map `ß` to `ss` check another domain. A label
    that is too long for DNS stays as it is: encoding it would take seconds.
    """
    labels = unicodedata.normalize("NFC", domain.lower()).split(".")
    return ".".join(map(_ascii_label, labels))


def _ascii_label(label: str) -> str:
    if label.isascii() or len(label) > _MAX_LABEL_CHARS:
        return label
    return f"xn--{label.encode('punycode').decode('ascii')}"


def _is_written(address: str, local: str, domain: str) -> bool:
    """Whether the address is these characters, and not what they decode to. Some letters beyond
    ASCII, such as the Kelvin sign, have an ASCII lower case.
    """
    written = {f"{name}@{domain}" for name in (local, local.strip('"'))}
    lowered = address.lower()
    return any(lowered == text.lower() and lowered.isascii() == text.isascii() for text in written)


def _forms(text: str) -> tuple[str, str]:
    """The text as it is, and with its encoded words decoded."""
    return text, header_text(text.encode())


def _without(address: str, text: str) -> str:
    """The text without the places at which the address is repeated in it."""
    same = rf"(?<!{_BOUNDARY}){re.escape(address)}(?!{_BOUNDARY})"
    return re.sub(same, " ", text, flags=re.IGNORECASE) if "@" in text else text
