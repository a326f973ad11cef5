"""A mail cut into its parts (RFC 2046), in one pass and without recursion. Offsets only: no byte is copied.

A boundary counts only as a whole line, also that of an outer multipart, which then closes the inner ones (their own end
was lost on the way). Both line ends are understood, mixed too; the line end before a boundary belongs to the boundary.
"""

import re
from dataclasses import dataclass, field

from services.case_writer.reading.parameters import Parameters, media_type
from services.case_writer.reading.values import Defects, ReadingLimits
from services.runtime.mail.headers import MailHeaders

# What follows the boundary in its line: `--` at the last one, blanks that were added on the way.
_REST_OF_LINE = re.compile(rb"(--)?[ \t\r]{0,998}(?:\n|\Z)")
_SIMILAR_LINES = 200  # lines that only begin alike are passed over one by one; if many come, by a pattern
_GUESS_WITHIN = 64 * 1024
_LIKELY_BOUNDARY = re.compile(rb"(?:^|\n)--([^\r\n]{1,200}?)[ \t]*\r?\nContent-[A-Za-z-]{1,30}:", re.IGNORECASE)


@dataclass(slots=True)
class Part:
    """One part: `raw[start:end]` with its headers, `raw[body:end]` without.

    `children` are indexes into the list that `split` returns; a multipart in which no part was found is no multipart.
    `content_type` is never empty.
    """

    headers: MailHeaders
    content_type: str
    parameters: Parameters
    start: int
    body: int
    end: int
    boundary: bytes | None = None
    children: list[int] = field(default_factory=list)

    @property
    def is_multipart(self) -> bool:
        return bool(self.children)


@dataclass(slots=True, frozen=True)
class _Line:
    """A boundary line: where it starts, where the next line starts, whose it is, and whether it is the last one."""

    start: int
    after: int
    depth: int
    closes: bool


def split(raw: bytes, headers: MailHeaders, limits: ReadingLimits, defects: Defects) -> list[Part]:
    """The parts of the mail that `headers` begin, parents before children, the whole mail first."""
    parts = _Splitter(raw, limits, defects).split(headers)
    if not parts[0].content_type.startswith("multipart/") or parts[0].children:
        return parts
    guess = _LIKELY_BOUNDARY.search(raw, max(0, parts[0].body - 1), parts[0].body + _GUESS_WITHIN)
    if guess is None:
        return parts
    defects.add("boundary-guessed")
    return _Splitter(raw, limits, defects, guess[1]).split(headers)


class _Splitter:
    def __init__(self, raw: bytes, limits: ReadingLimits, defects: Defects, boundary: bytes | None = None) -> None:
        self._raw = raw
        self._boundary = boundary  # of the whole mail, where its own is lost or untrue
        self._limits = limits
        self._defects = defects
        self._parts: list[Part] = []
        self._open: list[Part] = []  # multiparts whose end has not come yet, innermost last
        self._ahead: list[_Line | None] = []  # the next boundary line of each of them, as far as searched
        self._leaf: Part | None = None

    def split(self, headers: MailHeaders) -> list[Part]:
        self._begin(headers, 0, "text/plain")
        position = headers.body_start
        while self._open:
            line = self._next_boundary(position, len(self._raw))
            if line is None:
                break
            self._end_inner(line.depth + 1, line.start)
            if line.closes:
                self._open.pop().end = line.after
                self._ahead.pop()
                position = line.after
            elif len(self._parts) >= self._limits.max_parts:
                self._defects.add("too-many-parts")
                break
            else:
                position = self._begin_child(self._open[-1], line.after)
        self._end_inner(0, len(self._raw))
        return self._parts

    def _next_boundary(self, position: int, stop: int) -> _Line | None:
        """The first boundary line of an open multipart that starts between `position`, a line's start, and `stop`.

        Each boundary is searched for by itself, since a long needle is found much faster than `--`; once, ahead; and
        only as far as an outer boundary, which ends the inner multipart anyway.
        """
        best, end = None, len(self._raw)
        for depth in range(len(self._open)):
            line = self._ahead[depth]
            if line is None or line.start < position:
                line = self._ahead[depth] = self._search(depth, position, end)
            if best is None or line.start <= best.start:  # of two that are spelled alike the inner one is meant
                best = line
                end = min(end, line.after)
        return best if best is not None and best.start < stop else None

    def _search(self, depth: int, position: int, end: int) -> _Line:
        """The next boundary line of one multipart that ends by `end`; one beyond the mail where there is none."""
        raw, dashed = self._raw, b"--" + (self._open[depth].boundary or b"")
        start = (
            position if raw.startswith(dashed, position, end) else raw.find(b"\n" + dashed, position, end) + 1 or end
        )
        for _ in range(_SIMILAR_LINES):
            if start >= end:
                return self._none(depth)
            found = _REST_OF_LINE.match(raw, start + len(dashed))
            if found:
                return _Line(start, found.end(), depth, found[1] is not None)
            start = raw.find(b"\n" + dashed, start, end) + 1 or end
        pattern = re.compile(b"\n" + re.escape(dashed) + _REST_OF_LINE.pattern)
        match = pattern.search(raw, start - 1, end)
        return _Line(match.start() + 1, match.end(), depth, match[1] is not None) if match else self._none(depth)

    def _none(self, depth: int) -> _Line:
        return _Line(len(self._raw) + 1, len(self._raw) + 1, depth, closes=True)

    def _begin_child(self, parent: Part, start: int) -> int:
        """Begin the part after a boundary line; returns where the search for the next boundary goes on."""
        raw, limit = self._raw, self._limits.max_header_bytes
        window = min(len(raw), start + limit + 2)
        found = raw.find(b"\n\r\n", start, window)
        blank = found if found >= 0 else window
        found = raw.find(b"\n\n", start, blank)
        blank = found if found >= 0 else blank
        following = self._next_boundary(start, blank)
        headers = MailHeaders.parse_part(raw, start, following.start if following else window, max_bytes=limit)
        parent.children.append(len(self._parts))
        self._begin(headers, start, "message/rfc822" if parent.content_type == "multipart/digest" else "text/plain")
        return headers.body_start

    def _begin(self, headers: MailHeaders, start: int, default: str) -> None:
        parameters = Parameters(headers.raw("content-type"))
        content_type = media_type(parameters) or _instead(headers, parameters, default)
        self._defects.add("header-shortened", headers.shortened)
        part = Part(headers, content_type, parameters, start, headers.body_start, len(self._raw))
        self._parts.append(part)
        self._leaf = part
        if not content_type.startswith("multipart/"):
            return
        part.boundary = (self._boundary if len(self._parts) == 1 else None) or parameters.boundary()
        if part.boundary is None:
            self._defects.add("multipart-without-boundary")
        elif len(self._open) >= self._limits.max_nesting:
            self._defects.add("nested-too-deep")
            part.content_type, part.body = "message/rfc822", part.start  # kept whole, as a mail of its own
        else:
            self._open.append(part)
            self._ahead.append(None)
            self._leaf = None

    def _end_inner(self, depth: int, end: int) -> None:
        """What is open from `depth` inwards ends where the line at `end` starts, or with the mail."""
        raw = self._raw
        if end < len(raw):  # the line end belongs to the boundary
            end -= 1 if raw[end - 1 : end] == b"\n" else 0
            end -= 1 if raw[end - 1 : end] == b"\r" else 0
        if self._leaf is not None:
            self._leaf.end = max(end, self._leaf.body)
            self._leaf = None
        if len(self._open) > depth:
            for part in self._open[depth:]:
                part.end = max(end, part.body)
            self._defects.add("multipart-not-closed")
            del self._open[depth:], self._ahead[depth:]


def _instead(headers: MailHeaders, parameters: Parameters, default: str) -> str:
    """The type of a part that names none: what RFC 2045 section 5.2 says, or plain data where it is named as a file."""
    if not parameters.value:
        return default
    return "application/octet-stream" if "content-disposition" in headers else "text/plain"
