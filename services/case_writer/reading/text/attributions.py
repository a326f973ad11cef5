"""Recognizes the line with which a mail program introduces a quote: `On 23 Nov 2026, at 10:11, Anna
<anna@x.example> wrote:`.

The words of such a line are classified as date, time, address, verb and glue; what is left must be
a name. A sentence has other words left, so it is not such a line, however it begins and ends.
"""

# ruff: noqa: RUF001 - signs and words of other scripts

import re

from services.case_writer.reading.text.date_words import (
    is_calendar_word,
    kind_of_number,
    may_be_name,
)
from services.case_writer.reading.text.foreign_attributions import (
    is_foreign_attribution,
    is_short_name,
)
from services.case_writer.reading.text.quote_markers import (
    ARTICLES,
    FIRST_WORDS,
    GLUE,
    PARTICLES,
    PERSONAL,
    QUOTING,
    RELATIONS,
    SENTENCE_WORDS,
    STARTERS,
    VERBS,
    YOU_WROTE,
)

MAX_CHARS = 400
_MAX_WORDS = 40
_MAX_NAME_WORDS = 7
_MAX_UNKNOWN_WORDS = 3
_HALF_DAY = re.compile(r"\b([ap])\.\s?m\.(?=[\s,:]|$)")
_GLUED_NAME = re.compile(r"(\d\d[:.]\d\d)(?=[^\W\d_]{3})")  # `10:11Anna`
_NOTE = re.compile(r"\(([^\W\d_][^()@\d]{1,60})\)(?=\s?<)")  # `Anna (Office, sales) <a@x.example>`
_DIGIT = re.compile(r"\d")
_EDGES = ",;:()[]\"'„”“«»’‘.…*_"


class _Parts:
    """The classified words of a line. `unknown` counts words in lower case that no known program
    writes, and `in_name` those of them behind the capital word of a name: `Acme sales office`.
    """

    def __init__(self, line: str) -> None:
        if "(" in line:
            line = _NOTE.sub(_without_note, line)
        if "& Co" in line:
            line = line.replace("& Co", "")  # elsewhere, `Co` begins a Polish sentence
        if "m." in line:
            line = _HALF_DAY.sub(r"\1m", line)
        line = _GLUED_NAME.sub(r"\1 ", line)
        self.text, self.has_address = _without_addresses(line)
        self.has_verb = self.has_year = self.has_date = self.has_time = False
        self.name: list[str] = []
        self.unknown = self.in_name = self._names_before_verb = 0
        self._is_behind_verb = self._is_behind_article = self._is_behind_via = False
        self._is_first = True
        words = self.text.split()
        first = words[0].strip(_EDGES).lower() if words else ""
        if first in FIRST_WORDS and len(words) > 1 and words[1][0].isdecimal():
            del words[0]  # a day of the week
            first = words[0]
        self.begins_with_date = first[:1].isdecimal() or is_calendar_word(first) or first in GLUE
        self.is_sentence = len(words) > _MAX_WORDS or not all(map(self._take, words))
        self.is_sentence |= self._is_behind_article or len(self.name) > _MAX_NAME_WORDS

        if self.unknown and not self.name and _name_before_address(line) in words:
            self.unknown -= 1  # `info <info@x.example>`

    def _take(self, word: str) -> bool:
        """Classify a word; False if only a person would write it."""
        is_behind_verb, self._is_behind_verb = self._is_behind_verb, False
        bare = word.strip(_EDGES)
        low = bare.lower()
        is_behind_via, self._is_behind_via = self._is_behind_via, low == "via" and bool(self.name)
        if is_behind_via and low not in PERSONAL:
            return True  # `Anna via shop`
        if self._is_behind_article and not bare[:1].isdecimal():
            return False  # `schrieb der Fahrer`
        self._is_behind_article = False
        is_first, self._is_first = self._is_first, False
        if "@" in bare:
            self.has_address = True
        elif low in VERBS or f"{low})" in VERBS:
            self.has_verb = self._is_behind_verb = True
            self._names_before_verb = len(self.name)
        elif bare[:1].isdecimal() or (bare[:1] in ("+", "-") and bare[1:2].isdecimal()):
            return self._take_number(bare)
        elif is_calendar_word(low) and not (
            (self.has_year or self.has_time or is_first) and may_be_name(bare)
        ):
            self.has_date = True
        elif bare[:1].islower():
            return self._take_small(low, is_behind_verb=is_behind_verb)
        elif bare:
            return self._take_capital(bare, low)
        return True

    def _take_number(self, word: str) -> bool:
        kind = kind_of_number(word)
        self.has_year = self.has_year or "y" in kind
        self.has_date = self.has_date or "d" in kind
        self.has_time = self.has_time or "t" in kind
        return bool(kind)

    def _take_small(self, low: str, *, is_behind_verb: bool) -> bool:
        if is_behind_verb and low in ARTICLES:
            self._is_behind_article = True  # `skrev den 23.11.2026`
        if low in GLUE or low in PARTICLES:
            return True
        if "." in low or "_" in low:
            self.name.append(low)  # a login
            return True
        self.unknown += 1
        self.in_name += len(self.name) > self._names_before_verb
        return low not in PERSONAL and low not in RELATIONS

    def _take_capital(self, word: str, low: str) -> bool:
        if low in GLUE or (not self.name and low in PARTICLES):
            return word not in SENTENCE_WORDS
        is_introduced = self.has_time or self.has_verb
        if low in ARTICLES and not self.name and is_introduced and self.has_address:
            return True  # `The Acme Team <team@acme.example>`
        self.name.append(word)
        if low in RELATIONS and len(self.name) == 1:
            return False
        return low not in PERSONAL and word not in SENTENCE_WORDS


def is_attribution(line: str, *, above_quote: bool) -> bool:
    """Whether `line`, unwrapped, introduces a quote.

    If no marked quote follows, the line must be complete: an address with a verb or a date and
    time; or a date, a time, a name and a verb, with the punctuation of programs. Above a marked
    quote, less is enough, and the verb may be in any language.
    """
    line = line.strip()
    if len(line) > MAX_CHARS or not any(sign.isdecimal() or sign == "@" for sign in line):
        return above_quote and len(line) <= MAX_CHARS and _is_name_and_verb(line)
    if (above_quote and names_reader(line)) or is_foreign_attribution(line):
        return True
    parts = _Parts(line)
    if parts.is_sentence:
        return False
    is_dated = parts.has_date and parts.has_time
    if not above_quote:
        if parts.unknown:
            return False
        if parts.has_address:
            return (parts.has_verb and _is_plain_end(line)) or (
                is_dated and parts.has_year and parts.begins_with_date and _ends_with_address(line)
            )
        return (
            parts.has_verb
            and is_dated
            and parts.has_year
            and bool(parts.name)
            and _has_program_form(parts.text)
        )
    if not is_short_name(parts.text):
        return False
    is_whole = parts.has_address and is_dated
    unknown = parts.unknown - (parts.in_name if is_whole and parts.has_verb else 0)
    may_be_foreign = is_whole and not begins_attribution(line)
    if unknown > (_MAX_UNKNOWN_WORDS if may_be_foreign else 0):
        return False
    if parts.has_verb:
        return parts.has_address or bool(parts.name)
    return is_dated and parts.has_address and (line[-1] in (":", "：") or parts.begins_with_date)


def names_reader(line: str) -> bool:
    """Whether the line is only `Monday, November 23, 2026, 10:15:00 AM, you wrote:`, with seconds,
    which people do not write.
    """
    low = line.lower()
    words = next((words for words in YOU_WROTE if words in low), "")
    if not words or line[-1] != ":":
        return False
    parts = _Parts(low.replace(words, " "))
    is_whole = parts.has_date and parts.has_year and parts.has_time
    return is_whole and has_seconds(low) and not (parts.is_sentence or parts.name or parts.unknown)


def has_verb(line: str) -> bool:
    """Whether one of the words is a verb that programs write for `wrote`."""
    return any(
        word.strip(_EDGES) in VERBS or word.strip(",:") in VERBS
        for word in line.lower().split()[:_MAX_WORDS]
    )


def begins_attribution(line: str) -> bool:
    """Whether the line begins like the attributions of programs: `On`, `W dniu`, `Am`."""
    return line[:MAX_CHARS].lower().startswith(STARTERS)


def has_seconds(line: str) -> bool:
    """Whether a time in the line has seconds, which people do not write."""
    return any(word.count(":") == 2 for word in line.rstrip(":").split())


def has_separated_name(line: str) -> bool:
    """Whether a comma, or `from`, is between the date and the name in a line without a verb, as
    programs write it in the few languages in which they leave the verb out.
    """
    if is_foreign_attribution(line):
        return True
    behind_date = _DIGIT.split(line.partition("<")[0])[-1]
    return behind_date.startswith(",") or behind_date.split()[:1] in (["от"], ["від"])


def is_date(line: str) -> bool:
    """Whether the line contains only a date or time, as the first line of a wrapped attribution
    does.
    """
    if len(line) > MAX_CHARS or not any(sign.isdecimal() for sign in line):
        return False
    parts = _Parts(line)
    return (
        not parts.is_sentence
        and parts.has_date
        and not (parts.name or parts.unknown or parts.has_verb)
    )


def is_dated_address(line: str) -> bool:
    """Whether the line contains only who wrote and when: an address, a date with its year and a
    time.
    """
    parts = _Parts(line)
    is_dated = parts.has_date and parts.has_year and parts.has_time
    return is_dated and parts.has_address and not parts.is_sentence and not parts.has_verb


def is_dated(line: str) -> bool:
    """Whether the line contains a time or a year. People, too, write the words of others below
    `Anna <a@x.example> wrote:` without them.
    """
    parts = _Parts(line)
    return parts.has_time or parts.has_year or is_foreign_attribution(line)


def _ends_with_address(line: str) -> bool:
    """Whether only a colon follows the address, as in `23.11.2026, 10:11, "Anna"
    <a@x.example>:`.
    """
    return line[-1:] in (":", "：") and line[:-1].rstrip().endswith((">", "]", ")"))


def _is_plain_end(line: str) -> bool:
    return line[-1:] in (":", "：") or has_verb(line.rsplit(maxsplit=1)[-1])


def _is_name_and_verb(line: str) -> bool:
    """Whether the line is a name and a verb only: `Anna Nowak wrote:`. `Quoting Goethe:` is a
    person's: programs add an address to it.
    """
    parts = _Parts(line)
    is_of_person = line.lower().startswith(QUOTING)
    is_whole = parts.has_verb and bool(parts.name) and not parts.unknown
    return is_whole and not (parts.is_sentence or is_of_person)


def _name_before_address(line: str) -> str:
    """The word directly before the first `<`; "" if there is none."""
    before, opened, _ = line.partition("<")
    return (before.split() or [""])[-1] if opened else ""


def _without_note(note: re.Match[str]) -> str:
    """ "" for a note that belongs to a name; the note itself if a person wrote it."""
    words = {word.strip(_EDGES) for word in note[1].lower().split()}
    is_of_name = note[1][0].isupper() and words.isdisjoint(PERSONAL | RELATIONS)
    return "" if is_of_name else note[0]


def _without_addresses(line: str) -> tuple[str, bool]:
    """The line without `<address>`, `[mailto:address]` and the like."""
    if "@" not in line:
        return line, False
    found = False
    for opening, closing in (("<", ">"), ("[", "]"), ("(", ")")):
        start = 0
        while (start := line.find(opening, start)) >= 0:
            end = line.find(closing, start)
            if end < 0:
                break
            inner = line[start + 1 : end]
            if "@" in inner:
                line = f"{line[:start]} {line[end + 1 :]}"
                found = True
            else:
                start += 1
    return line, found


def _has_program_form(text: str) -> bool:
    """Whether a line with a date, a time, a name and a verb, but without an address, has the
    punctuation of a program.

    Programs put commas around the date and time, except in German and the Scandinavian languages;
    people seldom do.
    """
    low = f" {text.lower()} "
    words = low.replace(",", " ").split()
    is_numeric = any(
        word.count(".") == 2 or word.count("/") == 2 or word.count("-") == 2 for word in words
    )
    if " schrieb " in low:
        return (" um " in low or is_numeric) and low.rstrip().endswith(":")
    if " skrev " in low:
        return (" kl" in low or is_numeric) and low.rstrip().endswith(":")
    if " kirjoitti " in low:
        return is_numeric and low.rstrip().endswith(":")
    if " schreef " in low:
        return low.lstrip().startswith("op ")
    head, comma, _ = low.rpartition(", ")
    if not comma:
        return False
    return is_numeric or "," in head
