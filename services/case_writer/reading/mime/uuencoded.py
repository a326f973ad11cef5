"""Extracts files that old programs put into a text with uuencode, between `begin 644 name` and
`end`.
"""

import re
from binascii import Error as _BinasciiError
from binascii import a2b_uu
from dataclasses import dataclass
from io import BytesIO

from services.runtime.mail.charsets import decode
from services.runtime.mail.words import one_line

# Encoded lines contain no lower-case letters, so none of them is `end` or another `begin`.
_FILE = re.compile(
    rb"^begin [0-7]{3,4} ([^\r\n]{1,200})\r?\n((?:[ -`]{1,90}\r?\n)++)end[ \t]*+\r?(?:\n|\Z)",
    re.MULTILINE,
)
_LENGTH = 0x3F
_LINE_BYTES = 45
_LOST_BLANKS = 4


@dataclass(slots=True, frozen=True)
class UuencodedFile:
    """A file found in a text; `name` is the name in the text."""

    name: str
    content: bytes


def extract(text: bytes, max_files: int) -> tuple[bytes, list[UuencodedFile]]:
    """The text without the files in it, and the files.

    Invalid encodings stay in the text, and so do files beyond `max_files`.
    """
    if b"begin " not in text:
        return text, []
    kept: list[bytes] = []
    files: list[UuencodedFile] = []
    position = 0
    for match in _FILE.finditer(text):
        content = _decoded(text, *match.span(2)) if len(files) < max_files else None
        if content is None:
            continue
        files.append(UuencodedFile(one_line(decode(match[1], None)[0]), content))
        kept.append(text[position : match.start()])
        position = match.end()
    return b"".join([*kept, text[position:]]), files


def _decoded(text: bytes, start: int, end: int) -> bytes | None:
    """The bytes of encoded lines; None if a line has another length than it states, or if there are
    no bytes.
    """
    decoded = BytesIO()
    # BytesIO shares the bytes; a list of all lines would take three times the memory
    lines = BytesIO(text)
    lines.seek(start)
    while lines.tell() < end:
        line_with_end = lines.readline()
        line = line_with_end.rstrip(b"\r\n")
        length = (line[0] - 0x20) & _LENGTH
        needed = (length + 2) // 3 * 4
        # Spaces at the end of a line may be lost in transit; some programs add a letter as a
        # checksum.
        if length > _LINE_BYTES or not needed - _LOST_BLANKS <= len(line) - 1 <= needed + 1:
            return None
        try:
            decoded.write(a2b_uu(line[: needed + 1]))
        except _BinasciiError:
            return None
    return decoded.getvalue() or None
