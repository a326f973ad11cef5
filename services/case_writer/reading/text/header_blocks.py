"""Recognizes the block of From, Sent, To and Subject that Outlook and others put above a quoted or
forwarded mail.
"""

from typing import NamedTuple

from services.case_writer.reading.text.date_words import is_calendar_word
from services.case_writer.reading.text.quote_markers import (
    BODY_LABELS,
    DATE_LABELS,
    FORM_LABELS,
    LABELS,
    MAX_LABEL_CHARS,
    REPLY_MARKS,
)

_HEADER_LINES = 14  # examined after the first line of a block
_STRAY_LINES = 3  # within it: recipients wrapped over several lines
_MAX_LINE = 600
_BOLD = "* \t"
_RULE = "_-=*"
_YEAR_DIGITS = 4
_LONG_DATE_SIGNS = "年년"
_BLANKS_BELOW = 2  # lines, before the label of a form's text
_NAME_WORDS = 2
_SIGNS = ",;()\"'<>"


class Reply(NamedTuple):
    """What is known of the mail whose lines are examined, in lower case: the words of its author's
    display name, and its subject without the mark of a reply; "" if it has none. `recipients` are
    the display names of its recipients, as they are written.
    """

    author: frozenset[str] = frozenset()
    subject: str = ""
    recipients: tuple[str, ...] = ()


def reply_of(name: str, subject: str, recipients: tuple[str, ...] = ()) -> Reply:
    """The reply with this subject by an author of this display name to recipients of these."""
    author = frozenset(word.strip(_SIGNS) for word in name.lower().split())
    mark, colon, rest = subject.lower().partition(":")
    is_reply = bool(colon) and mark.rstrip("[]0123456789 ") in REPLY_MARKS
    return Reply(author, " ".join(rest.split()) if is_reply else "", recipients)


NO_REPLY = Reply()


class _Block:
    """The labels found so far, and the evidence that a program wrote them."""

    def __init__(self, reply: Reply = NO_REPLY) -> None:
        self.kinds: list[str] = []
        self.has_address = False
        self.has_sent_time = False
        self._date = ""
        self._names_day = False
        self._reply = reply
        self._values: dict[str, list[str]] = {"to": [], "subject": []}

    def add_line(self, line: str) -> None:
        """Add the labels, with their values, of a line that begins with a label."""
        kind = label = previous = ""
        for word in line.lower().replace("*", " ").split():
            found = self._label(previous, word)
            if found:
                label, kind = found, LABELS[found]
                self.kinds.append(kind)
            elif kind:
                self._add_value(kind, label, word)
            previous = word

    def _label(self, previous: str, word: str) -> str:
        if not word.endswith(":"):
            return ""
        for name in (f"{previous} {word[:-1]}", word[:-1]):
            if name in LABELS and (LABELS[name] == "more" or LABELS[name] not in self.kinds):
                return name
        return ""

    def _add_value(self, kind: str, label: str, word: str) -> None:
        if kind in self._values:
            self._values[kind].append(word)
        if kind in ("from", "to"):
            self.has_address = self.has_address or word.find("@") > 0  # unlike `*@x.example`
        elif kind == "sent" and any(sign.isdigit() for sign in word):
            self._date += f" {word}"
            is_date = not word.isdecimal() or len(word) == _YEAR_DIGITS  # unlike `Sent: 3 boxes`
            self.has_sent_time = self.has_sent_time or (is_date and label not in DATE_LABELS)
        elif kind == "sent":
            self._names_day = self._names_day or is_calendar_word(word.strip(",.()"))

    def is_header(self, *, below_rule: bool) -> bool:
        """Whether this is the header of a mail. Travel plans, memos and forms have labels, dates
        and rules too; only a header has an address or a time of sending, or a long date in the
        order of Outlook, or is that of the mail which is answered. A header without any date is one
        that the author shows, except below a rule.
        """
        kinds = set(self.kinds)
        if "from" not in kinds or not (below_rule or "sent" in kinds):
            return False
        is_dated = self._has_date_and_time()
        if "subject" in kinds and kinds & {"sent", "to"}:
            in_order = self.kinds[:4] == ["from", "sent", "to", "subject"]
            is_long_date = self._names_day or any(sign in self._date for sign in _LONG_DATE_SIGNS)
            is_timed = self.has_sent_time or (in_order and is_dated)
            is_certain = self.has_address or (is_timed and (is_long_date or below_rule))
            return is_certain or (is_dated and self.has_sent_time and self._is_answered())
        was_sent = is_dated and self.has_sent_time and self.kinds[:2] == ["from", "sent"]
        if {"sent", "to"} <= kinds:
            has_both = self.has_address and (is_dated or self.has_sent_time)
            return has_both or (self.has_sent_time and is_dated and below_rule)
        return "sent" in kinds and self.has_address and ((is_dated and below_rule) or was_sent)

    def _is_answered(self) -> bool:
        """Whether Outlook wrote the labels, and the mail went to the author of the answer, or has
        the subject of the answer.
        """
        if [kind for kind in self.kinds if kind != "more"] != ["from", "sent", "to", "subject"]:
            return False
        to = {word.strip(_SIGNS) for word in self._values["to"]}
        subject = " ".join(self._values["subject"])
        is_to_author = len(self._reply.author) >= _NAME_WORDS and self._reply.author <= to
        return is_to_author or bool(self._reply.subject and subject.endswith(self._reply.subject))

    @property
    def is_of_outlook(self) -> bool:
        """Whether the block begins as only Outlook writes it, with a time of sending and the name
        of its day or month.
        """
        return self.kinds[:2] == ["from", "sent"] and self.has_sent_time and self._names_day

    def _has_date_and_time(self) -> bool:
        years = [f"{sign}{century}" for sign in " ./-" for century in ("19", "20")]
        has_time = any(map(_is_time, self._date.split()))
        return has_time and any(year in self._date for year in years)


def label_of(low: str) -> str:
    """The field of a line `Label: value`; "" if it is not such a line. Programs write a bold label
    as `*Label:*`.
    """
    return LABELS.get(label_text(low), "")


def label_text(line: str) -> str:
    """The label of such a line, in lower case; "" if there is no colon."""
    label, colon, _ = line[: MAX_LABEL_CHARS + 4].lower().partition(":")
    return label.strip(_BOLD) if colon else ""


def begins_as_reply(lines: list[str], index: int) -> bool:
    """Whether the header block at `index` has the sender and, next, the time of sending, as that of
    an answered mail has. People who show a header copy it in the order of its fields.
    """
    block = _Block()
    for line in lines[index : index + 2]:
        block.add_line(_with_plain_label(line[:_MAX_LINE]))
    return block.kinds[:2] == ["from", "sent"]


def header_end(
    lines: list[str],
    index: int,
    *,
    below_rule: bool = False,
    reply: Reply = NO_REPLY,
) -> int:
    """The index of the line after the header block that begins at `index`; 0 if none begins
    there.
    """
    first = label_of(lines[index].lower())
    if first not in ("from", "subject", "sent"):
        return 0
    block = _Block(reply)
    stray, end, is_wrapped, is_dense, begins_below = 0, index, False, False, False
    for at in range(index, min(index + _HEADER_LINES, len(lines))):
        line = lines[at][:_MAX_LINE]
        if not line:
            if is_dense or (block.is_header(below_rule=below_rule) and _has_all(block, lines, at)):
                break
            is_wrapped = False
            continue
        kind = label_of(line.lower())
        if kind in block.kinds and kind != "more":
            # a header names each field once: then the first line is the author's own
            begins_below = kind == first != "from" and "from" in block.kinds and is_dense
            break
        if kind == "from" and block.kinds and not lines[at - 1] and header_end(lines, at):
            break  # the labels above the blank line are the author's own
        if kind:
            is_dense = is_dense or (at > index and end == at)
            block.add_line(_with_plain_label(line))
            stray, end, is_wrapped = 0, at + 1, True
            continue
        if has_other_label(line) or not line.strip(_RULE):
            break
        stray += 1
        if stray > _STRAY_LINES or not is_wrapped:
            break
        block.has_address = block.has_address or "@" in line
    is_header = block.is_header(below_rule=below_rule) and not _is_form(lines, index, end, block)
    return end if is_header and not begins_below else 0


def _is_form(lines: list[str], index: int, end: int, block: _Block) -> bool:
    """Whether the labels are those of a form, such as one for parcels or of a web site: `Weight: 12
    kg` or `Message:` follows.
    """
    if block.is_of_outlook:
        return False
    following = [line for line in lines[end : end + _BLANKS_BELOW + 1] if line]
    if following and label_text(following[0]) in BODY_LABELS:
        return True
    below = lines[end] if end < len(lines) else ""
    may_be_form = label_text(lines[index]) in FORM_LABELS or not block.has_address
    return may_be_form and has_other_label(below)


def _is_time(word: str) -> bool:
    """Whether a word is like `10:11`, or like `10.11` in Danish and Finnish."""
    hours, dot, minutes = word.partition(".")
    return ":" in word or (bool(dot) and hours.isdecimal() and minutes.isdecimal())


def has_other_label(line: str) -> bool:
    """Whether a line has a label that no header has: `Amount: 12 EUR`."""
    label, colon, _ = line.partition(": ")
    return bool(colon) and "@" not in label and len(label.split()) <= 2


def _has_all(block: _Block, lines: list[str], blank: int) -> bool:
    """Whether the block ends at this blank line: no other label follows it."""
    following = lines[blank + 1] if blank + 1 < len(lines) else ""
    kind = label_of(following.lower())
    return not kind or kind in block.kinds


def _with_plain_label(line: str) -> str:
    """The line with one space after the label's colon and none before it."""
    label, _, value = line.partition(":")
    return f"{label.strip(_BOLD)}: {value}"
