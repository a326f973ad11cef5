"""Marks the quoted lines of a text, and finds the attributions above them."""

from services.case_writer.reading.text.attributions import (
    begins_attribution,
    has_verb,
    is_attribution,
    is_date,
    is_dated,
    names_reader,
)
from services.case_writer.reading.text.lines import MAX_LINE, bare_lines, initials_of, is_open

_MAX_ATTEMPTS = 3000  # lines examined closely; no text written by a program has more
_ATTRIBUTION_LINES = 4
_LEAST_COLUMNS = 50  # programs wrap longer lines
_MAX_NAMES = 20  # of recipients
_LEAST_NAME = 3  # characters
_ANY_NAME = "Xx"
BLANKS_BELOW_ATTRIBUTION = 3
COLONS = ":\uff1a"
ARROWS = ">>> "


class MarkedLines:
    """`lines` are the lines of the text, `bare` the same without spaces around them; `is_quoted` is
    true for each quoted line. `names` are those of recipients: whom a mail answers is one of them.
    """

    def __init__(self, text: str, names: tuple[str, ...] = ()) -> None:
        self._attempts = 0
        self._names = [name for name in names[:_MAX_NAMES] if len(name) >= _LEAST_NAME]
        self.text = text
        self.lines = text.split("\n")
        self.bare = bare_lines(text, self.lines)
        self.is_quoted = [False] * len(self.bare)
        if ">" in text:
            self.is_quoted = [
                bare[:1] == ">" and not (bare[:2] == ">>" and bare[-2:] in ("<<", ">>"))
                for bare in self.bare
            ]
            self._mark_blank_lines()
            self._rejoin_broken_addresses()
            self._unmark_arrows()
            self._mark_initials()
        if "|" in text:
            self._mark_bars()

    def _mark_blank_lines(self) -> None:
        """Mark lines with only `>>` directly above or below quoted ones: blank lines of a quote
        within a quote. Alone, they are the author's.
        """
        last = len(self.bare) - 1
        for index, bare in enumerate(self.bare):
            if bare[:2] == ">>" and not bare.strip("> "):
                is_below = index > 0 and self.is_quoted[index - 1]
                self.is_quoted[index] = is_below or (index < last and self.is_quoted[index + 1])

    def _rejoin_broken_addresses(self) -> None:
        """Rejoin lines that were broken inside `<address>`: the second one begins with `>` but is
        not a quote.
        """
        for index, bare in enumerate(self.bare):
            if (
                index
                and self.is_quoted[index]
                and bare[-1] in COLONS
                and is_open(self.bare[index - 1])
            ):
                self.is_quoted[index] = False

    def _unmark_arrows(self) -> None:
        """Unmark a line such as `>>> On …, Anna <a@x.example> wrote:` that is not below or above a
        quote: GroupWise introduces one with it.
        """
        for index, bare in enumerate(self.bare):
            if bare.startswith(ARROWS) and bare[-1] in COLONS:
                around = self.bare[max(index - 1, 0) : index] + self.bare[index + 1 : index + 3]
                if not any(line[:1] == ">" for line in around):
                    self.is_quoted[index] = False

    def _mark_initials(self) -> None:
        """Mark lines such as `AN> Hello` below an attribution as a quote of The Bat!."""
        index = 0
        while index < len(self.bare):
            mark = initials_of(self.bare[index])
            if not mark or not self._are_of_author(mark, index):
                index += 1
                continue
            while index < len(self.bare) and (
                not self.bare[index] or initials_of(self.bare[index]) == mark
            ):
                self.is_quoted[index] = bool(self.bare[index])
                index += 1

    def _are_of_author(self, initials: str, quoted: int) -> bool:
        """Whether the attribution above names someone with these initials, or the reader."""
        attribution = " ".join(self.bare[self.attribution_above(quoted) : quoted]).strip()
        words = attribution.replace('"', " ").split()
        return bool(attribution) and (
            names_reader(attribution)
            or all(any(word[0] == sign for word in words) for sign in initials)
        )

    def _mark_bars(self) -> None:
        """Mark lines that begin with `|` below an attribution as a quote, except rows of a table,
        which also end with `|`.
        """
        index = 0
        while index < len(self.bare):
            if self.bare[index][:1] != "|":
                index += 1
                continue
            stop = index
            while stop < len(self.bare) and self.bare[stop][:1] == "|":
                stop += 1
            rows = self.bare[index:stop]
            if (
                not any(len(row) > 1 and row[-1] == "|" for row in rows)
                and self.attribution_above(index) < index
            ):
                self.is_quoted[index:stop] = [True] * len(rows)
            index = stop

    def attribution_above(self, quoted: int) -> int:
        """The index at which the attribution of the quote at `quoted` begins; `quoted` itself if it
        has none.
        """
        above = quoted - 1
        while above >= 0 and quoted - above <= BLANKS_BELOW_ATTRIBUTION and not self.bare[above]:
            above -= 1
        if above < 0 or not self.ends_attribution(above):
            return quoted
        start = self.attribution_start(above, above_quote=True)
        return quoted if start is None else start

    def ends_attribution(self, index: int) -> bool:
        bare = self.bare[index]
        if len(bare) > MAX_LINE or not bare:
            return False
        if bare[-1] in COLONS or (bare[-1] == ">" and "@" in bare):
            return True
        return bare[-1] != "." and has_verb(bare[-20:])  # a sentence ends with a period

    def attribution_start(self, end: int, *, above_quote: bool) -> int | None:
        """The index of the first line of the attribution that ends with line `end`; None if it is
        not one. Programs wrap attributions.

        The shortest form counts, unless the lines above it are clearly its beginning.
        """
        joined, found = "", None
        for start in range(end, max(end - _ATTRIBUTION_LINES, -1), -1):
            bare = self.bare[start]
            if not bare or self.is_quoted[start] or len(bare) > MAX_LINE or not self.may_look():
                break
            glued = bare.endswith("<") or joined.startswith(">")
            joined = f"{bare}{joined}" if glued else f"{bare} {joined}"
            begins = begins_attribution(bare)
            may_stand_alone = found is not None and (not begins or is_date(bare))
            if found is not None and may_stand_alone and not self._is_wrapped(start, found):
                break
            is_whole = start == 0 or not is_open(self.bare[start - 1])
            is_whole = is_whole and (above_quote or start == end or has_verb(joined))
            if is_whole and self.introduces_quote(joined, above_quote=above_quote):
                found = start
                if begins:
                    break
        return found

    def introduces_quote(self, line: str, *, above_quote: bool) -> bool:
        """Whether `line` introduces a quote. The name of a recipient may have any words, such as
        `Dział obsługi klienta`.
        """
        if is_attribution(line, above_quote=above_quote):
            return True
        name = next((name for name in self._names if name in line), "")
        if not name:
            return False
        before, _, after = line.partition(name)
        is_word = not (before[-1:].isalnum() or after[:1].isalnum())
        return is_word and is_attribution(f"{before}{_ANY_NAME}{after}", above_quote=above_quote)

    def _is_wrapped(self, above: int, found: int) -> bool:
        """Whether the line above an attribution that is complete without it belongs to it: a date
        that the attribution lacks, or the name in front of its address. A name below other text
        closes the author's letter, unless it left no room for the address in its line.
        """
        bare, below = self.bare[above], self.bare[found]
        if is_date(bare):
            return not is_dated(below)
        is_alone = above == 0 or not self.bare[above - 1]
        is_full = len(bare) + below.find(" ") >= _LEAST_COLUMNS
        return below[0] == "<" and (is_alone or is_full)

    def may_look(self) -> bool:
        self._attempts += 1
        return self._attempts <= _MAX_ATTEMPTS
