"""The text of a text part: charset, line ends, format=flowed (RFC 3676). Bytes in, clean text
out.
"""

import re

from services.case_writer.reading.mime.parameters import Parameters
from services.runtime.mail.charsets import codec_of, decode

# Controls but tab and line feed; U+FFFE and U+FFFF are not characters.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]+")
_CONTROL_BYTES = bytes({*range(0x20), 0x7F} - {0x09, 0x0A})
_LINE_END = re.compile("\r\n?|[\x85\u2028\u2029]")
_META_CHARSET = re.compile(
    rb"<meta[^<>]{0,200}?charset\s{0,5}=\s{0,5}[\"']?([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE
)
_META_WITHIN = 2048
_SIGNATURE = "-- "
_TAG = re.compile(r"<[^<>\n]{0,200}>")


def body_text(data: bytes, parameters: Parameters, content_type: str) -> tuple[str, bool]:
    """The text of a part's decoded bytes with `\\n` between lines, and whether its charset had to
    be repaired.
    """
    charset = parameters.token("charset")
    is_html = content_type.endswith("html")
    if is_html and not data.isascii() and codec_of(charset) in (None, "ascii"):
        meta = _META_CHARSET.search(data, 0, _META_WITHIN)
        if meta and (codec_of(named := meta[1].decode("ascii")) or "utf-16")[:6] not in (
            "utf-16",
            "utf-32",
        ):
            charset = named
    if is_html:  # its parser takes controls out
        return decode(data, charset)
    plain = _plain(data, charset)
    text, repaired = decode(data if plain is None else plain, charset)
    if plain is None or repaired:
        text = clean(text)
    if content_type in ("text/enriched", "text/richtext"):
        text = _TAG.sub("", text.replace("<<", "\ue000")).replace("\ue000", "<")  # RFC 1896
    elif (parameters.token("format") or "").lower() == "flowed":
        text = unflow(text, delete_space=(parameters.token("delsp") or "").lower() == "yes")
    return text, repaired


def _plain(data: bytes, charset: str | None) -> bytes | None:
    """The bytes of a text that is clean but for its line ends, with `\\n` for these; None if it may
    not be clean.

    Bytes are looked at and changed at a fraction of what the same costs in text.
    """
    codec = codec_of(charset) or "ascii"
    if data.isascii():
        # others spell letters in ASCII
        is_spelled_so = codec in ("ascii", "utf-8") or codec.startswith(("iso8859", "cp"))
    else:
        # The controls and separators beyond ASCII begin so in UTF-8: C2 80 to C2 9F, E2 80 A8, E2
        # 80 A9, EF BF BE.
        is_spelled_so = codec == "utf-8" and not (
            b"\xc2" in data or b"\xef" in data or (b"\xe2" in data and b"\xe2\x80" in data)
        )
    if not is_spelled_so:
        return None
    plain = data.translate(None, _CONTROL_BYTES)
    return plain if len(data) - len(plain) == data.count(b"\r\n") else None


def clean(text: str) -> str:
    """Line ends as `\\n`, no controls."""
    if "\r\n" in text:
        text = text.replace("\r\n", "\n")
    return text if _is_clean(text) else _CONTROL.sub("", _LINE_END.sub("\n", text))


def without_controls(text: str) -> str:
    """`text` without controls but tab and line feed."""
    return text if _is_clean(text) else _CONTROL.sub("", text)


def _is_clean(text: str) -> bool:
    """Cheaper by far than a regular expression; a blank of another script only makes the caller
    look closer.
    """
    return text.replace("\n", "").replace("\t", "").replace("\xa0", "").isprintable()


def unflow(text: str, *, delete_space: bool) -> str:
    """Paragraphs of format=flowed as one line each; quoted ones with their marks, `> ` at the
    front.

    A line that ends with a blank goes on in the next one of the same quote depth (RFC 3676 section
    4.1); the signature line `-- ` never does.
    """
    paragraphs: list[str] = []
    open_depth = -1  # quote depth of a paragraph that goes on
    pieces: list[str] = []
    for line in text.split("\n"):
        content = line.lstrip(">")
        depth = len(line) - len(content)
        content = content.removeprefix(" ")
        goes_on = content.endswith(" ") and content != _SIGNATURE
        if open_depth >= 0 and (depth != open_depth or content == _SIGNATURE):
            paragraphs.append(_paragraph(pieces, open_depth))
            pieces, open_depth = [], -1
        pieces.append(content[:-1] if goes_on and delete_space else content)
        if goes_on:
            open_depth = depth
        else:
            paragraphs.append(_paragraph(pieces, depth))
            pieces, open_depth = [], -1
    if pieces:
        paragraphs.append(_paragraph(pieces, open_depth))
    return "\n".join(paragraphs)


def _paragraph(pieces: list[str], depth: int) -> str:
    joined = "".join(pieces)
    if joined != _SIGNATURE:
        joined = joined.rstrip(" ")
    return f"{'>' * depth} {joined}" if depth else joined
