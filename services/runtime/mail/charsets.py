"""Bytes of a mail to text: by the declared charset where it is true, else by repair. Never raises, for any bytes.

The names follow the WHATWG Encoding Standard (section 4.2) where mail programs mean the Windows superset of what they
declare, as with gb2312 or shift_jis.
"""

import re
from collections.abc import Callable

_UTF_8 = "utf-8"
_ASCII = "ascii"
_LATIN_1 = "iso8859-1"
_LATIN_2 = "iso8859-2"
_JAPANESE_MAIL = "iso-2022-jp"

# An allow-list: a name from a mail never reaches `codecs.lookup`, which imports modules and raises on a NUL.
_CODECS = {
    "ascii": _ASCII, "us-ascii": _ASCII, "ansi_x3.4-1968": _ASCII, "iso-ir-6": _ASCII, "7bit": _ASCII, "8bit": _ASCII,
    "utf-8": _UTF_8, "utf8": _UTF_8, "unicode-1-1-utf-8": _UTF_8, "utf-8-sig": _UTF_8, "utf8mb4": _UTF_8,
    "utf-7": "utf-7", "unicode-1-1-utf-7": "utf-7",
    "utf-16": "utf-16", "utf-16le": "utf-16-le", "utf-16be": "utf-16-be", "unicode": "utf-16",
    "utf-32": "utf-32", "utf-32le": "utf-32-le", "utf-32be": "utf-32-be",
    "latin1": _LATIN_1, "latin-1": _LATIN_1, "l1": _LATIN_1, "latin2": _LATIN_2, "latin-2": _LATIN_2, "l2": _LATIN_2,
    "latin9": "iso8859-15", "latin-9": "iso8859-15", "iso-8859-8-i": "iso8859-8", "iso-8859-6-i": "iso8859-6",
    "macintosh": "mac-roman", "x-mac-roman": "mac-roman", "x-mac-ce": "mac-latin2",
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
    _CODECS[f"iso-8859-{_part}"] = _CODECS[f"iso8859-{_part}"] = _CODECS[f"iso_8859-{_part}"] = f"iso8859-{_part}"
for _page in (437, 720, 737, 775, 850, 852, 855, 857, 858, 862, 864, 865, 866, 869, 874, *range(1250, 1259)):
    _CODECS[f"windows-{_page}"] = _CODECS[f"cp{_page}"] = _CODECS[f"ibm{_page}"] = _CODECS[f"cp-{_page}"] = f"cp{_page}"
_CODECS["iso-8859-9"] = _CODECS["iso8859-9"] = "cp1254"  # as the Encoding Standard has it: a superset

_GUESS_BYTES = 4096  # enough letters to tell Polish code pages apart, whatever the size of the mail
_C1 = re.compile(rb"[\x80-\x9f]")
# Letters of Polish that are signs (± ³ ¹ ¿ …) in Western code pages: a sign is not followed by a small letter.
_CENTRAL = re.compile(rb"[\xb1\xb3\xb6\xb9\xbc\xbf\x9c\x9f][a-z]|[a-z][\xb1\xb9\xea](?![A-Za-z\x80-\xff])")
_WESTERN = re.compile(rb"[\xe0\xe2\xe5\xe8\xec\xee\xf2\xf5\xf8\xf9\xfb]")
_CP1250_POLISH = re.compile(rb"[\xb9\x9c\x9f\xa5\x8c\x8f]")
_LATIN_2_POLISH = re.compile(rb"[\xb1\xb6\xbc\xa1\xa6\xac]")
_POLISH = re.compile(rb"[\xb3\xea\xbf]")  # ł ę ż: the same in both
_CZECH = re.compile(rb"[\xec\xf8\xf9\xbe]")  # ě ř ů ž: what \xb9 is š beside
# Three and more letters beyond ASCII in a row, all from the upper half: words of an alphabet that is not Latin.
_CYRILLIC = re.compile(rb"[\xc0-\xff\xa3\xb3\xa8\xb8]{3,}")
_FEWEST_CYRILLIC_BYTES = 10
_NOT_HIGH = bytes(range(0x80))
_LOWER_IN_1251 = bytes(range(0xE0, 0x100))  # in KOI8-R these are capitals
_JAPANESE_ESCAPE = re.compile(rb"\x1b(?:\$[@B]|\([BJI])")
_LOST_ESCAPE = re.compile(rb"\$[@B]")
_LOST_RETURN = re.compile(rb"\([BJ]")
_DAMAGED_RUN_BYTES = 800
_MENDED_BYTES = 1_000_000


def decode(data: bytes, charset: str | None = None) -> tuple[str, bool]:
    """The text of `data`, and whether it had to be repaired: the charset was absent, unknown or untrue for these bytes.

    The text holds no lone surrogate and no byte order mark; where bytes mean nothing, U+FFFD stands.
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
    """Python's name for a declared charset; None where it is absent or unknown."""
    if not charset:
        return None
    name = charset.partition("(")[0].strip(" \t'\"").lower()  # behind it a comment, RFC 2045 section 5.1
    return _CODECS.get(name) or _CODECS.get(name.replace("_", "-"))


def _eight_bit(data: bytes, codec: str | None) -> tuple[str, bool]:
    """Bytes beyond ASCII whose charset is one that any bytes may claim: strict UTF-8 beats every such claim."""
    try:
        text = data.decode(_UTF_8)
    except UnicodeDecodeError:
        pass
    else:
        # Two letters of a double-byte charset may look like one of UTF-8; they hardly look like a longer one.
        if codec not in _DOUBLE_BYTE or max(text) >= "\u0800":
            return text, True
    if codec is None or codec == _ASCII:
        return _guess(data), True
    better = _better_single_byte(data[:_GUESS_BYTES], codec)
    if better is not None:
        return data.decode(better, "replace"), True
    try:
        return data.decode(codec), False
    except UnicodeDecodeError:
        return data.decode(codec, "replace"), True


def _better_single_byte(sample: bytes, codec: str) -> str | None:
    """The code page that is meant where ISO-8859-1 or -2 or windows-1252 is declared; None where that is true."""
    if codec == _LATIN_2:
        if _C1.search(sample):
            return "cp1250"
        meant = _CP1250_POLISH.search(sample) and _POLISH.search(sample)
        return "cp1250" if meant and not _LATIN_2_POLISH.search(sample) and not _CZECH.search(sample) else None
    if codec in (_LATIN_1, "cp1252"):
        if cyrillic := _cyrillic(sample):
            return cyrillic
        if len(_CENTRAL.findall(sample)) > len(_WESTERN.findall(sample)):
            return _central(sample)
        return "cp1252" if codec == _LATIN_1 and _C1.search(sample) else None
    return None


def _central(sample: bytes) -> str:
    windows, iso = len(_CP1250_POLISH.findall(sample)), len(_LATIN_2_POLISH.findall(sample))
    return _LATIN_2 if iso > windows else "cp1250"


def _cyrillic(sample: bytes) -> str | None:
    """Windows-1251 or KOI8-R where nearly all letters beyond ASCII stand in words of their own, else None."""
    in_words = sum(map(len, _CYRILLIC.findall(sample)))
    high = sample.translate(None, _NOT_HIGH)
    if in_words < _FEWEST_CYRILLIC_BYTES or in_words * 10 < len(high) * 8:
        return None
    capitals_in_koi = len(high) - len(high.translate(None, _LOWER_IN_1251))
    return "cp1251" if capitals_in_koi * 2 > len(high) else "koi8-r"


def _guess(data: bytes) -> str:
    """Undeclared and not UTF-8. Both code pages agree on German letters; where nothing tells, Polish is assumed."""
    sample = data[:_GUESS_BYTES]
    if cyrillic := _cyrillic(sample):
        return data.decode(cyrillic, "replace")
    western = len(_WESTERN.findall(sample)) > len(_CENTRAL.findall(sample))
    return data.decode("cp1252" if western else _central(sample), "replace")


def _utf_8(data: bytes) -> tuple[str, bool]:
    try:
        return data.decode(_UTF_8), False
    except UnicodeDecodeError:
        pass
    text = data.decode(_UTF_8, "replace")
    broken = text.count("\ufffd")
    true = sum(1 for character in text[:_GUESS_BYTES] if character > "\x7f" and character != "\ufffd")
    # A mail cut in the middle of a letter is UTF-8 with one wound; a lying declaration has hardly a true letter.
    return (text if true >= broken else _guess(data)), True


def _wide(data: bytes, codec: str | None) -> tuple[str, bool]:
    """UTF-16 and UTF-32; often declared for what is plain ASCII or UTF-8."""
    if b"\0" not in data and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        text, _ = decode(data)
        return text, True
    try:
        return data.decode(codec or "utf-16"), False
    except UnicodeDecodeError:
        return data.decode(codec or "utf-16", "replace"), True


def _japanese(data: bytes, _: str | None) -> tuple[str, bool]:
    """ISO-2022-JP (RFC 1468) and its vendors' habits; escape bytes that a gateway took away are put back."""
    for codec in ("iso2022-jp", "iso2022-jp-ext", "iso2022-jp-2004"):
        try:
            text = data.decode(codec)
        except UnicodeDecodeError:
            continue
        if b"\x1b" in data or b"$B" not in data:
            return text, False
    if not data.isascii():
        return _first_strict(data, (_UTF_8, "cp932", "euc-jp")) or data.decode("cp932", "replace"), True
    return _japanese_by_hand(_with_escapes(data)), True


def _with_escapes(data: bytes) -> bytes:
    """`$B…(B` with the escape bytes that were lost, where an even number of bytes stands between."""
    pieces: list[bytes] = []
    done = 0
    start = _LOST_ESCAPE.search(data, 0, _MENDED_BYTES)
    while start:
        at, end = start.span()
        back = _LOST_RETURN.search(data, end, end + _DAMAGED_RUN_BYTES)
        while back and (back.start() - end) % 2:  # a pair of bytes that happens to look like the way back
            back = _LOST_RETURN.search(data, back.start() + 1, end + _DAMAGED_RUN_BYTES)
        if back and data[at - 1 : at] != b"\x1b":
            pieces += (data[done:at], b"\x1b", data[at : back.start()], b"\x1b", back.group())
            done = end = back.end()
        start = _LOST_ESCAPE.search(data, end, _MENDED_BYTES)
    return b"".join((*pieces, data[done:]))


def _japanese_by_hand(data: bytes) -> str:
    """Each run between escapes by itself, so that one wound costs one letter; double-byte runs through cp932."""
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
        return bytes(byte | 0x80 if 0x20 < byte < 0x60 else byte for byte in run).decode("cp932", "replace")
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
    """Charsets with states or shifts, where ASCII bytes do not mean ASCII; and an escape byte with no charset."""
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
    """Without a byte order mark and without lone surrogates, which UTF-7 can spell."""
    if text.startswith("\ufeff"):
        text = text[1:]
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


_DOUBLE_BYTE = frozenset({"gb18030", "big5hkscs", "cp950", "cp932", "euc-jp", "cp949"})
_NOT_ASCII = frozenset({"utf-7", "hz", "iso2022-kr"})
_READERS: dict[str, Callable[[bytes, str | None], tuple[str, bool]]] = {
    _JAPANESE_MAIL: _japanese,
    "utf-7": _by_name,
    "hz": _by_name,
    "iso2022-kr": _by_name,
    **dict.fromkeys(("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"), _wide),
}
