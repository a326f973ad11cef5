"""Separates the author's own new text from quotes, signature and forwarded headers: a line scanner
in linear time.

If in doubt, everything is kept: answers between quoted lines keep their quotes, a mail that would
be empty stays whole, and words alone are never enough without the form that mail programs give
them.
"""

from itertools import pairwise

from services.case_writer.reading.text.attributions import (
    begins_attribution,
    has_verb,
    is_attribution,
    is_date,
)
from services.case_writer.reading.text.header_blocks import header_end, label_of
from services.case_writer.reading.text.quote_markers import FORWARDS, SEPARATORS
from services.case_writer.reading.text.signatures import (
    is_device_line,
    is_list_footer,
    is_signature,
)

_MAX_LINE = 400  # no marker of a mail program is longer
_MAX_ATTEMPTS = 3000  # lines examined closely; no text written by a program has more
_ATTRIBUTION_LINES = 4
_SHOWN_LINES = 14  # lines of a quote that are searched for the marks of programs
_SIGNATURE_LINES = 12
_SIGNATURES = 3
_FOOTER_RULE = 10  # characters at least
_BLANKS_BELOW_ATTRIBUTION = 3
_WIDE_BLANKS = "\xa0\u2007\u202f\u2009\u200a\u3000"
_INVISIBLE = "\u200b\u200e\u200f\ufeff"
_ODD_BLANKS = _WIDE_BLANKS + _INVISIBLE
_TO_PLAIN = str.maketrans(dict.fromkeys(_WIDE_BLANKS, " ") | dict.fromkeys(_INVISIBLE))
_RULE = "_-=* "
_COLONS = ":\uff1a"
_ENDS = ">\uff1a"  # of an attribution line without a colon


def strip_quotes(full_text: str, *, quotes_are_marked: bool = False) -> str:
    """The author's own new text in `full_text`; all of it if nothing marks the rest, or if nothing
    would be left.

    `quotes_are_marked` means that each `>` comes from quotes marked in HTML, so that only quotes
    follow it.
    """
    lines = _Lines(full_text, quotes_are_marked=quotes_are_marked)
    kept = lines.without_signature(lines.without_quotes(lines.without_original()))
    if len(kept) == len(lines.lines):
        return full_text
    written = "\n".join(lines.lines[kept.start : kept.stop]).strip("\n").rstrip()
    return written if written.strip() else full_text


class _Lines:
    def __init__(self, text: str, *, quotes_are_marked: bool = False) -> None:
        self._quotes_are_marked = quotes_are_marked
        self._attempts = 0
        self._text = text
        self.lines = text.split("\n")
        has_odd_blanks = any(
            map(text.__contains__, _ODD_BLANKS)
        )  # translating all lines is expensive
        self._bare = list(map(_plain if has_odd_blanks else str.strip, self.lines))
        self._is_quoted = [False] * len(self._bare)
        if ">" in text:
            self._is_quoted = [
                bare[:1] == ">" and not (bare[:2] == ">>" and bare[-2:] == "<<")
                for bare in self._bare
            ]
            self._rejoin_broken_addresses()
        if "|" in text:
            self._mark_bars()

    def _rejoin_broken_addresses(self) -> None:
        """Rejoin lines that were broken inside `<address>`: the second one begins with `>` but is
        not a quote.
        """
        for index, bare in enumerate(self._bare):
            if (
                index
                and self._is_quoted[index]
                and bare[-1] in _COLONS
                and _is_open(self._bare[index - 1])
            ):
                self._is_quoted[index] = False

    def _mark_bars(self) -> None:
        """Mark lines that begin with `|` below an attribution as a quote, except rows of a table,
        which also end with `|`.
        """
        index = 0
        while index < len(self._bare):
            if self._bare[index][:1] != "|":
                index += 1
                continue
            stop = index
            while stop < len(self._bare) and self._bare[stop][:1] == "|":
                stop += 1
            rows = self._bare[index:stop]
            if (
                not any(len(row) > 1 and row[-1] == "|" for row in rows)
                and self._attribution_above(index) < index
            ):
                self._is_quoted[index:stop] = [True] * len(rows)
            index = stop

    def without_original(self) -> range:
        """The lines before an unmarked original, which begins with its header, a separator, or an
        attribution without `>` after it.
        """
        passed = 0  # the end of a header that the text itself begins with
        for index in self._signed_lines():
            if index < passed or self._is_quoted[index]:
                continue
            bare = self._bare[index]
            if self._begins_original(index, _low(bare)):
                above = self._above_rules(index)
                if any(self._bare[:above]):
                    return range(above)
                passed = max(passed, header_end(self._bare, index, below_rule=True))
                if not passed:
                    return range(above)
                continue
            if (
                self._ends_attribution(index)
                and (start := self._attribution_start(index, above_quote=False)) is not None
            ):
                following = self._next_line(index + 1)
                if following is None or not self._is_quoted[following]:
                    return range(start)
        return range(len(self.lines))

    def _signed_lines(self) -> list[int]:
        """The lines that contain a sign of an original's first line or of an attribution's last
        line.
        """
        ends = _ENDS if ">" in self._text or _COLONS[1] in self._text else ""
        verb = "wrote" if "wrote" in self._text else ""
        return [
            index
            for index, bare in enumerate(self._bare)
            if bare
            and (
                ":" in bare
                or bare[0] in _RULE
                or (ends and bare[-1] in ends)
                or (verb and verb in bare)
            )
        ]

    def without_quotes(self, kept: range) -> range:
        """The lines without a quote below or above all new text."""
        if True not in self._is_quoted:
            return kept
        quoted = [index for index in kept if self._is_quoted[index]]
        if not quoted:
            return kept
        first, last = quoted[0], quoted[-1]
        top = self._attribution_above(first)
        if any(self._bare[index] for index in self._between(quoted)):
            return kept
        if top == first and not self._shows_itself(quoted):
            return kept  # `> 3 items` may be the author's own words
        before = any(self._bare[:top])
        tail = self.without_signature(range(last + 1, kept.stop))
        after = any(self._bare[index].strip(_RULE) for index in tail)
        if before and after:
            return kept
        return range(last + 1, kept.stop) if after else range(top)

    def _shows_itself(self, quoted: list[int]) -> bool:
        """Whether a program quoted these lines: one of them is blank or quoted twice, or they
        contain an original's header.
        """
        inner = [self._bare[index][1:].lstrip() for index in quoted]
        if self._quotes_are_marked or any(line[:1] in ("", ">") for line in inner):
            return True
        head = _Lines("\n".join(inner[:_SHOWN_LINES]))
        return any(head.is_mark(index) for index in range(len(head.lines)))

    def is_mark(self, index: int) -> bool:
        """Whether an original or a quote begins with this line."""
        bare = self._bare[index]
        if not bare or self._is_quoted[index]:
            return False
        if self._begins_original(index, _low(bare)):
            return True
        return (
            self._ends_attribution(index)
            and self._attribution_start(index, above_quote=False) is not None
        )

    def _between(self, quoted: list[int]) -> list[int]:
        """The lines between quoted ones, without attributions. They are answers if they are not
        blank.
        """
        between: list[int] = []
        for above, below in pairwise(quoted):
            if below - above > 1:
                between += range(above + 1, max(self._attribution_above(below), above + 1))
        return between

    def without_signature(self, kept: range) -> range:
        """The lines without the signature below `-- `, the footer of a mailing list, and the line
        of a device.
        """
        stop = self._without_device_lines(kept)
        for _ in range(_SIGNATURES):
            start = self._signature_start(range(kept.start, stop))
            if start is None:
                break
            stop = self._without_device_lines(range(kept.start, start))
        return range(kept.start, stop)

    def _without_device_lines(self, kept: range) -> int:
        stop = kept.stop
        while stop > kept.start and (
            not self._bare[stop - 1] or is_device_line(self._bare[stop - 1])
        ):
            stop -= 1
        return stop

    def _signature_start(self, kept: range) -> int | None:
        """The index of the delimiter or rule with which the last signature or footer of `kept`
        begins.
        """
        below: list[str] = []
        for index in reversed(kept):
            bare = self._bare[index]
            if self._is_quoted[index] or len(below) > _SIGNATURE_LINES:
                return None
            if bare == "--" and below:
                return index if is_signature(below[::-1]) else None
            if bare == "--":
                return index
            if len(bare) >= _FOOTER_RULE and not bare.strip("_-"):
                return index if is_list_footer(below[::-1]) else None
            if bare:
                below.append(bare)
        return None

    def _begins_original(self, index: int, low: str) -> bool:
        if low[0] in _RULE:
            words = low.strip(_RULE) if low.startswith(("--", "__", "**", "==")) else ""
            if words and (
                words.rstrip(":").replace("\u2019", "'") in SEPARATORS
                or self._is_ruled_attribution(index)
            ):
                return True
            if low[0] != "*":
                return False
        if low[-1] == ":" and low.rstrip(" :") in FORWARDS:
            following = self._next_line(index + 1)
            return following is not None and (
                self._is_quoted[following]
                or bool(header_end(self._bare, following, below_rule=True))
            )
        if not label_of(low) or not self._may_look():
            return False
        return bool(header_end(self._bare, index, below_rule=self._is_below_rule(index)))

    def _is_ruled_attribution(self, index: int) -> bool:
        """Whether the line is an attribution such as `---- On Mon, 23 Nov 2026 Anna wrote ----`."""
        bare = self._bare[index]
        if not (
            bare.startswith("--")
            and bare.endswith("--")
            and len(bare) <= _MAX_LINE
            and self._may_look()
        ):
            return False
        words = bare.strip(_RULE)
        return has_verb(words) and is_attribution(words, above_quote=True)

    def _is_below_rule(self, index: int) -> bool:
        above = index - 1
        while above >= 0 and index - above <= _BLANKS_BELOW_ATTRIBUTION and not self._bare[above]:
            above -= 1
        if above < 0 or len(self._bare[above]) > _MAX_LINE:
            return False
        low = _low(self._bare[above])
        words = low.strip(_RULE)
        return (len(low) >= _FOOTER_RULE and not words) or words in SEPARATORS

    def _above_rules(self, index: int) -> int:
        """The index at which the blank lines, rules and titles of an original directly above
        `index` begin.
        """
        while index > 0 and (
            not (words := self._bare[index - 1].strip(_RULE))
            or _low(words).rstrip(":") in SEPARATORS
        ):
            index -= 1
        return index

    def _attribution_above(self, quoted: int) -> int:
        """The index at which the attribution of the quote at `quoted` begins; `quoted` itself if it
        has none.
        """
        above = quoted - 1
        while above >= 0 and quoted - above <= _BLANKS_BELOW_ATTRIBUTION and not self._bare[above]:
            above -= 1
        if above < 0 or not self._ends_attribution(above):
            return quoted
        start = self._attribution_start(above, above_quote=True)
        return quoted if start is None else start

    def _ends_attribution(self, index: int) -> bool:
        bare = self._bare[index]
        if len(bare) > _MAX_LINE or not bare:
            return False
        return bare[-1] in _COLONS or (bare[-1] == ">" and "@" in bare) or has_verb(bare[-20:])

    def _attribution_start(self, end: int, *, above_quote: bool) -> int | None:
        """The index of the first line of the attribution that ends with line `end`; None if it is
        not one. Programs wrap attributions.

        The shortest form counts, unless the lines above it are clearly its beginning.
        """
        joined, found = "", None
        for start in range(end, max(end - _ATTRIBUTION_LINES, -1), -1):
            bare = self._bare[start]
            if not bare or self._is_quoted[start] or len(bare) > _MAX_LINE or not self._may_look():
                break
            glued = bare.endswith("<") or joined.startswith(">")
            joined = f"{bare}{joined}" if glued else f"{bare} {joined}"
            begins = begins_attribution(bare)
            if (
                found is not None
                and not begins
                and not is_date(bare)
                and self._bare[found][0] != "<"
            ):
                break
            is_whole = start == 0 or not _is_open(self._bare[start - 1])
            if is_whole and is_attribution(joined, above_quote=above_quote):
                found = start
                if begins:
                    break
        return found

    def _may_look(self) -> bool:
        self._attempts += 1
        return self._attempts <= _MAX_ATTEMPTS

    def _next_line(self, index: int) -> int | None:
        return next(
            (at for at in range(index, min(index + 20, len(self._bare))) if self._bare[at]), None
        )


def _is_open(line: str) -> bool:
    """Whether a line ends inside `<address>`: with its `<`, or with everything except its `>`."""
    end = line[-_MAX_LINE:]
    opened = end.rfind("<")
    return opened > end.rfind(">") and (
        opened + 1 == len(end) or ("@" in end[opened:] and " " not in end[opened:])
    )


def _plain(line: str) -> str:
    """The line without spaces at its ends, and with plain spaces in it."""
    return line.strip() if line.isascii() else line.translate(_TO_PLAIN).strip()


def _low(bare: str) -> str:
    """The line in lower case, for comparison; empty if it is too long to be a marker."""
    return "…" if len(bare) > _MAX_LINE else bare.lower()
