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
    is_dated_address,
)
from services.case_writer.reading.text.header_blocks import header_end, label_of
from services.case_writer.reading.text.lines import (
    MAX_LINE,
    bare_lines,
    initials_of,
    is_open,
    low_of,
)
from services.case_writer.reading.text.quote_markers import FORWARDS, SEPARATORS
from services.case_writer.reading.text.signatures import (
    is_device_line,
    is_list_footer,
    is_signature,
)

_MAX_ATTEMPTS = 3000  # lines examined closely; no text written by a program has more
_ATTRIBUTION_LINES = 4
_SHOWN_LINES = 14  # lines of a quote that are searched for the marks of programs
_SIGNATURE_LINES = 12
_SIGNATURES = 3
_FOOTER_RULE = 10  # characters at least
_BLANKS_BELOW_ATTRIBUTION = 3
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
        self._bare = bare_lines(text, self.lines)
        self._is_quoted = [False] * len(self._bare)
        if ">" in text:
            self._is_quoted = [
                bare[:1] == ">" and not (bare[:2] == ">>" and bare[-2:] in ("<<", ">>"))
                for bare in self._bare
            ]
            self._rejoin_broken_addresses()
            self._mark_initials()
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
                and is_open(self._bare[index - 1])
            ):
                self._is_quoted[index] = False

    def _mark_initials(self) -> None:
        """Mark lines such as `AN> Hello` below an attribution as a quote of The Bat!."""
        index = 0
        while index < len(self._bare):
            mark = initials_of(self._bare[index])
            if not mark or self._attribution_above(index) == index:
                index += 1
                continue
            while index < len(self._bare) and (
                not self._bare[index] or initials_of(self._bare[index]) == mark
            ):
                self._is_quoted[index] = bool(self._bare[index])
                index += 1

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
            if self._begins_original(index, low_of(bare)):
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
                or bare[:3] == ">>>"
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
            return self._without_last_quote(kept, quoted)
        if top == first:
            if not self._shows_itself(quoted):
                return kept  # `> 3 items` may be the author's own words
            top = max(kept.start, self._above_rules(first))
        before = any(self._bare[:top])
        tail = self.without_signature(range(last + 1, kept.stop))
        after = any(self._bare[index].strip(_RULE) for index in tail)
        if before and after:
            return kept
        return range(last + 1, kept.stop) if after else range(top)

    def _without_last_quote(self, kept: range, quoted: list[int]) -> range:
        """The lines without a quote below all text, if no other quote has an attribution: the lines
        with `>` above it are the author's own.
        """
        starts = [quoted[0]]
        starts += [
            below
            for above, below in pairwise(quoted)
            if any(self._bare[index] for index in range(above + 1, below))
        ]
        tops = [self._attribution_above(start) for start in starts]
        are_introduced = [top < start for top, start in zip(tops, starts, strict=True)]
        tail = self.without_signature(range(quoted[-1] + 1, kept.stop))
        is_last_alone = are_introduced[-1] and sum(are_introduced) == 1
        if not is_last_alone or any(self._bare[index] for index in tail):
            return kept
        return range(kept.start, tops[-1])

    def _shows_itself(self, quoted: list[int]) -> bool:
        """Whether a program quoted these lines: one of them is blank or quoted twice, or they
        contain an original's header.
        """
        inner = [self._bare[index][1:].lstrip() for index in quoted]
        is_twice = [line[:1] == ">" for line in inner]  # `>> done` alone is not a quote
        if self._quotes_are_marked or "" in inner or (any(is_twice) and not all(is_twice)):
            return True
        head = _Lines("\n".join(inner[:_SHOWN_LINES]))
        return any(head.is_mark(index) for index in range(len(head.lines)))

    def is_mark(self, index: int) -> bool:
        """Whether an original or a quote begins with this line."""
        bare = self._bare[index]
        if not bare or self._is_quoted[index]:
            return False
        if self._begins_original(index, low_of(bare)):
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
        if low.startswith(">>") and self._is_arrowed(low):
            return True
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

    def _is_arrowed(self, low: str) -> bool:
        """Whether GroupWise introduces a quote: `>>> Anna <a@x.example> 23.11.2026 10:11 >>>`."""
        return (
            low.startswith(">>> ")
            and low.endswith(" >>>")
            and self._may_look()
            and is_dated_address(low.strip("> "))
        )

    def _is_ruled_attribution(self, index: int) -> bool:
        """Whether the line is an attribution such as `---- On Mon, 23 Nov 2026 Anna wrote ----`."""
        bare = self._bare[index]
        if not (
            bare.startswith("--")
            and bare.endswith("--")
            and len(bare) <= MAX_LINE
            and self._may_look()
        ):
            return False
        words = bare.strip(_RULE)
        return has_verb(words) and is_attribution(words, above_quote=True)

    def _is_below_rule(self, index: int) -> bool:
        above = index - 1
        while above >= 0 and index - above <= _BLANKS_BELOW_ATTRIBUTION and not self._bare[above]:
            above -= 1
        if above < 0 or len(self._bare[above]) > MAX_LINE:
            return False
        low = low_of(self._bare[above])
        words = low.strip(_RULE)
        return (len(low) >= _FOOTER_RULE and not words) or words in SEPARATORS

    def _above_rules(self, index: int) -> int:
        """The index at which the blank lines, rules and titles of an original directly above
        `index` begin.
        """
        while index > 0 and (
            not (words := self._bare[index - 1].strip(_RULE))
            or low_of(words).rstrip(":") in SEPARATORS
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
        if len(bare) > MAX_LINE or not bare:
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
            if not bare or self._is_quoted[start] or len(bare) > MAX_LINE or not self._may_look():
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
            is_whole = start == 0 or not is_open(self._bare[start - 1])
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
