"""Splits a mail into its parts (RFC 2046), in one pass and without recursion. The result is
offsets: no byte is copied.

A boundary counts only as a whole line. The boundary of an outer multipart closes the inner ones,
whose own end was lost in transit. Both kinds of line ends are understood, even mixed. The line end
before a boundary belongs to the boundary.
"""

import re
from dataclasses import dataclass, field

from services.case_writer.reading.mime.parameters import Parameters, media_type
from services.case_writer.reading.model import AMBIGUOUS, Defects, ReadingLimits
from services.runtime.mail.headers import MailHeaders

# After the boundary, its line may contain `--` (the last boundary) and spaces that were added in
# transit. Other words do not belong there; a line with words counts only if it is the last
# boundary, or if a part begins below it.
_REST_OF_LINE = re.compile(
    rb"(?:(--)?[ \t\r]{0,998}(?:\n|\Z)|(--)[ \t][^\n]{0,998}(?:\n|\Z)|([ \t][^\n]{0,998}\n)"
    rb"(?=[!-9;-~]{1,80}:|\r?\n|(?:[^\n]{1,200}\n){1,2}(?i:content-)[A-Za-z-]{1,30}:))"
)
_MOST_TYPES = 10  # contradicting Content-Types that are examined
_SIMILAR_LINES = 200  # lines that only begin like a boundary; more are skipped by a pattern
_HEADER_BYTES = 4096  # of most parts
_GUESS_WITHIN = 64 * 1024
_LIKELY_BOUNDARY = re.compile(rb"\n--([^\r\n]{1,200})\r?\nContent-[A-Za-z-]{1,30}:", re.IGNORECASE)
_CONFLICT_WITHIN = 64 * 1024
_INK = re.compile(rb"[^\s\0]")
# Sentences about the form of the mail, which programs write before the first part for old mail
# readers.
_STUB_BYTES = 500
_FORMAL_LINE = re.compile(rb"^(?:--|[!-9;-~]{1,80}:)", re.MULTILINE)
_ABOUT_THE_FORM = re.compile(
    rb"mime|multi-?part|format|encapsulated|mail ?reader|mail program|legible|openpgp",
    re.IGNORECASE,
)


@dataclass(slots=True)
class Part:
    """One part: `raw[start:end]` with its headers, `raw[body:end]` without them.

    `children` are indexes into the list that `split` returns; a multipart in which no part was
    found does not count as one. `content_type` is never empty.
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
    """A boundary line: the offsets of it and of the next line, its multipart, and whether it is the
    last one.

    `has_words` means that the line contains more than a boundary.
    """

    start: int
    after: int
    depth: int
    closes: bool
    has_words: bool = False


def split(raw: bytes, headers: MailHeaders, limits: ReadingLimits, defects: Defects) -> list[Part]:
    """The parts of the mail that begins with `headers`: the whole mail first, then parents before
    children.
    """
    defects.add("header-malformed", headers.malformed)
    defects.add(AMBIGUOUS, headers.uncertain)
    return _Splitter(raw, limits, defects).split(headers)


class _Splitter:
    def __init__(self, raw: bytes, limits: ReadingLimits, defects: Defects) -> None:
        self._raw = raw
        self._limits = limits
        self._defects = defects
        self._parts: list[Part] = []
        self._open: list[Part] = []  # multiparts that have not ended yet, innermost last
        self._ahead: list[
            _Line | None
        ] = []  # the next boundary line of each of them, as far as searched
        self._leaf: Part | None = None
        self._gap_start = 0  # start of the bytes that belong to no part
        self._gaps: list[
            tuple[Part | None, int, int]
        ] = []  # with the multipart whose first part follows

    def split(self, headers: MailHeaders) -> list[Part]:
        self._begin(headers, 0, "text/plain")
        position = headers.body_start
        while self._open:
            line = self._next_boundary(position, len(self._raw))
            if line is None:
                break
            self._defects.add(AMBIGUOUS, line.has_words)
            self._end_inner(line.depth + 1, line.start)
            if line.closes:
                position = self._gap_start = line.after
                if not self._goes_on(line):
                    self._open.pop().end = line.after
                    self._ahead.pop()
            elif len(self._parts) >= self._limits.max_parts:
                self._defects.add("too-many-parts")
                self._gap_start = len(self._raw)
                break
            else:
                self._gap_start = line.after
                position = self._begin_child(self._open[-1], line.after)
        self._end_inner(0, len(self._raw))
        self._defects.add(AMBIGUOUS, any(self._has_text(*gap) for gap in self._gaps))
        return self._parts

    def _goes_on(self, closing: _Line) -> bool:
        """Whether parts of a multipart follow its closing line. They count as its parts, too.

        The search ends at the next line of an outer multipart. If an outer multipart has the same
        boundary, the parts are those of the outer one.
        """
        boundary = self._open[-1].boundary or b""
        if any(outer.boundary == boundary for outer in self._open[:-1]):
            return False
        stop = len(self._raw)
        for depth in range(len(self._open) - 1):
            line = self._ahead[depth]
            if line is None or line.start < closing.after:
                line = self._ahead[depth] = self._search(depth, closing.after, stop)
            stop = min(stop, line.after)
        if self._raw.find(b"\n--" + boundary, closing.after - 1, stop) < 0:
            return (
                False  # as in most mails; each boundary takes a tenth of a millisecond to compile
            )
        pattern = re.compile(b"\n--" + re.escape(boundary) + rb"[ \t\r]{0,998}\n")
        match = pattern.search(self._raw, closing.after - 1, stop)
        if match is None:
            return False
        self._ahead[-1] = _Line(match.start() + 1, match.end(), closing.depth, closes=False)
        self._defects.add(AMBIGUOUS)
        return True

    def _has_text(self, before_first_part_of: Part | None, start: int, end: int) -> bool:
        """Whether a person wrote the text before, between or after the parts."""
        if before_first_part_of is not None and not before_first_part_of.children:
            return False  # all of it is text
        ink = _INK.search(self._raw, start, end)
        if ink is None:
            return False
        if before_first_part_of is None or end - ink.start() > _STUB_BYTES:
            return True
        words = self._raw[ink.start() : end]
        sentences = [
            sentence for sentence in re.split(rb"[.!](?=\s|$)", words) if _INK.search(sentence)
        ]
        return _FORMAL_LINE.search(words) is not None or not all(
            map(_ABOUT_THE_FORM.search, sentences)
        )

    def _next_boundary(self, position: int, stop: int) -> _Line | None:
        """The first boundary line of an open multipart that starts between `position`, a line's
        start, and `stop`.

        Each boundary is searched for separately, because a long string is found much faster than
        `--`. The result is kept for later calls. The search ends at an outer boundary, which ends
        the inner multipart anyway.
        """
        best, end = None, len(self._raw)
        for depth in range(len(self._open)):
            line = self._ahead[depth]
            if line is None or line.start < position:
                line = self._ahead[depth] = self._search(depth, position, end)
            if best is None or line.start <= best.start:
                # if two multiparts have the same boundary, the inner one is meant
                best = line
                end = min(end, line.after)
        return best if best is not None and best.start < stop else None

    def _search(self, depth: int, position: int, end: int) -> _Line:
        """The next boundary line of one multipart that ends by `end`; a line beyond the mail if
        there is none.
        """
        raw, dashed = self._raw, b"--" + (self._open[depth].boundary or b"")
        start = position
        if not raw.startswith(dashed, position, end):
            start = find_line(raw, b"\n" + dashed, position, end) + 1 or end
        for _ in range(_SIMILAR_LINES):
            if start >= end:
                return self._none(depth)
            found = _REST_OF_LINE.match(raw, start + len(dashed))
            if found:
                return _line(start, found, depth)
            start = raw.find(b"\n" + dashed, start, end) + 1 or end
        pattern = re.compile(b"\n" + re.escape(dashed) + _REST_OF_LINE.pattern)
        match = pattern.search(raw, start - 1, end)
        return _line(match.start() + 1, match, depth) if match else self._none(depth)

    def _none(self, depth: int) -> _Line:
        return _Line(len(self._raw) + 1, len(self._raw) + 1, depth, closes=True)

    def _begin_child(self, parent: Part, start: int) -> int:
        """Begin the part after a boundary line; returns where the search for the next boundary
        continues.
        """
        raw, limit = self._raw, self._limits.max_header_bytes
        window = min(len(raw), start + limit + 2)
        found = raw.find(b"\n\r\n", start, window)
        blank = found if found >= 0 else window
        found = raw.find(b"\n\n", start, blank)
        blank = found if found >= 0 else blank
        following = self._next_boundary(start, blank)
        headers = MailHeaders.parse_part(
            raw, start, following.start if following else window, max_bytes=limit
        )
        self._defects.add("header-malformed", headers.malformed)
        if headers.uncertain:  # a text with colons, and no header before it
            self._defects.add(AMBIGUOUS)
            headers = MailHeaders({}, start, shortened=False)
        parent.children.append(len(self._parts))
        self._begin(
            headers,
            start,
            "message/rfc822" if parent.content_type == "multipart/digest" else "text/plain",
        )
        return headers.body_start

    def _begin(self, headers: MailHeaders, start: int, default: str) -> None:
        parameters = self._declared(headers)
        content_type = media_type(parameters) or _default_type(headers, parameters, default)
        self._defects.add("header-shortened", headers.shortened)
        part = Part(headers, content_type, parameters, start, headers.body_start, len(self._raw))
        self._parts.append(part)
        self._leaf = part
        if not content_type.startswith("multipart/"):
            return
        part.boundary = parameters.boundary()
        self._defects.add(AMBIGUOUS, parameters.contradicts_itself)
        self._defects.add("multipart-without-boundary", part.boundary is None)
        if len(self._open) >= self._limits.max_nesting:
            self._defects.add("nested-too-deep")
            # kept whole, as a separate mail
            part.content_type, part.body = (
                "message/rfc822",
                part.start,
            )
            return
        if self._finds_parts(part):
            self._leaf, self._gap_start = None, part.body

    def _finds_parts(self, part: Part) -> bool:
        """Open a multipart if it has parts. Its boundary is guessed if it names none or a wrong
        one.
        """
        outer = self._next_boundary(part.body, len(self._raw))
        stop = len(self._raw) if outer is None else outer.start
        self._open.append(part)
        self._ahead.append(None)
        if part.boundary is not None:
            line = self._next_boundary(part.body, len(self._raw))
            if line is not None and line.depth == len(self._open) - 1:
                return True
        search_from, search_to = max(0, part.body - 1), min(part.body + _GUESS_WITHIN, stop)
        guess = _LIKELY_BOUNDARY.search(self._raw, search_from, search_to)
        if guess is not None:
            self._defects.add("boundary-guessed")
            part.boundary = guess[1].rstrip()
            self._ahead[-1] = None
            return True
        self._defects.add("multipart-not-closed", part.boundary is not None)
        self._defects.add(AMBIGUOUS, self._raw.find(b"\n--", search_from, stop) >= 0)
        self._open.pop()
        self._ahead.pop()
        return False

    def _declared(self, headers: MailHeaders) -> Parameters:
        """The Content-Type. If there are several that contradict each other, a multipart whose
        boundary occurs in the mail wins.
        """
        values = list(dict.fromkeys(headers.raws("content-type")))
        if len(values) < 2:
            return Parameters(values[0] if values else None)
        declared = [Parameters(value) for value in values[:_MOST_TYPES]]
        multiparts = [
            multipart
            for multipart in declared
            if multipart.value.startswith("multipart/") and multipart.boundary()
        ]
        self._defects.add(AMBIGUOUS, multiparts)
        end = headers.body_start + _CONFLICT_WITHIN
        for multipart in multiparts:
            if (
                self._raw.find(
                    b"\n--" + (multipart.boundary() or b""), max(0, headers.body_start - 1), end
                )
                >= 0
            ):
                return multipart
        return declared[0]

    def _end_inner(self, depth: int, end: int) -> None:
        """End all open multiparts from `depth` inwards, where the line at `end` starts or with the
        mail.
        """
        raw = self._raw
        if end < len(raw):  # the line end belongs to the boundary
            end -= 1 if raw[end - 1 : end] == b"\n" else 0
            end -= 1 if raw[end - 1 : end] == b"\r" else 0
        if self._leaf is not None:
            self._leaf.end = max(end, self._leaf.body)
            self._leaf, self._gap_start = None, end
        self._end_gap(end)
        if len(self._open) > depth:
            for part in self._open[depth:]:
                part.end = max(end, part.body)
            self._defects.add("multipart-not-closed")
            del self._open[depth:], self._ahead[depth:]

    def _end_gap(self, end: int) -> None:
        """Record the bytes up to `end` that belong to no part."""
        if self._leaf is None and end > self._gap_start:
            last = self._parts[-1] if self._parts else None
            preamble_of = (
                last
                if last is not None and last.boundary and last.body == self._gap_start
                else None
            )
            self._gaps.append((preamble_of, self._gap_start, end))
            self._gap_start = end


def find_line(
    raw: bytes, line: bytes, position: int, end: int, *, header_bytes: int = _HEADER_BYTES
) -> int:
    """The same as `raw.find(line, position, end)` for a `line` that begins with `\\n--`.

    The header of a part contains dashes, but the base64 below it does not. Finding a single byte is
    five times as fast as finding a boundary.
    """
    window = position + header_bytes
    found = raw.find(line, position, min(window + len(line), end))
    if found < 0 and (dash := raw.find(b"-", window, end)) >= 0:
        found = raw.find(line, dash - 1, end)
    return found


def _line(start: int, found: re.Match[bytes], depth: int) -> _Line:
    closes = found[1] is not None or found[2] is not None
    return _Line(
        start, found.end(), depth, closes, has_words=found[2] is not None or found[3] is not None
    )


def _default_type(headers: MailHeaders, parameters: Parameters, default: str) -> str:
    """The type of a part without a Content-Type: the default of RFC 2045 section 5.2, or plain data
    for a file.
    """
    if not parameters.value:
        return default
    return "application/octet-stream" if "content-disposition" in headers else "text/plain"
