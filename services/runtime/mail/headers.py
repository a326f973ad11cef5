"""Finds the header block of a mail or of one of its parts, splits it into fields and decodes them.
Pure; never raises.

Shared by the router, which decides by headers alone, and by the case writer.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from services.runtime.mail.addresses import Address, parse_addresses
from services.runtime.mail.charsets import is_eight_bit, is_utf_8, likely_charset
from services.runtime.mail.dates import parse_date
from services.runtime.mail.words import charset_of_words, header_text

__all__ = ["MAX_HEADER_BYTES", "Address", "MailHeaders"]

MAX_HEADER_BYTES = 256 * 1024
MAX_MESSAGE_IDS = 200
_MAX_ID_CHARS = 998  # a line of a mail, RFC 5322 section 2.1.1

# A block without any of these fields, or a field with one of these prefixes, is hardly a header
# (RFC 5322 section 3.6, RFC 2045).
_KNOWN_FIELDS = frozenset(
    b"apparently-to auto-submitted bcc cc comments date delivered-to disposition-notification-to envelope-to errors-to "
    b"from importance in-reply-to keywords message-id mime-version organization precedence priority received "
    b"received-spf references reply-to return-path return-receipt-to sender sensitivity status subject thread-index "
    b"thread-topic to user-agent".split()
)
_KNOWN_PREFIXES = (
    b"content-",
    b"x-",
    b"list-",
    b"resent-",
    b"arc-",
    b"dkim-",
    b"authentication-",
    b"original-",
)

_EMPTY_LINE = re.compile(rb"\r*+\n")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_BLANK_LINE = re.compile(rb"\n\r*+\n")
_UNSEEN_LINE = re.compile(rb"\n[ \t]++\r*+\n(?!\Z)")  # white space only, and more below it
_LEADING = re.compile(rb"(?:\xef\xbb\xbf)?[\r\n]*+(>?From (?![ \t]*+:)[^\r\n]*+\r*+\n)?")
_FIELD = re.compile(rb"^([!-9;-~]++)[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*+)", re.MULTILINE)
_CHARSET = re.compile(rb"charset[ \t]{0,5}=[ \t]{0,5}[\"']?([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)
_CHARSET_WITHIN = 2000  # bytes of the body that contain the header of the first part
_ID = re.compile(r"<([^<>]+)>")
_COLON = ord(":")
_AUTHOR_FIELDS = frozenset({b"from", b"authentication-results"})


class MailHeaders:
    """The fields of one header block, in the order of the mail. Names are looked up ignoring case.

    `body_start` is the offset in the parsed bytes where the body begins, `shortened` means that
    fields beyond `max_bytes` were left out, and `malformed` that some lines between the fields are
    not fields, or that a line of white space comes before the end of From or of
    Authentication-Results: some programs end the header there. `spaced` are the names, in lower
    case, before whose colon is a space (RFC 5322 section 4.5): some programs do not recognize them.
    `uncertain` means that the fields may be lines of the text: they come after blank lines, or none
    of them is known.
    """

    __slots__ = (
        "_charset",
        "_fields",
        "_texts",
        "body_beginning",
        "body_start",
        "malformed",
        "shortened",
        "spaced",
        "uncertain",
    )

    def __init__(
        self,
        fields: dict[bytes, list[bytes]],
        body_start: int,
        *,
        shortened: bool,
        malformed: bool = False,
        spaced: frozenset[bytes] = frozenset(),
    ) -> None:
        self._fields = fields
        self.body_beginning = b""  # of the body
        self._charset: str | None = None
        self._texts: dict[bytes, str] = {}  # decoded once, however many rules ask
        self.body_start = body_start
        self.shortened = shortened
        self.malformed = malformed
        self.spaced = spaced
        self.uncertain = bool(fields) and not self.has_known_field

    @classmethod
    def parse(cls, raw: bytes, *, max_bytes: int = MAX_HEADER_BYTES) -> "MailHeaders":
        """The header block of a whole mail: up to the first blank line, CRLF, LF or both mixed.

        A byte order mark, empty lines and an mbox `From ` line before the first field are skipped.
        `From :` is a field, since RFC 5322 section 4.5 allows the space. After skipped lines, or
        among lines that are not fields, only a known field makes a header; without one, everything
        is text. If the last lines are not fields, and there is no blank line before them, the body
        begins with them.
        """
        begin = _LEADING.match(raw)
        start = begin.end() if begin else 0
        headers = cls.parse_part(raw, start, len(raw), max_bytes=max_bytes)
        mbox_line = begin.start(1) if begin else -1
        after_blank = raw[:4].removeprefix(_BYTE_ORDER_MARK).startswith((b"\r", b"\n"))
        if (after_blank or mbox_line >= 0 or headers.malformed) and not headers.has_known_field:
            text = cls({}, mbox_line if mbox_line >= 0 else start, shortened=False)
            text.uncertain = mbox_line >= 0 or headers.uncertain
            return text
        headers.body_beginning = raw[headers.body_start : headers.body_start + _CHARSET_WITHIN]
        headers.uncertain = headers.uncertain or (after_blank and not _is_certain(headers))
        return headers

    @classmethod
    def parse_part(
        cls, raw: bytes, start: int, end: int, *, max_bytes: int = MAX_HEADER_BYTES
    ) -> "MailHeaders":
        """The header block of the part `raw[start:end]`; a blank line at its start means that it
        has none.
        """
        none = _EMPTY_LINE.match(raw, start, end)
        if none:
            return cls({}, none.end(), shortened=False)
        blank = _BLANK_LINE.search(raw, start, end)
        stop = blank.start() + 1 if blank else end
        shortened = stop - start > max_bytes
        block = raw[start : min(stop, start + max_bytes)]
        if b"\r" in block and b"\n" not in block:
            return cls._with_bare_returns(block, start, shortened=shortened)
        found = _fields(block)
        body = (
            blank.end()
            if blank and (found.end >= len(block) or shortened)
            else min(start + found.end, end)
        )
        body = body if blank or not shortened else end
        return cls._of(found, body, shortened=shortened)

    @classmethod
    def _with_bare_returns(cls, block: bytes, start: int, *, shortened: bool) -> "MailHeaders":
        """Lines that end with CR alone, as on old Macintosh machines."""
        blank = block.find(b"\r\r")
        found = _fields((block[:blank] if blank >= 0 else block).replace(b"\r", b"\n"))
        body = start + (blank + 2 if blank >= 0 else len(block))
        return cls._of(found, body, shortened=shortened)

    @classmethod
    def _of(cls, found: "_Fields", body: int, *, shortened: bool) -> "MailHeaders":
        return cls(
            found.by_name,
            body,
            shortened=shortened,
            malformed=found.malformed,
            spaced=found.spaced,
        )

    def __contains__(self, name: str) -> bool:
        return _key(name) in self._fields

    def has_any(self, names: Collection[bytes]) -> bool:
        """Whether one of these fields, whose `names` are in lower case, is there."""
        return not self._fields.keys().isdisjoint(names)

    def __iter__(self) -> Iterator[str]:
        """The names of the fields in lower case, without duplicates."""
        return (name.decode("ascii") for name in self._fields)

    @property
    def has_known_field(self) -> bool:
        """Whether one of the fields is known from mail programs. A block without one may be a text
        with colons.
        """
        return any(
            name in _KNOWN_FIELDS or name.startswith(_KNOWN_PREFIXES) for name in self._fields
        )

    def raw(self, name: str) -> bytes | None:
        """The value of the first such field as it is in the mail, folded; None if absent."""
        values = self._fields.get(_key(name))
        return values[0] if values else None

    def raws(self, name: str) -> Sequence[bytes]:
        """The values of all such fields as they are in the mail, folded; empty if absent."""
        return self._fields.get(_key(name), ())

    def text(self, name: str) -> str | None:
        """The first such field unfolded and decoded, on a single line; None if absent."""
        value = self.raw(name)
        return None if value is None else self._text(value)

    def texts(self, name: str) -> list[str]:
        """All such fields unfolded and decoded, a single line each; empty if absent."""
        values = self._fields.get(_key(name))
        return [self._text(value) for value in values] if values else []

    def _text(self, value: bytes) -> str:
        text = self._texts.get(value)
        if text is None:
            text = self._texts[value] = header_text(value, self.charset_for(value))
        return text

    def charset_for(self, value: bytes) -> str | None:
        """The charset of bytes beyond ASCII in `value`, of this mail or part, if they are not
        UTF-8.

        Header fields do not name a charset. Programs that write such bytes use the charset that
        they name elsewhere in the mail.
        """
        if value.isascii():
            return None
        if self._charset is None:
            self._charset = self.named_charset() or self._likely_charset()
        return self._charset or None

    def named_charset(self) -> str:
        """The charset of the Content-Type, an encoded word or the first part; "" if none is for
        bytes beyond ASCII.
        """
        content_type = self.raw("content-type") or b""
        in_words = [
            charset_of_words(value)
            for values in self._fields.values()
            for value in values
            if b"=?" in value
        ]
        in_body = (
            _charset_parameter(self.body_beginning)
            if b"multipart" in content_type.lower()
            else None
        )
        named = (_charset_parameter(content_type), *in_words, in_body)
        return next((charset for charset in named if charset and is_eight_bit(charset)), "")

    def _likely_charset(self) -> str:
        """Detected from all bytes without a declared charset: two words alone are often
        ambiguous.
        """
        values = [value for values in self._fields.values() for value in values]
        is_text = (self.raw("content-type") or b"text/").lower().startswith(b"text/")
        raw = [
            value
            for value in (*values, self.body_beginning if is_text else b"")
            if not value.isascii()
        ]
        return likely_charset(b"\n".join(value for value in raw if not is_utf_8(value)))

    def addresses(self, *names: str) -> list[Address]:
        """The addresses of all fields with these names, in the order of `names`; see
        `parse_addresses`.
        """
        return [
            address
            for name in names
            for value in self.raws(name)
            for address in parse_addresses(value, self.charset_for(value))
        ]

    def message_ids(self, *names: str) -> list[str]:
        """The Message-IDs (`<a@b>`) of all fields with these names, in the order of `names`,
        without duplicates.

        Of a field with more than 200, the last 200 count: in References they are the nearest (RFC
        5322 section 3.6.4). A field without angle brackets returns its words that contain an `@`.
        """
        found = [
            message_id
            for name in names
            for value in self.raws(name)
            for message_id in _message_ids(self._text(value))
        ]
        return list(dict.fromkeys(found)) if len(found) > 1 else found

    def date(self, name: str = "Date") -> datetime | None:
        """The time in the first such field, in UTC; None if it is absent, unreadable or before
        1970.
        """
        value = self.text(name)
        return parse_date(value) if value else None


def _charset_parameter(raw: bytes) -> str | None:
    match = _CHARSET.search(raw)
    return match[1].decode("ascii") if match else None


def _is_certain(headers: MailHeaders) -> bool:
    """Whether an author occurs together with fields that programs add, which is rare in a text."""
    return "from" in headers and any(name in headers for name in ("date", "message-id", "received"))


@lru_cache(maxsize=256)
def _key(name: str) -> bytes:
    return name.lower().encode("ascii", "replace")


class _Fields(NamedTuple):
    """The fields by name in lower case, with values without white space around them, and the offset
    after the last one. For `malformed` and `spaced` see `MailHeaders`.
    """

    by_name: dict[bytes, list[bytes]]
    end: int
    malformed: bool = False
    spaced: frozenset[bytes] = frozenset()


def _fields(block: bytes) -> _Fields:
    fields: dict[bytes, list[bytes]] = {}
    found = _FIELD.findall(block)
    length = 0
    for name, value in found:
        fields.setdefault(name.lower(), []).append(value.strip())
        length += len(name) + len(value) + 2
    if not found:
        return _Fields(fields, 0)
    malformed = _hides_author(block)
    if length == len(block) + (not block.endswith(b"\n")):
        # the colons and line ends counted: nothing else is there
        return _Fields(fields, len(block), malformed)
    end, spaced = 0, set()
    for match in _FIELD.finditer(block):
        malformed = malformed or bool(block[end : match.start()].strip())
        end = min(match.end() + 1, len(block))
        if block[match.end(1)] != _COLON:
            spaced.add(match[1].lower())
    return _Fields(fields, end, malformed, frozenset(spaced))


def _hides_author(block: bytes) -> bool:
    """Whether a program that ends the header at a line of white space overlooks a field, or a part
    of one, that says who the author is.
    """
    unseen = _UNSEEN_LINE.search(block)
    return unseen is not None and any(
        match[1].lower() in _AUTHOR_FIELDS
        and match.start(2) + len(match[2].rstrip()) > unseen.start()
        for match in _FIELD.finditer(block)
    )


def _message_ids(text: str) -> list[str]:
    inner = _ID.findall(text)
    if not inner and "@" in text:
        inner = [word.strip("<>,;\"'") for word in text.split() if "@" in word]
    ids = ["".join(message_id.split()) for message_id in inner[-MAX_MESSAGE_IDS:]]
    return [
        f"<{message_id}>" for message_id in ids if message_id and len(message_id) <= _MAX_ID_CHARS
    ]
