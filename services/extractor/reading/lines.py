"""`Key: value` lines at the beginning of what the author of a mail wrote.

Only the unbroken run at the beginning counts; text further down, quotes and signatures are ignored.
The lines stay in the comment.
"""

import re
from collections.abc import Iterable

import msgspec

from services.extractor.reading.characters import visible_lines

MAX_LINES = 30
MAX_LINE_CHARS = 300
_LINE = re.compile(r"([^\s:=][^:=]{0,58}?) ?[:=] ?(\S.*)")
_HEAD_CHARS = 4 * MAX_LINES * MAX_LINE_CHARS  # the rest of a text is not examined


class HeadLine(msgspec.Struct, frozen=True):
    """A line: its number in the text from 1, the text before the colon, and the text after it."""

    number: int
    key: str
    value: str


def head_lines(text: str) -> list[HeadLine]:
    """The run of `Key: value` lines at the beginning of a text, after any blank lines.

    `text` is the author's own new text. The run ends at a blank line, at any other text, at a line
    of more than 300 characters, or after 30 lines.
    """
    found: list[HeadLine] = []
    for number, line in enumerate(visible_lines(text[:_HEAD_CHARS]), 1):
        if not line and not found and number <= MAX_LINES:
            continue
        matched = _LINE.fullmatch(line) if len(line) <= MAX_LINE_CHARS else None
        if matched is None or len(found) == MAX_LINES:
            break
        found.append(HeadLine(number, matched[1], matched[2]))
    return found


def lines_with_key(lines: Iterable[HeadLine], keys: Iterable[str]) -> list[HeadLine]:
    """The lines with one of the keys, ignoring case and spaces."""
    wanted = {_folded(key) for key in keys}
    return [line for line in lines if _folded(line.key) in wanted]


def _folded(key: str) -> str:
    return " ".join(key.split()).casefold()
