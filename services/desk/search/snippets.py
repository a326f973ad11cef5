"""Extracts the part of a text that shows why it was found. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.desk.search.terms import Part, matches

SNIPPET_CHARS = 180
_BEFORE_CHARS = 60
_SCANNED_CHARS = 20_000


@dataclass(frozen=True, slots=True)
class Snippet:
    """A line of text; `marks` are the (start, end) of the matches in it."""

    text: str
    marks: tuple[tuple[int, int], ...]


def snippet(text: str, parts: Sequence[Part]) -> Snippet:
    """The surroundings of the first match, or the beginning of a text without one."""
    line = " ".join(text[:_SCANNED_CHARS].split())
    spans = list(matches(line, parts))
    first = max(0, spans[0][0] - _BEFORE_CHARS) if spans else 0
    if first:
        first = line.find(" ", first, spans[0][0]) + 1 or first
    last = _end(line, first)
    before, after = "… " if first else "", " …" if last < len(line) else ""
    shift = len(before) - first
    marks = [(start + shift, end + shift) for start, end in spans if end <= last]
    return Snippet(f"{before}{line[first:last]}{after}", tuple(marks))


def _end(line: str, first: int) -> int:
    """The end of a snippet that begins at `first`: a space, if there is one."""
    last = first + SNIPPET_CHARS
    if last >= len(line):
        return len(line)
    blank = line.rfind(" ", first + 1, last)
    return blank if blank > first + SNIPPET_CHARS // 2 else last
