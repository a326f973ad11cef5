"""Separates the author's own new text from quotes, signature and forwarded headers: a line scanner
in linear time.

If in doubt, everything is kept: answers between quoted lines keep their quotes, a mail that would
be empty stays whole, and words alone are never enough without the form that mail programs give
them.
"""

from itertools import pairwise

from services.case_writer.reading.text.attributions import is_dated
from services.case_writer.reading.text.device_lines import is_device_line, is_link_to_device
from services.case_writer.reading.text.header_blocks import header_end
from services.case_writer.reading.text.lines import low_of
from services.case_writer.reading.text.marked_lines import COLONS
from services.case_writer.reading.text.originals import (
    FOOTER_RULE,
    RULE,
    OriginalLines,
    is_reply_marker,
)
from services.case_writer.reading.text.signatures import (
    is_list_footer,
    is_signature,
    is_unfinished,
)

_SHOWN_LINES = 14  # lines of a quote that are searched for the marks of programs
_SIGNATURE_LINES = 12
_SIGNATURES = 3
_RULE_SIGNS = "_-=#~"
_ENDS = ">\uff1a"  # of an attribution line without a colon


def strip_quotes(full_text: str, *, quotes_are_marked: bool = False, author: str = "") -> str:
    """The author's own new text in `full_text`; all of it if nothing marks the rest, or if nothing
    would be left.

    `quotes_are_marked` means that each `>` comes from quotes marked in HTML, so that only quotes
    follow it. `author` is their name and address, by which their signature is recognized.
    """
    lines = _Lines(full_text, quotes_are_marked=quotes_are_marked, author=author)
    kept = lines.without_signature(lines.without_quotes(lines.without_original()))
    if len(kept) == len(lines.lines):
        return full_text
    written = "\n".join(lines.lines[kept.start : kept.stop]).strip("\n").rstrip()
    return written if written.strip() else full_text


class _Lines(OriginalLines):
    def __init__(self, text: str, *, quotes_are_marked: bool = False, author: str = "") -> None:
        super().__init__(text)
        self._quotes_are_marked = quotes_are_marked
        self._author = author

    def without_original(self) -> range:
        """The lines before an unmarked original, which begins with its header, a separator, or an
        attribution without `>` after it.
        """
        passed = 0  # the end of a header that the text itself begins with
        for index in self._signed_lines():
            if index < passed or self.is_quoted[index]:
                continue
            bare = self.bare[index]
            if self.begins_original(index, low_of(bare)):
                above = self.above_rules(index)
                if any(self.bare[:above]):
                    return range(above)
                passed = max(passed, header_end(self.bare, index, below_rule=True))
                if not passed:
                    return range(above)
                continue
            if (
                self.ends_attribution(index)
                and (start := self.attribution_start(index, above_quote=False)) is not None
            ):
                following = self.next_line(index + 1)
                is_unmarked = following is None or not self.is_quoted[following]
                if is_unmarked and is_dated(" ".join(self.bare[start : index + 1])):
                    return range(self.above_labels(start))
        return range(len(self.lines))

    def _signed_lines(self) -> list[int]:
        """The lines that contain a sign of an original's first line or of an attribution's last
        line.
        """
        ends = _ENDS if ">" in self.text or COLONS[1] in self.text else ""
        verb = "wrote" if "wrote" in self.text else ""
        return [
            index
            for index, bare in enumerate(self.bare)
            if bare
            and (
                ":" in bare
                or bare[0] in RULE
                or bare[:3] == ">>>"
                or (ends and bare[-1] in ends)
                or (verb and verb in bare)
            )
        ]

    def without_quotes(self, kept: range) -> range:
        """The lines without a quote below or above all new text."""
        if True not in self.is_quoted:
            return kept
        quoted = [index for index in kept if self.is_quoted[index]]
        if not quoted:
            return kept
        first, last = quoted[0], quoted[-1]
        top = self.attribution_above(first)
        has_answers = any(self.bare[index] for index in self._between(quoted))
        is_apart = any(
            below - above > 1 and not self.bare[above + 1] for above, below in pairwise(quoted)
        )
        shorter = self._without_last_quote(kept, quoted) if has_answers or is_apart else kept
        if has_answers or shorter != kept:
            return shorter
        if top == first:
            if not self._shows_itself(quoted) and not self.is_below_request(first):
                return kept  # `> 3 items` may be the author's own words
            top = max(kept.start, self.above_rules(first))
        before = any(self.bare[:top])
        tail = self.without_signature(range(last + 1, kept.stop))
        after = any(self.bare[index].strip(RULE) for index in tail)
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
            if any(self.bare[index] for index in range(above + 1, below))
        ]
        tops = [self.attribution_above(start) for start in starts]
        are_introduced = [top < start for top, start in zip(tops, starts, strict=True)]
        tail = self.without_signature(range(quoted[-1] + 1, kept.stop))
        is_last_alone = len(starts) > 1 and are_introduced[-1] and sum(are_introduced) == 1
        if not is_last_alone or any(self.bare[index] for index in tail):
            return kept
        return range(kept.start, tops[-1])

    def _shows_itself(self, quoted: list[int]) -> bool:
        """Whether a program quoted these lines: one of them is blank or quoted twice, or they
        contain an original's header.
        """
        inner = [self.bare[index][1:].lstrip() for index in quoted]
        is_twice = [line[:1] == ">" for line in inner]  # `>> done` alone is not a quote
        if self._quotes_are_marked or "" in inner or (any(is_twice) and not all(is_twice)):
            return True
        head = _Lines("\n".join(inner[:_SHOWN_LINES]))
        return any(head.is_mark(index) for index in range(len(head.lines)))

    def is_mark(self, index: int) -> bool:
        """Whether an original or a quote begins with this line."""
        bare = self.bare[index]
        if not bare or self.is_quoted[index]:
            return False
        low = low_of(bare)
        if self.begins_original(index, low) or is_reply_marker(low):
            return True
        return (
            self.ends_attribution(index)
            and self.attribution_start(index, above_quote=False) is not None
        )

    def _between(self, quoted: list[int]) -> list[int]:
        """The lines between quoted ones, without attributions. They are answers if they are not
        blank.
        """
        between: list[int] = []
        for above, below in pairwise(quoted):
            if below - above > 1:
                between += range(above + 1, max(self.attribution_above(below), above + 1))
        return between

    def without_signature(self, kept: range) -> range:
        """The lines without the signature below `-- `, the footer of a mailing list, and the lines
        of a device or a help desk.
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
        while stop > kept.start:
            bare = self.bare[stop - 1]
            if not bare or is_device_line(bare) or is_reply_marker(low_of(bare)):
                stop -= 1
            elif stop - 1 > kept.start and is_link_to_device(bare, self.bare[stop - 2]):
                stop -= 2
            else:
                break
        return stop

    def _signature_start(self, kept: range) -> int | None:
        """The index of the delimiter or rule with which the last signature or footer of `kept`
        begins.
        """
        below: list[str] = []
        is_framed = False
        for index in reversed(kept):
            bare = self.bare[index]
            if self.is_quoted[index] or len(below) > _SIGNATURE_LINES:
                return None
            if bare == "--" and below:
                return index if self._is_signature(index, below[::-1], kept) else None
            if bare == "--":
                return index
            if len(bare) >= FOOTER_RULE and not bare.strip(_RULE_SIGNS):
                if below:
                    is_footer = self._is_footer(index, below[::-1], kept, is_framed=is_framed)
                    return index if is_footer else None
                is_framed = True
            elif bare:
                below.append(bare)
        return None

    def _is_footer(self, rule: int, below: list[str], kept: range, *, is_framed: bool) -> bool:
        """Whether the lines below a rule are the footer of a mailing list. People underline their
        headings, and frame what they show.
        """
        if self._introduces(kept.start, rule):
            return False
        has_line_above = rule > kept.start and bool(self.bare[rule - 1])
        is_underscored = not self.bare[rule].strip("_")
        return is_list_footer(
            below,
            may_be_own=has_line_above or is_framed or bool(self.bare[rule].strip("_-")),
            may_be_listing=not is_framed and (is_underscored or not has_line_above),
        )

    def _is_signature(self, delimiter: int, below: list[str], kept: range) -> bool:
        if self._introduces(kept.start, delimiter):
            return False
        is_typed = not self.lines[delimiter][-1:].isspace()
        return is_signature(below, author=self._author, is_typed=is_typed)

    def _introduces(self, start: int, delimiter: int) -> bool:
        """Whether the last line above the delimiter announces what is below: `Please send:`."""
        above = next(filter(None, reversed(self.bare[start:delimiter])), "")
        return bool(above) and (above[-1] in COLONS or is_unfinished(above))
