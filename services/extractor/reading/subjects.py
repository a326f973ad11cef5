"""Subject patterns: literal text with typed placeholders, such as `faktura {text} z {date}`.

A pattern must match the whole subject. Placeholders are matched once forwards and once backwards,
without regular expressions, so that no subject is slow: at most 300 * 300 steps per placeholder.
"""

import re
from collections.abc import Sequence

import msgspec

from services.extractor.reading.characters import one_visible_line

MAX_SUBJECT_CHARS = 300
MAX_PLACES = 6
_PLACE = re.compile(r"\{([a-z]+)\}")
_PREFIX = re.compile(
    r"(?:(?:re|odp|aw|antw|sv|vs|fwd?|pd|wg|tr|i)(?: ?\[[0-9]{1,3}\])? ?: ?)+", re.IGNORECASE
)
_CASE_REFERENCE = re.compile(r"^\[[^\[\]]{0,20}#[0-9]{1,12}\] ?")
# The characters that a value of a type consists of; other types allow any.
_ALPHABETS = {
    "number": "0123456789.,' \u2019+-",
    "date": "0123456789./- rR",
    "nip": "0123456789- PLpl",
    "iban": "0123456789 ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
    "ksef": "0123456789-ABCDEFabcdef",
}
TYPES = frozenset(
    {"text", "number", "money", "date", "choice", "bool", "email", "nip", "iban", "ksef"}
)


class InvalidPatternError(ValueError):
    """A pattern that cannot be used; the message says why."""


class SubjectPattern(msgspec.Struct, frozen=True):
    """A compiled pattern. `literals`, in lower case, are the texts around the placeholders; there
    is one more of them than of `places`.
    """

    literals: tuple[str, ...]
    places: tuple[str, ...]

    def find(self, subject: str, place: str) -> list[str]:
        """The possible values of the one placeholder of type `place`; empty if the subject does not
        match.

        More than one value means that the subject can be read in several ways.
        """
        text = strip_prefixes(one_visible_line(subject))
        if len(text) > MAX_SUBJECT_CHARS or place not in self.places:
            return []
        spans = _Matching(self, text).spans_of(self.places.index(place))
        return list(dict.fromkeys(text[start:end] for start, end in spans))


def compile_pattern(pattern: str) -> SubjectPattern:
    """The pattern, compiled. Raises InvalidPatternError. The check of the settings calls this,
    too.
    """
    parts = _PLACE.split(one_visible_line(pattern))
    literals, places = parts[::2], parts[1::2]
    unknown = [place for place in places if place not in TYPES]
    if unknown:
        raise InvalidPatternError(f"{{{unknown[0]}}} is not a typed placeholder")
    if not 1 <= len(places) <= MAX_PLACES:
        raise InvalidPatternError(f"has {len(places)} places; use 1 to {MAX_PLACES}")
    if any("{" in literal or "}" in literal for literal in literals):
        raise InvalidPatternError("has a single brace")
    if any(not literal.strip() for literal in literals[1:-1]):
        raise InvalidPatternError("has two adjacent placeholders")
    return SubjectPattern(tuple(map(_folded, literals)), tuple(places))


def strip_prefixes(subject: str) -> str:
    """A subject without case references and without prefixes of replies and forwarded mails."""
    while True:
        shorter = _CASE_REFERENCE.sub(
            "", _PREFIX.sub("", subject, count=1) if _PREFIX.match(subject) else subject
        )
        if shorter == subject:
            return subject
        subject = shorter


class _Matching:
    """The spans of a subject that each placeholder can match, given what is before and after it."""

    def __init__(self, pattern: SubjectPattern, text: str) -> None:
        self._pattern = pattern
        self._text = text
        self._folded = _folded(text)
        self._runs = [_runs(text, place) for place in pattern.places]

    def spans_of(self, place: int) -> list[tuple[int, int]]:
        """Start and end of each span that the placeholder can have if the whole pattern matches."""
        starts, ends = self._starts(place), self._ends(place)
        return [
            (start, end)
            for start in sorted(starts)
            for end in sorted(ends)
            if self._fits(place, start, end)
        ]

    def _fits(self, place: int, start: int, end: int) -> bool:
        """Whether a span can be a value: it has the characters of the type, and no spaces at its
        ends.
        """
        if not start < end <= start + self._runs[place][start]:
            return False
        return self._text[start] != " " and self._text[end - 1] != " "

    def _starts(self, place: int) -> set[int]:
        """Where the placeholder can start, given the text before it."""
        first = self._pattern.literals[0]
        reached = {len(first)} if self._folded.startswith(first) else set()
        reached.discard(len(self._text))
        for before in range(place):
            literal = self._pattern.literals[before + 1]
            ends = {
                end
                for end in self._occurrences(literal)
                for start in reached
                if self._fits(before, start, end)
            }
            reached = {end + len(literal) for end in ends if end + len(literal) < len(self._text)}
        return reached

    def _ends(self, place: int) -> set[int]:
        """Where the placeholder can end, given the text after it."""
        last = self._pattern.literals[-1]
        reached = {len(self._text) - len(last)} if self._folded.endswith(last) else set()
        for behind in range(len(self._pattern.places) - 1, place, -1):
            literal = self._pattern.literals[behind]
            reached = {
                position
                for position in self._occurrences(literal)
                if position + len(literal) < len(self._text)
                and any(self._fits(behind, position + len(literal), end) for end in reached)
            }
        return reached

    def _occurrences(self, literal: str) -> list[int]:
        return [
            position
            for position in range(len(self._folded))
            if self._folded.startswith(literal, position)
        ]


def _runs(text: str, place: str) -> Sequence[int]:
    """How many characters of the placeholder's type follow each position."""
    alphabet = _ALPHABETS.get(place)
    runs, run = [0] * len(text), 0
    for position in range(len(text) - 1, -1, -1):
        run = run + 1 if alphabet is None or text[position] in alphabet else 0
        runs[position] = run
    return runs


def _folded(text: str) -> str:
    """The text in lower case, with the same number of characters."""
    return "".join(sign.lower() if len(sign.lower()) == 1 else sign for sign in text)
