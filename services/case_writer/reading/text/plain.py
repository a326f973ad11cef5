"""Decodes a text part: charset, line ends, format=flowed (RFC 3676). Bytes in, clean text out."""

import re

from services.case_writer.reading.mime.parameters import Parameters
from services.runtime.mail.charsets import codec_of, decode

# Control characters except tab and line feed; U+FFFE and U+FFFF are not characters.
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
    if is_html:  # its parser removes control characters
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
    """The bytes of a text with `\\n` as line ends; None if it may need any other cleaning.

    Searching and changing bytes costs a fraction of the same in text.
    """
    codec = codec_of(charset) or "ascii"
    if data.isascii():
        # other charsets encode characters as ASCII bytes
        is_spelled_so = codec in ("ascii", "utf-8") or codec.startswith(("iso8859", "cp"))
    else:
        # In UTF-8, the controls and separators beyond ASCII begin like this: C2 80 to C2 9F, E2 80
        # A8, E2 80 A9, EF BF BE.
        is_spelled_so = codec == "utf-8" and not (
            b"\xc2" in data or b"\xef" in data or (b"\xe2" in data and b"\xe2\x80" in data)
        )
    if not is_spelled_so:
        return None
    plain = data.translate(None, _CONTROL_BYTES)
    return plain if len(data) - len(plain) == data.count(b"\r\n") else None


def clean(text: str) -> str:
    """The text with `\\n` as line ends and without control characters."""
    if "\r\n" in text:
        text = text.replace("\r\n", "\n")
    return text if _is_clean(text) else _CONTROL.sub("", _LINE_END.sub("\n", text))


def without_controls(text: str) -> str:
    """The text without control characters, except tab and line feed."""
    return text if _is_clean(text) else _CONTROL.sub("", text)


def _is_clean(text: str) -> bool:
    """Whether the text is clean. Far cheaper than a regular expression; False for a text with
    unusual spaces, which the caller then examines.
    """
    return text.replace("\n", "").replace("\t", "").replace("\xa0", "").isprintable()


def unflow(text: str, *, delete_space: bool) -> str:
    """The text with one line per paragraph of format=flowed; quoted paragraphs begin with `> `.

    A line that ends with a space continues in the next line of the same quote depth (RFC 3676
    section 4.1); the signature line `-- ` never does.
    """
    paragraphs: list[str] = []
    open_depth = -1  # quote depth of a paragraph that continues
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
