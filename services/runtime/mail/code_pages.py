"""Code pages, their languages, and their bytes and letters. Pure; built once."""

# ruff: noqa: RUF001 - it is about characters that look like others
import math
from functools import cache
from typing import NamedTuple

from services.runtime.mail.alphabets import FURTHER_CYRILLIC, FURTHER_LATIN, LATIN, OTHER_SCRIPTS

# Natural logarithms of probabilities. of letters beyond ASCII in Latin scripts; the same for all
# languages
_RATE = 0.06
FOREIGN = -9.0  # a letter that the language does not have

_WESTERN = ("de", "fr", "es", "pt", "it", "sv", "fi", "da", "nl", "is")
_CENTRAL = ("pl", "cs", "sk", "hu", "ro", "hr", "de")
_BALTIC = ("lt", "lv", "et")
_CYRILLIC = ("ru", "uk", "bg", "be", "sr")
# The languages of each page, and how likely the page is if none is declared. These are the pages
# that mail programs used before UTF-8.
PAGES: dict[str, tuple[tuple[str, ...], float]] = {
    "cp1252": (_WESTERN, 0.0),
    "cp1250": (_CENTRAL, 0.0),
    "iso8859-2": (_CENTRAL, -0.4),
    "iso8859-15": ((*_WESTERN, "et"), -1.5),
    "cp1254": (("tr",), -0.3),
    "cp1251": (_CYRILLIC, 0.0),
    "koi8-u": (("ru", "uk", "bg", "be"), -0.5),
    "iso8859-5": (_CYRILLIC, -2.0),
    "cp1253": (("el",), 0.0),
    "iso8859-7": (("el",), -0.3),
    "cp1257": (_BALTIC, -1.0),
    "iso8859-13": (_BALTIC, -2.0),
    "iso8859-4": (_BALTIC, -3.0),
    "cp866": (("ru", "bg", "be"), -6.0),
    "cp852": (_CENTRAL, -8.0),
    "cp850": (_WESTERN, -8.0),
    "mac-roman": (_WESTERN, -8.0),
    "mac-latin2": (("pl", "cs", "sk", "hu", "hr"), -8.0),
    "mac-cyrillic": (_CYRILLIC, -8.0),
}
LIKELY = {
    "pl": 1.0,
    "de": 0.5,
    "sk": -0.3,
    "bg": -0.3,
    "is": -3.0,
    "be": -1.5,
    "sr": -1.5,
    "et": -1.0,
}
LIKELY |= dict.fromkeys(("nl", "fi", "hr", "lt", "lv"), -0.5)


SIGNS = frozenset("«»„“”‚‘’‹›–—…•€£¥¢°§·´©®™²³¹½¼¾ºª±µ×№†‰\xa0")
_CAPITAL_DOTTED_I = "\u0130"  # its lower-case form has two characters


class Language(NamedTuple):
    logs: dict[str, float]  # of each letter's frequency
    neighbors: frozenset[str]  # pairs of characters; ^ and $ are a word's ends
    words: frozenset[str]
    stop_words: frozenset[str]
    is_latin: bool


@cache
def byte_logs(page: str) -> tuple[list[float], ...]:
    """The frequency of the letter of each byte, for each language of the page."""
    languages = [language_of(name) for name in PAGES[page][0]]
    return tuple(
        [language.logs.get(small(letter), FOREIGN) for letter in table_of(page)]
        for language in languages
    )


@cache
def byte_alphabets(page: str) -> tuple[frozenset[int], ...]:
    """The bytes beyond ASCII in texts of each language of the page, including common signs."""
    harmless = set("«»„“”’–…€°§\xa0")
    return tuple(
        frozenset(
            byte
            for byte in range(0x80, 0x100)
            if (character := table_of(page)[byte]) in harmless
            or (small(character) in alphabet and character.isalpha())
        )
        for alphabet in alphabets_of(page)
    )


@cache
def all_letters() -> frozenset[str]:
    return frozenset(
        letter for name in (*LATIN, *OTHER_SCRIPTS) for letter in language_of(name).logs
    )


@cache
def alphabets_of(page: str) -> tuple[frozenset[str], ...]:
    languages = [frozenset(language_of(name).logs) for name in PAGES[page][0]]
    further = FURTHER_LATIN if page in LATIN_PAGES else (FURTHER_CYRILLIC,)
    return (*languages, *map(frozenset, further))


@cache
def language_of(name: str) -> Language:
    if name in LATIN:
        letters, words, stop_words = LATIN[name]
        whole = sum(1 / rank for rank in range(1, len(letters) + 1))
        # Zipf's law
        logs = {letter: math.log(_RATE / rank / whole) for rank, letter in enumerate(letters, 1)}
    else:
        (frequencies, words), stop_words = OTHER_SCRIPTS[name], ""
        logs = {entry[0]: math.log(float(entry[1:]) / 1000) for entry in frequencies.split()}
    pairs = (f"^{word}$"[at : at + 2] for word in words.split() for at in range(len(word) + 1))
    neighbors = frozenset(pair for pair in pairs if not pair.isascii())
    return Language(
        logs, neighbors, frozenset(words.split()), frozenset(stop_words.split()), name in LATIN
    )


@cache
def table_of(page: str) -> str:
    return bytes(range(256)).decode(page, "replace")


def decoded(word: bytes, page: str) -> str:
    table = table_of(page)
    return "".join([table[byte] for byte in word])


def small(text: str) -> str:
    low = text.lower()
    if len(low) != len(text):
        low = "".join(
            [
                character if character == _CAPITAL_DOTTED_I else character.lower()[:1]
                for character in text
            ]
        )
    return low


def letters_of(text: str) -> frozenset[str]:
    """The letters beyond ASCII, and the signs that only Spanish has."""
    return frozenset(
        letter
        for letter in small(text)
        if letter > "\x7f" and (is_letter(letter) or letter in "¿¡")
    )


def is_letter(character: str) -> bool:
    return character.isalpha() and character not in "ºªµ"


ORDER = {page: place for place, page in enumerate(PAGES)}
LATIN_PAGES = frozenset(page for page, (languages, _) in PAGES.items() if languages[0] in LATIN)
