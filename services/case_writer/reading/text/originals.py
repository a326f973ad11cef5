"""Recognizes where an unmarked original begins: with its header or a title between rules. Also
recognizes the request of a help desk to reply above a line.
"""

from functools import cached_property
from itertools import islice

from services.case_writer.reading.text.attributions import (
    has_verb,
    is_attribution,
    is_dated,
    is_dated_address,
)
from services.case_writer.reading.text.header_blocks import (
    NO_REPLY,
    Reply,
    has_other_label,
    header_end,
    label_of,
)
from services.case_writer.reading.text.lines import MAX_LINE, low_of
from services.case_writer.reading.text.marked_lines import (
    ARROWS,
    BLANKS_BELOW_ATTRIBUTION,
    COLONS,
    MarkedLines,
)
from services.case_writer.reading.text.quote_markers import (
    CLOSINGS,
    FIRST_PERSON,
    FORWARDS,
    REPLY_ABOVE,
    REPLY_ENDS,
    REPLY_WORDS,
    SEPARATORS,
)

FOOTER_RULE = 10  # characters at least
RULE = "_-=* "
REPLY_SIGNS = "#-=*_+\u2014\u2013"
_AROUND_REQUEST = REPLY_SIGNS + " .:"
_TITLE_RULES = ("---", "===", "***", "___")
_SENTENCE_WORDS = 3
_LINES_ABOVE = 6
_TEXT_BEHIND = ":   "  # an attribution
_REQUEST_WORDS = 6  # before `above this line`


class OriginalLines(MarkedLines):
    """Lines that know where an original begins."""

    def __init__(self, text: str, reply: Reply = NO_REPLY) -> None:
        super().__init__(text, reply.recipients)
        self.reply = reply
        self._has_sections = False  # an examined title between rules is the author's own

    def begins_original(self, index: int, low: str) -> bool:
        if low.startswith(">>") and self._is_arrowed(index, low):
            return True
        if _TEXT_BEHIND in self.bare[index][:MAX_LINE] and self._has_text_behind(index):
            return True
        if low[0] in RULE:
            words = low.strip(RULE) if low.startswith(("---", "___", "***", "===")) else ""
            if words and (
                (_is_separator(words) and not self._is_section(index))
                or _is_titled_header(words)
                or self._is_ruled_attribution(index)
            ):
                return True
            if low[0] != "*":
                return False
        if low[-1] == ":" and low.rstrip(" :") in FORWARDS:
            following = self.next_line(index + 1)
            return following is not None and (
                self.is_quoted[following] or bool(header_end(self.bare, following, below_rule=True))
            )
        above = self.bare[index - 1] if index else ""
        if not label_of(low) or (has_other_label(above) and not label_of(low_of(above))):
            return False  # below `Received: …`, these are lines of a header that the author shows
        if not self.may_look():
            return False
        is_below_rule = self._is_below_rule(index)
        return bool(header_end(self.bare, index, below_rule=is_below_rule, reply=self.reply))

    def _has_text_behind(self, index: int) -> bool:
        """Whether the quote is on the line of its attribution, as Yahoo writes it on phones:
        `On …, Anna <a@x.example> wrote:   Hello`.
        """
        attribution = f"{self.bare[index].partition(_TEXT_BEHIND)[0]}:"
        is_whole = "@" in attribution and has_verb(attribution) and is_dated(attribution)
        return (
            is_whole
            and self.may_be_joined_quote
            and self.may_look()
            and self.introduces_quote(attribution, above_quote=False)
        )

    @cached_property
    def may_be_joined_quote(self) -> bool:
        """Whether the text directly behind or below an attribution may be its quote: the mail is an
        answer, and only one line is such an attribution. Several are a log that the author shows.
        """
        attributions = (
            bare
            for bare, is_quoted in zip(self.bare, self.is_quoted, strict=True)
            if "@" in bare
            and not is_quoted
            and (bare[-1] in COLONS or _TEXT_BEHIND in bare[:MAX_LINE])
            and self.may_look()
            and has_verb(bare)
        )
        return bool(self.reply.subject) and len(list(islice(attributions, 2))) == 1

    def _is_section(self, index: int) -> bool:
        """Whether the title between rules is one of several that the author gave the sections of
        their text: no header, attribution or quote follows it, and another title does.
        """
        following = self.next_line(index + 1)
        if following == index + 1 and self._is_own_heading(index):
            return True
        if following is not None and self._is_within_sentence(index, following):
            return True
        is_only = index >= self._last_title and not self._has_sections
        if following is None or is_only or self.is_quoted[following]:
            return False
        low = low_of(self.bare[following])
        is_section = not (label_of(low) or "@" in low or self.ends_attribution(following))
        self._has_sections |= is_section
        return is_section

    def _is_within_sentence(self, title: int, following: int) -> bool:
        """Whether a sentence above the title continues in the line that follows: the author
        mentions it.
        """
        above = self.line_above(title).split()
        below = low_of(self.bare[following])
        is_open = (
            len(above) >= _SENTENCE_WORDS
            and above[-1].isalpha()
            and above[-1].islower()
            and CLOSINGS.isdisjoint(word.lower() for word in above)
        )
        is_continued = below[0].isalpha() and self.bare[following][0] == below[0]
        return is_open and is_continued and not label_of(below)

    def _is_own_heading(self, index: int) -> bool:
        """Whether the text directly below the title continues it as a sentence, or the title is
        ruled as no program does and no header follows.
        """
        below = low_of(self.bare[index + 1])
        if label_of(below) or "@" in below or self.is_quoted[index + 1]:
            return False
        is_sentence = below[0].islower() and len(below.split()) >= _SENTENCE_WORDS
        return (is_sentence and self.bare[index + 1][0] == below[0]) or self.bare[index][0] == "="

    @cached_property
    def _last_title(self) -> int:
        """The index of the last line that is a title between rules."""
        lines = reversed(range(len(self.bare)))
        return next((index for index in lines if _is_title(self.bare[index])), -1)

    def _is_arrowed(self, index: int, low: str) -> bool:
        """Whether GroupWise introduces a quote: `>>> Anna <a@x.example> 23.11.2026 10:11 >>>`, or
        `>>> On …, Anna <a@x.example> wrote:`.
        """
        if not low.startswith(ARROWS) or not self.may_look():
            return False
        if low.endswith(" >>>"):
            return is_dated_address(low.strip("> "))
        return low[-1] in COLONS and is_attribution(self.bare[index][4:], above_quote=False)

    def _is_ruled_attribution(self, index: int) -> bool:
        """Whether the line is an attribution such as `---- On Mon, 23 Nov 2026 Anna wrote ----`."""
        bare = self.bare[index]
        if not (
            bare.startswith("---")
            and bare.endswith("--")
            and len(bare) <= MAX_LINE
            and self.may_look()
        ):
            return False
        words = bare.strip(RULE)
        return has_verb(words) and is_attribution(words, above_quote=True)

    def _is_below_rule(self, index: int) -> bool:
        above = index - 1
        while above >= 0 and index - above <= BLANKS_BELOW_ATTRIBUTION and not self.bare[above]:
            above -= 1
        if above < 0 or len(self.bare[above]) > MAX_LINE:
            return False
        low = low_of(self.bare[above])
        words = low.strip(RULE)
        return (len(low) >= FOOTER_RULE and not words) or words in SEPARATORS

    def above_rules(self, index: int) -> int:
        """The index at which the blank lines, rules and titles of an original directly above
        `index` begin.
        """
        while index > 0 and (
            not (words := self.bare[index - 1].strip(RULE))
            or low_of(words).rstrip(":") in (*SEPARATORS, "original")
        ):
            index -= 1
        return index

    def is_below_request(self, index: int) -> bool:
        """Whether the last line above `index` is a help desk's request to reply above it."""
        above = next((bare for bare in reversed(self.bare[max(0, index - 4) : index]) if bare), "")
        return bool(above) and is_reply_marker(low_of(above))

    def above_labels(self, index: int) -> int:
        """The index of a rule above the attribution at `index`, if only labels such as `To: Jan`
        are in between; else `index`.
        """
        above = index
        while above > 0 and label_of(low_of(self.bare[above - 1])) in ("to", "more", "subject"):
            above -= 1
        rule = self.bare[above - 1] if above > 0 else ""
        is_ruled = len(rule) >= FOOTER_RULE and not rule.strip(RULE)
        return above - 1 if is_ruled and above < index else index

    def line_above(self, index: int) -> str:
        """The last line above `index` that is not blank; "" if it is far above. Outlook writes
        three lines for one that is blank.
        """
        lines = reversed(self.bare[max(0, index - _LINES_ABOVE) : index])
        return next(filter(None, lines), "")

    def next_line(self, index: int) -> int | None:
        return next(
            (at for at in range(index, min(index + 20, len(self.bare))) if self.bare[at]), None
        )


def is_reply_marker(low: str) -> bool:
    """Whether the line is a help desk's request, `##- Please type your reply above this line -##`,
    and nothing else.
    """
    if low[0] not in REPLY_SIGNS or low[:2].strip(REPLY_SIGNS) or low[-2:].strip(REPLY_SIGNS):
        return False
    request = low.strip(_AROUND_REQUEST)
    above = next((words for words in REPLY_ABOVE if words in request), None)
    if above is None:
        return False
    words, _, end = request.partition(above)
    return (
        any(word in words for word in REPLY_WORDS)
        and len(words.split()) <= _REQUEST_WORDS
        and FIRST_PERSON.isdisjoint(words.split())
        and end.strip(" .") in REPLY_ENDS
    )


def _is_separator(words: str) -> bool:
    return words.rstrip(":").replace("\u2019", "'") in SEPARATORS


def _is_title(bare: str) -> bool:
    """Whether a line is words between rules: `--- Summary ---`."""
    return (
        bare[:3] in _TITLE_RULES
        and bare[-1] == bare[0]
        and len(bare) <= MAX_LINE
        and bool(bare.strip(RULE))
    )


def _is_titled_header(words: str) -> bool:
    """Whether a header follows its title on the line: `Original message --------From: Anna`."""
    title, rule, rest = words.partition("---")
    return bool(rule) and title.strip(RULE) in SEPARATORS and label_of(rest.lstrip(RULE)) == "from"
