"""Content-Type and Content-Disposition with their parameters: RFC 2045, RFC 2231, and what programs
write instead.
"""

import re
from itertools import groupby
from operator import itemgetter
from urllib.parse import unquote_to_bytes

from services.runtime.mail.charsets import decode
from services.runtime.mail.words import decode_words, one_line, unfold

MAX_PARAMETERS = 100
MAX_VALUE_BYTES = 8192

# An unquoted value may contain spaces (`filename=my file.pdf`); it ends at a semicolon.
_PARAMETER = re.compile(
    rb';[ \t]*+([^\s=;"]{1,80})[ \t]*+=[ \t]*+(?:"((?:[^"\\]++|\\.)*+)"|([^;]*+))', re.DOTALL
)
_PIECE = re.compile(rb"([^*]+)\*(\d{1,3})(\*?)$")
_ESCAPED = re.compile(rb'\\(["\\])')
_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,80}/[a-z0-9!#$&^_.+-]{1,100}")


class Parameters:
    """A header value such as `text/plain; charset=utf-8`: its first word, in lower case, and its
    parameters.

    The first of duplicate parameters counts; `contradicts_itself` means that boundaries differ.
    """

    __slots__ = ("_has_pieces", "_values", "contradicts_itself", "value")

    def __init__(self, raw: bytes | None) -> None:
        self._values: dict[bytes, bytes] = {}
        self._has_pieces = False
        self.contradicts_itself = False
        self.value = ""
        if raw is None:
            return
        raw = unfold(raw)
        head, semicolon, _ = raw.partition(b";")
        self.value = head.strip().decode("latin-1").lower()
        if semicolon:
            self._read(raw[len(head) :])

    def _read(self, raw: bytes) -> None:
        for count, match in enumerate(_PARAMETER.finditer(raw)):
            if count == MAX_PARAMETERS:
                break
            name, quoted, bare = match.groups()
            value = _unescape(quoted) if quoted is not None else bare.strip()
            key, value = name.lower(), value[:MAX_VALUE_BYTES]
            if self._values.setdefault(key, value) != value and key == b"boundary":
                self.contradicts_itself = True
        self._has_pieces = any(b"*" in name for name in self._values)

    def token(self, name: str) -> str | None:
        """A parameter for programs (charset, boundary, format), unchanged; None if absent."""
        value = self._values.get(name.encode())
        if value is None and self._values:
            return self.text(name)
        return None if value is None else value.decode("latin-1").strip()

    def boundary(self) -> bytes | None:
        """The boundary of a multipart, without trailing spaces; None if absent or empty."""
        value = self._values.get(b"boundary")
        if value is None and (text := self.text("boundary")):
            value = text.encode("latin-1", "replace")
        return (value or b"").rstrip() or None

    def text(self, name: str, charset: str | None = None) -> str | None:
        """A parameter for people, decoded, on one line; None if absent or empty.

        `charset` is the charset that the mail names elsewhere; it applies to raw bytes beyond ASCII
        that are not UTF-8. The form of RFC 2231 (`name*=utf-8''…`, `name*0*=…`) takes precedence
        over the plain form. Encoded words are decoded in the plain form, although RFC 2047 section
        5 forbids them there.
        """
        key = name.encode()
        if self._has_pieces:
            extended = self._values.get(key + b"*")
            text = self._pieces(key, charset) if extended is None else _extended(extended)
            if text is not None:
                return one_line(text) or None
        plain = self._values.get(key)
        return (one_line(decode_words(plain, charset)) or None) if plain is not None else None

    def _pieces(self, key: bytes, fallback: str | None) -> str | None:
        """Joins `name*0`, `name*1*` … (RFC 2231 section 3), as bytes, because a character may be
        split between two pieces.
        """
        found: dict[int, tuple[bytes, bool]] = {}
        for name, value in self._values.items():
            match = _PIECE.match(name)
            if match and match[1] == key:
                found.setdefault(int(match[2]), (value, bool(match[3])))
        if not found:
            return None
        charset: str | None = None
        pieces = [found[index] for index in sorted(found)]
        if pieces[0][1]:
            charset, value = _charset(pieces[0][0])
            pieces[0] = (value, True)
        data = b""
        for is_extended, group in groupby(pieces, key=itemgetter(1)):
            joined = b"".join(value for value, _ in group)  # some programs split `%20`, too
            data += unquote_to_bytes(joined) if is_extended else joined
        return decode(data, charset)[0] if charset else decode_words(data, fallback)


def media_type(parameters: Parameters) -> str | None:
    """`text/plain` and the like in lower case; None if the header is absent or names no type."""
    value = parameters.value.partition(" ")[0]
    if _TYPE.fullmatch(value):
        return value
    return "text/plain" if value == "text" else None  # RFC 1049 and old programs


def _extended(value: bytes) -> str:
    charset, rest = _charset(value)
    return decode(unquote_to_bytes(rest), charset)[0]


def _charset(value: bytes) -> tuple[str | None, bytes]:
    """Splits `utf-8'pl'%C5%82` into charset and rest; some programs omit the charset and its
    quotes.
    """
    pieces = value.split(b"'", 2)
    if len(pieces) < 3:
        return None, value
    return pieces[0].decode("latin-1") or None, pieces[2]


def _unescape(quoted: bytes) -> bytes:
    """Resolves quoted pairs, but not in paths such as `C:\\Users\\jan\\fa.pdf`, in which old
    programs did not double the backslashes.
    """
    return _ESCAPED.sub(rb"\1", quoted) if b"\\" in quoted else quoted
