"""Content-Transfer-Encoding undone (RFC 2045 section 6): exact bytes; damage is told, not raised."""

import re
from binascii import Error as _BinasciiError
from binascii import a2b_base64, a2b_qp, a2b_uu
from io import BytesIO

from services.runtime.mail.words import unbase64

_AS_IT_STANDS = frozenset({"", "7bit", "8bit", "binary", "8-bit", "7-bit"})
_USUAL = frozenset({"", "7bit", "8bit", "base64", "quoted-printable"})
_UU = frozenset({"x-uuencode", "uuencode", "uue", "x-uue"})
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_BLANKS = b"\r\n \t"
_BLOCK_BYTES = 1024 * 1024
_FOUR_LETTERS = b"AAAA"
_COMMENT = re.compile(r"\([^()]*+\)|[;,].*", re.DOTALL)
_BLANK_LINE = re.compile(rb"\n\r?\n")
# RFC 2045 section 6.7 rule 3: blanks at a line's end were added on the way.
_SOFT_BREAK = re.compile(rb"=[ \t]++(\r?\n)")


def undo(content: bytes, encoding: str) -> tuple[bytes, bool]:
    """The bytes as they were before sending, and whether something in the encoding was damaged or unknown."""
    encoding = encoding.lower()
    if encoding not in _USUAL:
        encoding = _COMMENT.sub("", encoding).strip("\"' ").replace(" ", "-")
    if encoding in _AS_IT_STANDS:
        return content, False
    if encoding == "base64":
        return _base64(content)
    if encoding == "quoted-printable":
        return _quoted_printable(content), False
    if encoding in _UU:
        return _uuencoded(content)
    return content, True


def _base64(content: bytes) -> tuple[bytes, bool]:
    try:
        return _sound_base64(content), False
    except _BinasciiError:
        return _damaged_base64(content), True


def _sound_base64(content: bytes) -> bytes:
    """Block by block, so that a large file is not there once more without its line ends. Raises binascii.Error."""
    decoded = BytesIO()
    rest, is_padded = b"", False
    for start in range(0, len(content), _BLOCK_BYTES):
        compact = rest + content[start : start + _BLOCK_BYTES].translate(None, _BLANKS)
        if is_padded and compact:
            raise _BinasciiError("data after the padding")
        is_last = start + _BLOCK_BYTES >= len(content)
        end = len(compact) if is_last else len(compact) // 4 * 4
        before = _FOUR_LETTERS if decoded.tell() else b""  # padding is judged by whether letters came before it
        decoded.write(a2b_base64(before + compact[:end], strict_mode=True)[len(before) // 4 * 3 :])
        rest, is_padded = compact[end:], is_padded or compact[:end].endswith(b"=")
    return decoded.getvalue()


def _damaged_base64(content: bytes) -> bytes:
    """As much as can be had; text that a gateway added, after the padding or a blank line, is no content."""
    end = _BLANK_LINE.search(content)
    if end and _is_foreign(content[end.end() :]) and not _is_foreign(content[: end.start()]):
        return unbase64(content[: end.start()].translate(None, _BLANKS))
    compact = content.translate(None, _BLANKS)
    head, padding, tail = compact.partition(b"=")
    return unbase64(head if padding and _is_foreign(tail) else compact)


def _is_foreign(data: bytes) -> bool:
    return data.translate(None, _BASE64 + _BLANKS) != b""


def _quoted_printable(content: bytes) -> bytes:
    if b"= " in content or b"=\t" in content:
        content = _SOFT_BREAK.sub(rb"=\1", content)
    return a2b_qp(content)


def _uuencoded(content: bytes) -> tuple[bytes, bool]:
    """Lines between `begin` and `end` as the old program uuencode wrote them."""
    decoded = bytearray()
    inside = damaged = False
    for line_with_end in BytesIO(content):  # one by one: a list of 25 million empty lines would take a gigabyte
        line = line_with_end.rstrip(b"\r\n")
        if not inside:
            inside = line.startswith(b"begin ")
        elif line == b"end":
            return bytes(decoded), damaged
        elif len(decoded) > len(content):  # a short line is filled up with zeros: true files get smaller
            break
        elif line:
            try:
                decoded += a2b_uu(line)
            except _BinasciiError:
                damaged = True
    return (bytes(decoded), True) if inside else (content, True)
