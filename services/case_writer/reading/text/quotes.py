"""What the author wrote now, apart from quotes, signature and forwarded header: a scanner of lines, linear in the text.

In doubt everything is kept: answers between quoted lines keep their quotes, a mail that would be empty stays whole, and
words alone cut nothing without the form that mail programs give them.
"""

from itertools import pairwise

from services.case_writer.reading.text.quote_markers import (
    DEVICE_SIGNATURES,
    FORWARDS,
    LABELS,
    MAX_LABEL_CHARS,
    SEPARATORS,
    STARTERS,
    VERBS,
)

_MAX_LINE = 400  # no mark of a mail program is longer
_HEADER_LINES = 14  # looked at after the first line of a quoted mail's header
_STRAY_LINES = 3  # within it: recipients wrapped over several lines
_ATTRIBUTION_LINES = 3
_SIGNATURE_LINES = 40
_BARE_SIGNATURE_LINES = 12  # after `--` without its blank, which may be a mere line
_BLANKS_BELOW_ATTRIBUTION = 3
_TO_PLAIN = str.maketrans(
    dict.fromkeys("\xa0\u2007\u202f\u2009\u200a\u3000", " ") | dict.fromkeys("\u200b\u200e\u200f\ufeff")
)
_RULE = "_-=* "


def strip_quotes(full_text: str, *, quotes_are_marked: bool = False) -> str:
    """The part of `full_text` that its author wrote now; all of it where nothing marks the rest, or nothing is left.

    `quotes_are_marked` tells that `>` came from the marks of HTML, so that it stands before nothing but quotes.
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
        self.lines = text.split("\n")
        self._bare = [line.strip() for line in self.lines]

    def without_original(self) -> range:
        """The lines before an unmarked original: its header, a separator, or an attribution without `>` after it."""
        for index, bare in enumerate(self._bare):
            if not bare or bare[0] == ">" or (":" not in bare and bare[0] not in _RULE):
                continue
            if self._begins_original(index, _low(bare)):
                return range(self._above_rules(index))
            if bare[-1] == ":" and (start := self._attribution_start(index, strict=True)) is not None:
                following = self._next_line(index + 1)
                if following is None or self._bare[following][0] != ">":
                    return range(start)
        return range(len(self.lines))

    def without_quotes(self, kept: range) -> range:
        """Without a quote that stands below or above all that is new."""
        quoted = [index for index in kept if self._bare[index][:1] == ">"]
        if not quoted:
            return kept
        first, last = quoted[0], quoted[-1]
        top = self._attribution_above(first)
        if any(self._bare[index] for index in self._between(quoted)):
            return kept
        if top == first and not self._shows_itself(quoted):
            return kept  # `> 3 items` may be words of his own
        before = any(self._bare[:top])
        tail = self.without_signature(range(last + 1, kept.stop))
        after = any(self._bare[index].strip(_RULE) for index in tail)
        if before and after:
            return kept
        return range(last + 1, kept.stop) if after else range(top)

    def _shows_itself(self, quoted: list[int]) -> bool:
        """Whether a program quoted these lines: a blank or twice quoted one among them, an original's header."""
        inner = [self._bare[index][1:].lstrip() for index in quoted]
        if self._quotes_are_marked or any(line[:1] in ("", ">") for line in inner):
            return True
        head = _Lines("\n".join(inner[:_HEADER_LINES]))
        return len(head.without_original()) < len(head.lines)

    def _between(self, quoted: list[int]) -> list[int]:
        """The lines between quoted ones, but for attributions: answers, if they are not blank."""
        between: list[int] = []
        for above, below in pairwise(quoted):
            if below - above > 1:
                between += range(above + 1, max(self._attribution_above(below), above + 1))
        return between

    def without_signature(self, kept: range) -> range:
        """Without what follows `-- ` (RFC 3676 section 4.3), and without the last words of a telephone's program."""
        stop, below = kept.stop, 0
        for index in reversed(kept if "--" in self._bare else ()):
            bare = self._bare[index]
            if bare == "--":
                exact = self.lines[index].startswith("-- ")
                if below <= (_SIGNATURE_LINES if exact else _BARE_SIGNATURE_LINES):
                    stop = index
            elif bare:
                below += 1
                if below > _SIGNATURE_LINES or bare[0] == ">":
                    break
        while stop > kept.start and (
            not self._bare[stop - 1] or _low(self._bare[stop - 1]).startswith(DEVICE_SIGNATURES)
        ):
            stop -= 1
        return range(kept.start, stop)

    def _begins_original(self, index: int, low: str) -> bool:
        if low[0] in _RULE:
            words = low.strip(_RULE) if low.startswith(("--", "__", "**", "==")) else ""
            separator = words.rstrip(":") in SEPARATORS or (low.endswith("--") and _attributes(words, strict=True))
            if separator or low[0] != "*":
                return separator
        if low[-1] == ":" and low.rstrip(" :") in FORWARDS:
            following = self._next_line(index + 1)
            return following is not None and (self._bare[following][0] == ">" or len(self._header(following)) >= 2)
        if _label(low) not in ("from", "subject", "sent"):
            return False
        kinds = self._header(index)
        return "from" in kinds and "subject" in kinds and bool(kinds & {"sent", "to"})

    def _header(self, index: int) -> set[str]:
        """Which labels the lines from `index` on have; a few wrapped lines between them are passed over."""
        kinds: set[str] = set()
        stray = 0
        for bare in self._bare[index : index + _HEADER_LINES]:
            if not bare:
                continue
            kind = _label(_low(bare))
            if kind in kinds and kind != "more":
                break
            if kind:
                kinds.add(kind)
                stray = 0
            else:
                stray += 1
                if stray > _STRAY_LINES:
                    break
        return kinds

    def _above_rules(self, index: int) -> int:
        """Where the blank lines and drawn rules above `index` begin."""
        while index > 0 and not self._bare[index - 1].strip(_RULE):
            index -= 1
        return index

    def _attribution_above(self, quoted: int) -> int:
        """Where the attribution of a quote begins that starts at `quoted`; `quoted` itself where it has none."""
        above = quoted - 1
        while above >= 0 and quoted - above <= _BLANKS_BELOW_ATTRIBUTION and not self._bare[above]:
            above -= 1
        if above < 0 or not self._bare[above].endswith(":"):
            return quoted
        start = self._attribution_start(above, strict=False)
        return quoted if start is None else start

    def _attribution_start(self, end: int, *, strict: bool) -> int | None:
        """The first line of the attribution that ends with line `end`, programs wrap it; None if it is none.

        Strictly it must tell a time or an address, as a program does and a person hardly; else either will do, since
        the words of most languages are not known here.
        """
        joined = ""
        for start in range(end, max(end - _ATTRIBUTION_LINES, -1), -1):
            low = _low(self._bare[start])
            if not low or low[0] == ">":
                break
            joined = f"{low} {joined}"
            if (low.startswith(STARTERS) or low[0].isdigit()) and _attributes(joined, strict=strict):
                return start
        # `Jan Kowalski <jan@x.example> wrote:` begins with no word of ours
        return end if not strict and _attributes(_low(self._bare[end]), strict=False) else None

    def _next_line(self, index: int) -> int | None:
        return next((at for at in range(index, min(index + 20, len(self._bare))) if self._bare[at]), None)


def _low(bare: str) -> str:
    """A line as it is compared: small letters, plain blanks; one that is too long to be a mark becomes none."""
    if len(bare) > _MAX_LINE:
        return "…"
    return bare.lower() if bare.isascii() else bare.translate(_TO_PLAIN).strip().lower()


def _label(low: str) -> str:
    """What a line `Label: value` tells, "" where it is none; programs write the label bold as `*Label:*`."""
    label, colon, _ = low[: MAX_LABEL_CHARS + 4].partition(":")
    return LABELS.get(label.strip("* \t"), "") if colon else ""


def _attributes(joined: str, *, strict: bool) -> bool:
    words = f" {joined.replace(',', ' ').replace(':', ' ')} "
    has_verb = any(f" {verb} " in words for verb in VERBS)
    if has_verb is not strict:
        return has_verb
    has_address = "@" in joined and ("<" in joined or "[" in joined)
    return has_address or (_has_year(words) and _has_time(joined))


def _has_year(words: str) -> bool:
    return any(f"{century}{digit}" in words for century in ("19", "20") for digit in "0123456789")


def _has_time(joined: str) -> bool:
    pieces = joined.split(":")
    return any(left[-1:].isdigit() and right[:2].isdigit() and len(right) > 1 for left, right in pairwise(pieces))
