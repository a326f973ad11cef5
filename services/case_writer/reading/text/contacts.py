"""Recognizes the lines of a signature by which people reach its author."""

import re
from itertools import pairwise

from services.case_writer.reading.text.quote_markers import (
    CALL_WORDS,
    CONTACT_MARKS,
    CONTACT_WORDS,
    CONTACTS,
    REACH_MARKS,
    STREET_ENDS,
    STREET_WORDS,
)

_NUMBER_DIGITS = 3  # of a telephone number, at least
_MAX_ENTRY_CHARS = 160
_SIGNS = ".,;:()!"
_NUMBER = re.compile(r"\+?\d[-/() .0-9]{5,}(?:\([^()\d]*\))?$")


def has_contact(line: str) -> bool:
    """Whether a line in lower case has a way to reach its author, or what a company must show: an
    address, a number to call or of a register, the form of a company.
    """
    if any(mark in line for mark in CONTACT_MARKS):
        return True
    words = [word.strip(_SIGNS) for word in line.split()]
    digits = sum(map(str.isdigit, line))
    if digits >= _NUMBER_DIGITS and any(map(_begins_contact, words)):
        return True
    return digits > 0 and any(word in STREET_WORDS or word.endswith(STREET_ENDS) for word in words)


def is_reachable(line: str) -> bool:
    """Whether a line has an address on the internet or a number to call. A street or the name of a
    company may be where the author wants something sent.
    """
    low = line.lower()
    if any(mark in low for mark in REACH_MARKS):
        return True
    words = [word.strip(_SIGNS) for word in low.split()]
    has_number = sum(map(str.isdigit, low)) >= _NUMBER_DIGITS
    return has_number and any(word.startswith(("+", *CALL_WORDS)) for word in words)


def is_directory(lines: list[str]) -> bool:
    """Whether lines without numbers or links are above and between others, as in a directory."""
    are_marked = [any(map(str.isdigit, line)) or has_contact(line.lower()) for line in lines]
    return sum(below > above for above, below in pairwise(are_marked)) > 1


def is_entry(line: str) -> bool:
    """Whether a line is a number to call behind a name that no signature has: `Gate: 555 01 01`,
    `Eva Lis 555 01 01 (yard)`.
    """
    number = _NUMBER.search(line) if len(line) <= _MAX_ENTRY_CHARS else None
    if number is None:
        return False
    words = line[: number.start()].split()
    low = [word.lower().strip(_SIGNS) for word in words]
    is_of_signature = not CONTACTS.isdisjoint(low) or any(map(_begins_contact, low))
    is_name = bool(words) and (
        words[-1][-1] == ":" or (len(words) > 1 and all(map(_is_capital, words)))
    )
    return is_name and not is_of_signature


def _is_capital(word: str) -> bool:
    return word[0].isupper()


def _begins_contact(word: str) -> bool:
    return word.startswith(CONTACT_WORDS) or (word[:1] == "+" and word[1:2].isdigit())
