"""Decodes Content-Transfer-Encoding (RFC 2045 section 6) to exact bytes; damage is returned, not
raised.
"""

import re
from binascii import Error as _BinasciiError
from binascii import a2b_qp, a2b_uu
from io import BytesIO

from pybase64 import b64decode

from services.runtime.mail.headers import MailHeaders
from services.runtime.mail.words import unbase64

_AS_IT_STANDS = frozenset({"", "7bit", "8bit", "binary", "8-bit", "7-bit"})
_USUAL = frozenset({"", "7bit", "8bit", "base64", "quoted-printable"})
_UU = frozenset({"x-uuencode", "uuencode", "uue", "x-uue"})
_BLANKS = b"\r\n \t"
_BLOCK_BYTES = 1024 * 1024
_LINE_ENDS_BYTES = 1024  # at the end of base64; programs write one or two line ends
_FOUR_LETTERS = b"AAAA"
_STRICTEST_FIRST = ("x-uuencode", "base64", "quoted-printable")
_COMMENT = re.compile(r"\([^()]*+\)|;.*", re.DOTALL)
_INK = re.compile(rb"[^\s\0]")
# Programs rarely put spaces into a line of base64; people put them between words.
_INNER_BLANK = re.compile(rb"[A-Za-z0-9+/=][ \t]++[A-Za-z0-9+/=]")
_BASE64_LINES = re.compile(rb"(?:[ \t\r\n]*+[A-Za-z0-9+/]++={0,2}+[ \t\r]*+(?:\n|\Z))*+")
_LONG_BASE64_LINE = re.compile(rb"(?:^|(?<=\n))[A-Za-z0-9+/]{40,}+={0,2}+[ \t\r]*+(?:\n|\Z)")
_WORDS = re.compile(rb"\s*+(?:(?:[A-Z]?[a-z]++|[A-Z]++)[0-9]*+(?:\s++|\Z))++")
_LEAST_TEXT_BYTES = 6  # fewer may be text by chance
_CONTROLS = bytes({*range(0x20), 0x7F} - set(b"\t\n\f\r"))
# RFC 2045 section 6.7 rule 3: spaces at the end of a line were added in transit.
_SOFT_BREAK = re.compile(rb"=[ \t]++(\r?\n)")


def encoding_of(headers: MailHeaders) -> str:
    """The encodings that the header declares, for `decode_transfer_encoding`; empty if it declares
    none.
    """
    return ", ".join(headers.texts("content-transfer-encoding"))


def decode_part(raw: bytes, start: int, end: int, encoding: str) -> tuple[bytes, bool]:
    """The same as `decode_transfer_encoding(raw[start:end], encoding)`. Usual base64 is decoded
    without a copy.
    """
    if encoding.lower() == "base64" and (decoded := _uniform_base64(raw, start, end)) is not None:
        return decoded, False
    return decode_transfer_encoding(raw[start:end], encoding)


def decode_transfer_encoding(
    content: bytes, encoding: str, *, is_text: bool = False
) -> tuple[bytes, bool]:
    """The bytes as they were before sending, and whether the encoding was damaged or unknown.

    If several encodings are declared, the first one in which the content is valid counts. If the
    part is text, words that only look like base64 are not decoded.
    """
    decoded, damaged = _decode_declared(content, encoding)
    if (
        is_text
        and not damaged
        and decoded is not content
        and _WORDS.fullmatch(content)
        and not _is_text(decoded)
    ):
        return content, True  # the number of its letters happens to be a multiple of four
    return decoded, damaged


def _decode_declared(content: bytes, encoding: str) -> tuple[bytes, bool]:
    name = encoding.lower()
    if name in _USUAL:
        return _decode(content, name)
    names = list(dict.fromkeys(map(_normalized, name.split(","))))
    if len(names) == 1:
        return _decode(content, names[0])
    for name in sorted(
        names,
        key=lambda candidate: candidate in _STRICTEST_FIRST and _STRICTEST_FIRST.index(candidate),
    ):
        if name in _STRICTEST_FIRST:
            decoded, damaged = _decode(content, name)
            if decoded and not damaged:
                return decoded, True
    if "base64" in names:
        return _damaged_base64(content), True
    return content, not _AS_IT_STANDS.issuperset(names)


def _normalized(encoding: str) -> str:
    name = _COMMENT.sub("", encoding).strip("\"' ").replace(" ", "-")
    return "x-uuencode" if name in _UU else name


def _decode(content: bytes, name: str) -> tuple[bytes, bool]:
    if name in _AS_IT_STANDS:
        return content, False
    if name == "base64":
        return _base64(content)
    if name == "quoted-printable":
        return _quoted_printable(content), False
    if name in _UU:
        return _uuencoded(content)
    return content, True


def _base64(content: bytes) -> tuple[bytes, bool]:
    if (decoded := _uniform_base64(content, 0, len(content))) is not None:
        return decoded, False
    try:
        decoded = _sound_base64(content)
    except _BinasciiError:
        return _damaged_base64(content), True
    has_blanks = b" " in content or b"\t" in content
    if has_blanks and _INNER_BLANK.search(content) and not _is_text(decoded):
        return _damaged_base64(content), True
    return decoded, False


def _uniform_base64(raw: bytes, start: int, end: int) -> bytes | None:
    """The bytes of base64 in lines of equal length between two offsets, as programs write it; None
    for anything else.

    The decoder skips everything that is not base64, so its result is valid only if its length
    matches the number of characters.
    """
    width = raw.find(b"\r\n", start, end) - start + 2
    if width < 6 or width % 4 != 2:
        return None
    # without copying the whole content
    tail = raw[max(start, end - _LINE_ENDS_BYTES) : end]
    text = tail.rstrip(b"\r\n")
    end -= len(tail) - len(text)
    ends = (end - start) // width
    if raw[start + width - 2 : end : width] != b"\r" * ends:
        return None
    if raw[start + width - 1 : end : width] != b"\n" * ends:
        return None
    letters = end - start - 2 * ends
    padding = 2 if text.endswith(b"==") else int(text.endswith(b"="))
    try:
        with memoryview(raw) as view:
            decoded = b64decode(view[start:end])
    except _BinasciiError:
        return None
    return decoded if 4 * len(decoded) == 3 * letters - 4 * padding else None


def _sound_base64(content: bytes) -> bytes:
    """Decodes block by block, so that a large file is not copied as a whole to remove its line
    ends. Raises binascii.Error.
    """
    decoded = BytesIO()
    rest, is_padded = b"", False
    for start in range(0, len(content), _BLOCK_BYTES):
        compact = rest + content[start : start + _BLOCK_BYTES].translate(None, _BLANKS)
        if is_padded and compact:
            raise _BinasciiError("data after the padding")
        is_last = start + _BLOCK_BYTES >= len(content)
        end = len(compact) if is_last else len(compact) // 4 * 4
        # padding is judged by whether letters came before it
        before = _FOUR_LETTERS if decoded.tell() else b""
        decoded.write(_strict_base64(before + compact[:end])[len(before) // 4 * 3 :])
        rest, is_padded = compact[end:], is_padded or compact[:end].endswith(b"=")
    return decoded.getvalue()


def _strict_base64(compact: bytes) -> bytes:
    """Base64 without line ends, perhaps with padding that is not needed. Raises binascii.Error."""
    try:
        return b64decode(compact, validate=True)
    except _BinasciiError:
        letters = compact.rstrip(b"=")
        if not letters or len(letters) % 4:
            raise
        return b64decode(letters, validate=True)


def _damaged_base64(content: bytes) -> bytes:
    """As much as can be decoded, without text that a gateway appended. Text that was never base64
    is kept.
    """
    lines = _BASE64_LINES.match(content)
    end = lines.end() if lines else 0
    has_more = (
        _INK.search(content, end) is None or _LONG_BASE64_LINE.search(content, end) is not None
    )
    head = _likely_base64(content if has_more else content[:end])
    if _LONG_BASE64_LINE.search(content) is None and _is_printable(content):
        whole = unbase64(content.translate(None, _BLANKS))
        likely = (
            candidate
            for candidate, least in ((head, 1), (whole, _LEAST_TEXT_BYTES))
            if len(candidate) >= least and _is_text(candidate)
        )
        return next(likely, content)
    return head


def _likely_base64(content: bytes) -> bytes:
    """Decodes valid base64 in blocks, which saves memory. Of other content, as much as possible is
    decoded.
    """
    try:
        return _sound_base64(content)
    except _BinasciiError:
        return unbase64(content.translate(None, _BLANKS))


def _is_printable(content: bytes) -> bool:
    return len(content.translate(None, _CONTROLS)) == len(content)


def _is_text(decoded: bytes) -> bool:
    """Whether this is certainly text: UTF-8 without control characters."""
    try:
        decoded.decode()
    except UnicodeDecodeError:
        return False
    return _is_printable(decoded)


def _quoted_printable(content: bytes) -> bytes:
    if b"= " in content or b"=\t" in content:
        content = _SOFT_BREAK.sub(rb"=\1", content)
    return a2b_qp(content)


def _uuencoded(content: bytes) -> tuple[bytes, bool]:
    """Decodes the lines between `begin` and `end` that the old program uuencode wrote. Text around
    them counts as damage.
    """
    decoded = bytearray()
    inside = damaged = False
    lines = BytesIO(content)
    for (
        line_with_end
    ) in lines:  # one by one: a list of 25 million empty lines would take a gigabyte
        line = line_with_end.rstrip(b"\r\n")
        if not inside:
            inside = line.startswith(b"begin ")
            damaged = damaged or not (inside or line.isspace() or not line)
        elif line == b"end":
            return bytes(decoded), damaged or _INK.search(content, lines.tell()) is not None
        elif len(decoded) > len(content):
            # a short line is filled up with zeros: a real file gets smaller when it is encoded
            break
        elif line:
            try:
                decoded += a2b_uu(line)
            except _BinasciiError:
                damaged = True
    return (bytes(decoded), True) if inside else (content, True)
