"""The terms of a text and of a query. Pure.

Each word and identifier of a query must occur. A word may occur in any of its variants; see
`words`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from services.desk.search.identifiers import (
    MIN_SPACED_DIGITS,
    Identifier,
    find_identifiers,
)
from services.desk.search.words import WORD, variants

MAX_TEXT_CHARS = 200_000  # of one text; later ones are not found
MAX_TERMS = 4_000  # of one entry
MAX_QUERY_CHARS = 500
MAX_QUERY_PARTS = 20


@dataclass(frozen=True, slots=True)
class Part:
    """One word or identifier of a query; any of `terms` satisfies it."""

    terms: tuple[str, ...]


def terms_of(texts: Iterable[str]) -> list[str]:
    """The terms that find an entry with these texts: sorted, without repeats, at most MAX_TERMS."""
    found: dict[str, None] = {}
    for text in texts:
        shown = text[:MAX_TEXT_CHARS]
        for identifier in find_identifiers(shown):
            found.update(dict.fromkeys(identifier.terms))
        for word in dict.fromkeys(WORD.findall(shown)):
            if len(found) >= MAX_TERMS:
                break
            found.update(dict.fromkeys(_word_terms(word)))
    return sorted(list(found)[:MAX_TERMS])


def parse_query(text: str) -> list[Part]:
    """The parts that must occur, in the order of the query; empty if there are none.

    Parts beyond MAX_QUERY_PARTS and characters beyond MAX_QUERY_CHARS are ignored.
    """
    shown = text[:MAX_QUERY_CHARS]
    spans = _chosen(shown)
    parts = [(span.start, Part(_asked(span))) for span in spans]
    for match in WORD.finditer(shown):
        start, end = match.span()
        if any(span.start < end and start < span.end for span in spans):
            end = min((span.start for span in spans if start < span.start < end), default=start)
        word = variants(shown[start:end])
        if word:
            parts.append((start, Part(word)))
    ordered = sorted(parts, key=lambda part: part[0])
    return list(dict.fromkeys(part for _, part in ordered))[:MAX_QUERY_PARTS]


def matches(text: str, parts: Sequence[Part]) -> Iterator[tuple[int, int]]:
    """Where the words and identifiers of a query occur in a text, as (start, end), in order."""
    wanted = {term for part in parts for term in part.terms}
    shown = text[:MAX_TEXT_CHARS]
    spans = [
        (identifier.start, identifier.end)
        for identifier in find_identifiers(shown)
        if wanted.intersection(identifier.terms)
    ]
    spans += [
        match.span() for match in WORD.finditer(shown) if wanted.intersection(variants(match[0]))
    ]
    end = -1
    for span in sorted(spans, key=lambda span: (span[0], -span[1])):
        if span[0] >= end:
            yield span
            end = span[1]


def _word_terms(word: str) -> tuple[str, ...]:
    """The variants of a word and, if letters and digits mix in it, those of its pieces."""
    own = variants(word)
    if word.isalpha() or word.isdecimal():
        return own
    pieces = [variants(piece) for piece in _split_digits(word)]
    return own if len(pieces) < 2 else (*own, *(term for piece in pieces for term in piece))


def _split_digits(word: str) -> list[str]:
    pieces: list[str] = []
    was_digit: bool | None = None
    for sign in word:
        is_digit = "0" <= sign <= "9"
        if is_digit == was_digit:
            pieces[-1] += sign
        else:
            pieces.append(sign)
        was_digit = is_digit
    return pieces


def _chosen(text: str) -> list[Identifier]:
    """The identifiers in a query, without overlaps, the more specific first."""
    chosen: list[Identifier] = []
    for identifier in find_identifiers(text):
        digits = sum("0" <= sign <= "9" for sign in text[identifier.start : identifier.end])
        if identifier.spaced and digits < MIN_SPACED_DIGITS:
            continue
        if all(identifier.end <= other.start or other.end <= identifier.start for other in chosen):
            chosen.append(identifier)
    return chosen


def _asked(identifier: Identifier) -> tuple[str, ...]:
    """The terms of an identifier in a query. A run of digits must match as a whole, with or without
    the country code.
    """
    first = identifier.terms[0]
    if not first.startswith("num:"):
        return identifier.terms
    whole = {first, f"num:{first[6:]}"}
    return tuple(term for term in identifier.terms if term in whole or not term.startswith("num:"))
