"""Decodes bytes of a mail by the declared charset, or by repair if it is wrong. Never raises.

Detection overrules the declaration only if the declaration is impossible; see `charset_detection`.

The names follow the WHATWG Encoding Standard (section 4.2) if mail programs mean the Windows
superset of what they declare, as with gb2312 or shift_jis.
"""

import re
from collections.abc import Callable

from services.runtime.mail.charset_detection import detect, is_expected, is_text, overruled

_UTF_8 = "utf-8"
_ASCII = "ascii"
_LATIN_1 = "iso8859-1"
_LATIN_2 = "iso8859-2"
_JAPANESE_MAIL = "iso-2022-jp"

# An allow-list: a name from a mail never reaches `codecs.lookup`, which imports modules and raises
# on a NUL.
_CODECS = {
    "ascii": _ASCII, "us-ascii": _ASCII, "ansi_x3.4-1968": _ASCII, "iso-ir-6": _ASCII, "7bit": _ASCII, "8bit": _ASCII,
    "utf-8": _UTF_8, "utf8": _UTF_8, "unicode-1-1-utf-8": _UTF_8, "utf-8-sig": _UTF_8, "utf8mb4": _UTF_8,
    "utf-7": "utf-7", "unicode-1-1-utf-7": "utf-7",
    "utf-16": "utf-16", "utf-16le": "utf-16-le", "utf-16be": "utf-16-be", "unicode": "utf-16",
    "utf-32": "utf-32", "utf-32le": "utf-32-le", "utf-32be": "utf-32-be",
    "latin1": _LATIN_1, "latin-1": _LATIN_1, "l1": _LATIN_1, "latin2": _LATIN_2, "latin-2": _LATIN_2, "l2": _LATIN_2,
    "latin9": "iso8859-15", "latin-9": "iso8859-15", "iso-8859-8-i": "iso8859-8", "iso-8859-6-i": "iso8859-6",
    "macintosh": "mac-roman", "x-mac-roman": "mac-roman", "x-mac-ce": "mac-latin2", "x-mac-cyrillic": "mac-cyrillic",
    "koi8-r": "koi8-r", "koi8-u": "koi8-u", "koi8-ru": "koi8-u", "tis-620": "cp874", "iso-8859-11": "cp874",
    "gb2312": "gb18030", "gbk": "gb18030", "cp936": "gb18030", "gb18030": "gb18030", "x-gbk": "gb18030",
    "hz-gb-2312": "hz", "big5": "big5hkscs", "big5-hkscs": "big5hkscs", "cp950": "cp950",
    "shift_jis": "cp932", "shift-jis": "cp932", "sjis": "cp932", "x-sjis": "cp932", "cp932": "cp932",
    "windows-31j": "cp932", "ms_kanji": "cp932", "euc-jp": "euc-jp", "x-euc-jp": "euc-jp",
    "iso-2022-jp": _JAPANESE_MAIL, "iso-2022-jp-1": _JAPANESE_MAIL, "iso-2022-jp-2": _JAPANESE_MAIL,
    "iso-2022-jp-ms": _JAPANESE_MAIL, "cp50220": _JAPANESE_MAIL, "cp50221": _JAPANESE_MAIL,
    "euc-kr": "cp949", "ks_c_5601-1987": "cp949", "ksc5601": "cp949", "cp949": "cp949", "uhc": "cp949",
    "iso-2022-kr": "iso2022-kr",
}  # fmt: skip
for _part in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 14, 15, 16):
    _CODECS[f"iso-8859-{_part}"] = _CODECS[f"iso8859-{_part}"] = _CODECS[f"iso_8859-{_part}"] = (
        f"iso8859-{_part}"
    )
for _page in (
    437,
    720,
    737,
    775,
    850,
    852,
    855,
    857,
    858,
    862,
    864,
    865,
    866,
    869,
    874,
    *range(1250, 1259),
):
    _CODECS[f"windows-{_page}"] = _CODECS[f"cp{_page}"] = _CODECS[f"ibm{_page}"] = _CODECS[
        f"cp-{_page}"
    ] = f"cp{_page}"
_CODECS["iso-8859-9"] = _CODECS["iso8859-9"] = "cp1254"  # a superset, as in the Encoding Standard

_ASCII_BYTES = bytes(range(0x80))
_AROUND_BYTES = 1000
_CERTAIN_LETTERS = 4  # this many sequences of UTF-8 do not occur by chance in another charset
_JAPANESE_ESCAPE = re.compile(rb"\x1b(?:\$[@B]|\([BJI])")
_LOST_ESCAPE = re.compile(rb"\$[@B]")
_LOST_RETURN = re.compile(rb"\([BJ]")
_DAMAGED_RUN_BYTES = 800
_MENDED_BYTES = 1_000_000


def decode(data: bytes, charset: str | None = None) -> tuple[str, bool]:
    """The text of `data`, and whether it had to be repaired: the charset was absent, unknown or
    wrong for these bytes.

    The text contains no lone surrogates and no byte order mark. Invalid bytes become U+FFFD.
    """
    codec = codec_of(charset)
    if codec == _UTF_8:
        text, repaired = _utf_8(data)
        return (text[1:] if text.startswith("\ufeff") else text), repaired
    if codec in _READERS or b"\x1b" in data:
        text, repaired = _READERS.get(codec or "", _by_name)(data, codec)
        return _whole(text), repaired
    if data.isascii() and codec not in _NOT_ASCII:
        return data.decode("ascii"), codec is None and charset is not None
    text, repaired = _eight_bit(data, codec)
    return _whole(text), repaired


def codec_of(charset: str | None) -> str | None:
    """Python's name for a declared charset; None if it is absent or unknown."""
    if not charset:
        return None
    # followed by a comment, RFC 2045 section 5.1
    name = charset.partition("(")[0].strip(" \t'\"").lower()
    return _CODECS.get(name) or _CODECS.get(name.replace("_", "-"))


def decode_unlabeled(data: bytes, charset: str | None) -> str:
    """The text of bytes without a charset, in a mail that names `charset` elsewhere. UTF-8 (RFC
    6532) is tried first.
    """
    if codec_of(charset) in _DOUBLE_BYTE:
        try:
            return data.decode(_UTF_8)
        except UnicodeDecodeError:
            pass
    return decode(data, charset)[0]


def likely_charset(data: bytes) -> str:
    """The charset of bytes without a declaration; "" if they are ASCII."""
    return "" if data.isascii() else detect(data)


def is_utf_8(data: bytes) -> bool:
    """Whether `data` is UTF-8, perhaps with a damaged byte or an end that is cut off."""
    return _read_as_utf_8(data, None) is not None


def is_eight_bit(charset: str) -> bool:
    """Whether this is a charset with bytes beyond ASCII, other than UTF-8."""
    codec = codec_of(charset)
    return codec is not None and codec not in _READERS and codec not in (_UTF_8, _ASCII)


def _eight_bit(data: bytes, codec: str | None) -> tuple[str, bool]:
    """Decodes bytes beyond ASCII in a charset in which all bytes are valid."""
    text = _read_as_utf_8(data, codec)
    if text is not None:
        return text, True
    if codec is None or codec == _ASCII:
        return data.decode(detect(data), "replace"), True
    better = None if codec in _DOUBLE_BYTE else overruled(data, codec)
    if better is not None:
        return data.decode(better, "replace"), True
    try:
        return data.decode(codec), False
    except UnicodeDecodeError:
        return data.decode(codec, "replace"), True


def _read_as_utf_8(data: bytes, codec: str | None) -> str | None:
    """The text if these bytes are UTF-8, whatever is declared; None if they are not.

    Single bytes may be damaged, so valid sequences are counted. With one to three sequences, the
    declaration may still be right: `ÓŻ` of `PODRÓŻ` in ISO-8859-2 is also a letter in UTF-8.
    """
    text, letters, broken = _counted(data)
    if broken > 2 * letters:
        return None
    if codec in _DOUBLE_BYTE:
        # Two letters of a double-byte charset may look like one letter of two bytes in UTF-8, but
        # hardly like a longer one.
        return text if not broken and max(text) >= "\u0800" else None
    if codec is None or codec == _ASCII:
        return text if letters > broken else None
    if letters >= _CERTAIN_LETTERS:
        return text if letters >= _CERTAIN_LETTERS * broken else None
    if broken:
        return None
    is_other = codec not in _LATIN_CODECS or data.isupper() or not is_expected(text)
    return None if is_other and is_text(data, codec) else text


def _counted(data: bytes) -> tuple[str, int, int]:
    """`data` as UTF-8, and how many letters beyond ASCII are valid and broken.

    If the letters around the first broken one are broken, too, counting ends there and the text is
    empty.
    """
    try:
        text, broken = data.decode(_UTF_8), 0
    except UnicodeDecodeError as error:
        around = data[max(0, error.start - _AROUND_BYTES) : error.start + _AROUND_BYTES]
        text, letters, broken = _replaced(around)
        if len(around) < len(data) and broken > 2 * letters:
            return "", letters, broken
        return _replaced(data)
    return text, len(text) - len(data) + len(data.translate(None, _ASCII_BYTES)), broken


def _replaced(data: bytes) -> tuple[str, int, int]:
    text = data.decode(_UTF_8, "replace")
    broken = text.count("\ufffd")
    return text, len(text) - len(data) + len(data.translate(None, _ASCII_BYTES)) - broken, broken


def _utf_8(data: bytes) -> tuple[str, bool]:
    try:
        return data.decode(_UTF_8), False
    except UnicodeDecodeError:
        pass
    text, letters, broken = _counted(data)
    # A mail that is cut in the middle of a letter is UTF-8 with one broken letter. In bytes that
    # are not UTF-8, hardly any letter is valid.
    return (text if letters >= broken else data.decode(detect(data), "replace")), True


def _wide(data: bytes, codec: str | None) -> tuple[str, bool]:
    """Decodes UTF-16 and UTF-32, which are often declared for ASCII or UTF-8."""
    if b"\0" not in data and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        text, _ = decode(data)
        return text, True
    try:
        return data.decode(codec or "utf-16"), False
    except UnicodeDecodeError:
        return data.decode(codec or "utf-16", "replace"), True


def _japanese(data: bytes, _: str | None) -> tuple[str, bool]:
    """Decodes ISO-2022-JP (RFC 1468) with vendors' extensions. Escape bytes that a gateway removed
    are restored.
    """
    for codec in ("iso2022-jp", "iso2022-jp-ext", "iso2022-jp-2004"):
        try:
            text = data.decode(codec)
        except UnicodeDecodeError:
            continue
        if b"\x1b" in data or b"$B" not in data:
            return text, False
    if not data.isascii():
        return _first_strict(data, (_UTF_8, "cp932", "euc-jp")) or data.decode(
            "cp932", "replace"
        ), True
    return _japanese_by_hand(_with_escapes(data)), True


def _with_escapes(data: bytes) -> bytes:
    """Restores the lost escape bytes of `$B…(B` if an even number of bytes is between them."""
    pieces: list[bytes] = []
    done = 0
    start = _LOST_ESCAPE.search(data, 0, _MENDED_BYTES)
    while start:
        at, end = start.span()
        back = _LOST_RETURN.search(data, end, end + _DAMAGED_RUN_BYTES)
        while back and (back.start() - end) % 2:
            # a pair of bytes that happens to look like the closing escape
            back = _LOST_RETURN.search(data, back.start() + 1, end + _DAMAGED_RUN_BYTES)
        if back and data[at - 1 : at] != b"\x1b":
            pieces += (data[done:at], b"\x1b", data[at : back.start()], b"\x1b", back.group())
            done = end = back.end()
        start = _LOST_ESCAPE.search(data, end, _MENDED_BYTES)
    return b"".join((*pieces, data[done:]))


def _japanese_by_hand(data: bytes) -> str:
    """Decodes each run between escapes separately, so that a damaged byte costs one letter;
    double-byte runs are read as cp932.
    """
    pieces: list[str] = []
    start, mode = 0, b"\x1b(B"
    for escape in (*_JAPANESE_ESCAPE.finditer(data), None):
        run = data[start : escape.start() if escape else len(data)]
        pieces.append(_japanese_run(run, mode))
        if escape:
            start, mode = escape.end(), escape.group()
    return "".join(pieces)


def _japanese_run(run: bytes, mode: bytes) -> str:
    if mode == b"\x1b(I":  # half-width katakana
        return bytes(byte | 0x80 if 0x20 < byte < 0x60 else byte for byte in run).decode(
            "cp932", "replace"
        )
    if not mode.startswith(b"\x1b$"):
        return run.decode("ascii", "replace")
    shifted = bytearray()
    pairs = run.translate(None, b"\r\n")
    for first, second in zip(pairs[::2], pairs[1::2], strict=False):
        if not (0x21 <= first <= 0x7E and 0x21 <= second <= 0x7E):
            shifted += b"?"
            continue
        lead = (first - 0x21) // 2 + (0x81 if first < 0x5F else 0xC1)
        trail = second + (0x1F if second < 0x60 else 0x20) if first % 2 else second + 0x7E
        shifted += bytes((lead, trail))
    return shifted.decode("cp932", "replace")


def _by_name(data: bytes, codec: str | None) -> tuple[str, bool]:
    """Decodes charsets with states or shifts, in which ASCII bytes are not always ASCII, and bytes
    with escapes but without a charset.
    """
    if codec is None or codec == _ASCII or codec not in _NOT_ASCII:
        if data.isascii() and _JAPANESE_ESCAPE.search(data):
            return _japanese(data, codec)[0], True
        return _eight_bit(data, codec) if not data.isascii() else (data.decode("ascii"), False)
    try:
        return data.decode(codec), False
    except UnicodeDecodeError:
        return data.decode(codec, "replace"), True


def _first_strict(data: bytes, codecs: tuple[str, ...]) -> str | None:
    for codec in codecs:
        try:
            return data.decode(codec)
        except UnicodeDecodeError:
            continue
    return None


def _whole(text: str) -> str:
    """The text without a byte order mark and without lone surrogates, which UTF-7 can encode."""
    if text.startswith("\ufeff"):
        text = text[1:]
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


_DOUBLE_BYTE = frozenset({"gb18030", "big5hkscs", "cp950", "cp932", "euc-jp", "cp949"})
_LATIN_CODECS = frozenset(
    {"cp1250", "cp1252", "cp1254", "cp1257", "cp850", "cp852", "mac-roman", "mac-latin2"}
    | {f"iso8859-{part}" for part in (1, 2, 3, 4, 9, 10, 13, 14, 15, 16)}
)
_NOT_ASCII = frozenset({"utf-7", "hz", "iso2022-kr"})
_READERS: dict[str, Callable[[bytes, str | None], tuple[str, bool]]] = {
    _JAPANESE_MAIL: _japanese,
    "utf-7": _by_name,
    "hz": _by_name,
    "iso2022-kr": _by_name,
    **dict.fromkeys(
        ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"), _wide
    ),
}
