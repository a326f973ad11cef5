"""Separates the author's own new text from quotes, signature and forwarded headers: a line scanner
in linear time.

If in doubt, everything is kept: answers between quoted lines keep their quotes, a mail that would
be empty stays whole, and words alone are never enough without the form that mail programs give
them.
"""

from bisect import bisect_right
from functools import cached_property
from itertools import islice, pairwise

from services.case_writer.reading.text.attributions import (
    has_seconds,
    has_separated_name,
    has_verb,
    is_dated,
    is_dated_address,
)
from services.case_writer.reading.text.endings import LinesWithEnding
from services.case_writer.reading.text.header_blocks import (
    NO_REPLY,
    Reply,
    begins_as_reply,
    header_end,
    label_of,
    reply_of,
)
from services.case_writer.reading.text.inline_answers import announces_inline_answers
from services.case_writer.reading.text.lines import low_of
from services.case_writer.reading.text.marked_lines import COLONS
from services.case_writer.reading.text.originals import RULE, is_reply_marker

_SHOWN_LINES = 14  # lines of a quote that are searched for the marks of programs
_ENDS = ">\uff1a"  # of an attribution line without a colon
_ADDRESS_ENDS = (">:", "):", "]:")
_QUOTATION_MARKS = "\"'\u201e\u201c\u201d\u00ab\u00bb\u2018\u2019\u300c"


def strip_quotes(
    full_text: str,
    *,
    quotes_are_marked: bool = False,
    author: str = "",
    subject: str = "",
    recipients: tuple[str, ...] = (),
) -> str:
    """The author's own new text in `full_text`; all of it if nothing marks the rest, or if nothing
    would be left.

    `quotes_are_marked` means that each `>` comes from quotes marked in HTML, so that only quotes
    follow it. By `author`, their name and address, and the `subject` of the mail, their signature
    and the header of the mail that they answer are recognized; by the names of the `recipients`,
    attributions to one of them.
    """
    reply = reply_of(author.rpartition(" ")[0], subject, recipients)
    lines = _Lines(full_text, quotes_are_marked=quotes_are_marked, author=author, reply=reply)
    kept = lines.without_signature(lines.without_quotes(lines.without_original()))
    if len(kept) == len(lines.lines):
        return full_text
    if announces_inline_answers(lines.bare[kept.start : kept.stop]):
        return full_text
    written = "\n".join(lines.lines[kept.start : kept.stop]).strip("\n").rstrip()
    return written if written.strip() else full_text


class _Lines(LinesWithEnding):
    def __init__(
        self,
        text: str,
        *,
        quotes_are_marked: bool = False,
        author: str = "",
        reply: Reply = NO_REPLY,
    ) -> None:
        super().__init__(text, author, reply)
        self._quotes_are_marked = quotes_are_marked

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
                if self._is_announced(index) or self._is_shown(index):
                    passed = header_end(self.bare, index, below_rule=True)
                    continue
                above = self.above_rules(index)
                if any(self.bare[:above]):
                    return range(above)
                passed = max(passed, header_end(self.bare, index, below_rule=True))
                if not passed:
                    return range(above)
                continue
            start = self._unmarked_attribution(index)
            if start is not None:
                return range(self.above_labels(start))
        return range(len(self.lines))

    def _unmarked_attribution(self, index: int) -> int | None:
        """The index at which the attribution of an unmarked quote begins that ends at `index`; None
        if there is none.
        """
        if not self.ends_attribution(index):
            return None
        start = self.attribution_start(index, above_quote=False)
        if start is None or self._is_announced(start):
            return None
        following = self.next_line(index + 1)
        is_marked = following is not None and self.is_quoted[following]
        attribution = " ".join(self.bare[start : index + 1])
        if is_marked or not is_dated(attribution) or self._is_answered_below(index):
            return None
        return start if self._is_of_program(start, index, attribution) else None

    def _is_of_program(self, start: int, index: int, attribution: str) -> bool:
        """Whether a program wrote the attribution from `start` to `index`. In minutes and
        schedules, people write who wrote what and when, too: directly above it, in quotation marks,
        or in several lines.
        """
        following = self.next_line(index + 1)
        if following is None or following == index + 1:
            is_of_program = "@" in attribution and has_verb(attribution)
            is_of_answer = has_seconds(attribution) and self.may_be_joined_quote
            return is_of_program and (following is None or is_of_answer)
        if self.bare[following][0] in _QUOTATION_MARKS:
            return False
        if has_verb(attribution):
            return "@" in attribution or has_seconds(attribution)
        above = self.bare[start - 1].strip(RULE) if start else ""
        is_below_own = bool(above) and not label_of(low_of(above))
        return not is_below_own and has_separated_name(attribution) and not self._is_schedule

    @cached_property
    def _is_schedule(self) -> bool:
        """Whether several lines that are not quoted have a date and an address without a verb."""
        entries = (
            bare
            for bare, is_quoted in zip(self.bare, self.is_quoted, strict=True)
            if bare[-2:] in _ADDRESS_ENDS and not is_quoted and self.may_look()
        )
        return len(list(islice(filter(is_dated_address, entries), 2))) > 1

    def _is_announced(self, index: int) -> bool:
        """Whether the line directly above announces what is below: the author shows it. Programs
        leave a blank line above what they quote.
        """
        above = self.bare[index - 1] if index else ""
        return above[-1:] in (*COLONS,) and not label_of(low_of(above))

    def _is_shown(self, index: int) -> bool:
        """Whether the author announces a header, further above, that is not that of an answer. One
        without an address may be shown in any order, if its subject is not the answered one.
        """
        above = self.line_above(index)
        return (
            above[-1:] in (*COLONS,)
            and not label_of(low_of(above))
            and label_of(low_of(self.bare[index])) == "from"
            and not (begins_as_reply(self.bare, index) and self._may_be_answered(index))
        )

    def _may_be_answered(self, header: int) -> bool:
        end = header_end(self.bare, header, below_rule=True)
        answered = self.reply.subject
        return any(
            "@" in bare or (answered and low_of(bare).endswith(answered))
            for bare in self.bare[header:end]
        )

    def _is_answered_below(self, attribution: int) -> bool:
        """Whether an answer is between this attribution and its quote: the next marked quote has no
        attribution of its own.
        """
        at = bisect_right(self._quoted, attribution)
        return (
            at < len(self._quoted) and self.attribution_above(self._quoted[at]) == self._quoted[at]
        )

    @cached_property
    def _quoted(self) -> list[int]:
        return [index for index, is_quoted in enumerate(self.is_quoted) if is_quoted]

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
            is_shown = not self._quotes_are_marked and self._announces(first)
            if is_shown or not (self._shows_itself(quoted) or self.is_below_request(first)):
                return kept  # `> 3 items` may be the author's own words
            top = max(kept.start, self.above_rules(first))
        before = any(self.bare[:top])
        tail = self.without_signature(range(last + 1, kept.stop))
        after = any(self.bare[index].strip(RULE) for index in tail)
        if before and after:
            return kept
        return range(last + 1, kept.stop) if after else range(top)

    def _announces(self, quoted: int) -> bool:
        """Whether the line above a quote announces it. An attribution in an unknown language, or in
        unusual words, has a date, an address or a verb.
        """
        above = self.line_above(quoted)
        may_be_attribution = any(sign.isdigit() or sign == "@" for sign in above) or has_verb(above)
        return above[-1:] in (*COLONS,) and not may_be_attribution

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
