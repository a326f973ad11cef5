"""Normalizes words for comparison: folding and stems. Pure.

A word is indexed in several variants, and found by any of them: stemmers are incomplete (Polish
`fakturze`), and the language of a text is not known.
"""

import re
import threading
import unicodedata
from functools import lru_cache

import snowballstemmer

MAX_WORD_CHARS = 64
MIN_STEMMED_CHARS = 4
# Soft hyphens and zero-width characters do not end a word, nor do combining marks.
_JOINERS = "\u00ad\u200b-\u200d\u2060\ufeff"
_MARKS = "\u0300-\u036f"
WORD = re.compile(rf"[^\W_](?:[^\W_]|[{_JOINERS}{_MARKS}])*+")
_DROPPED = re.compile(f"[{_JOINERS}]")
# Letters that Unicode does not decompose into a base letter and a mark.
_UNDECOMPOSED = str.maketrans(
    {
        "ł": "l",
        "đ": "d",
        "ø": "o",
        "ħ": "h",
        "\u0131": "i",
        "æ": "ae",
        "œ": "oe",
        "þ": "th",
        "ð": "d",
    }
)
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})
_LANGUAGES = ("polish", "english", "german")
# Endings of Polish inflected forms that change the stem's last consonants, with the consonants of
# the other forms: fakturze/faktura, kwocie/kwota, klienci/klienta, szkodzie/szkoda, umowie/umowa,
# rachunek/rachunku, drodze/droga, przesyłce/przesyłka.
_SOFTENED = (
    ("rze", "r"),
    ("cie", "t"),
    ("ci", "t"),
    ("dzie", "d"),
    ("ie", ""),
    ("ek", "k"),
    ("dze", "g"),
    ("ce", "k"),
    ("le", "l"),
    ("sze", "ch"),
)
_CACHED_WORDS = 50_000


class _Stemmers(threading.local):
    """Stemmers have state, so each thread has its own."""

    def __init__(self) -> None:
        self._stemmers = {name: snowballstemmer.stemmer(name) for name in _LANGUAGES}

    def stem(self, language: str, word: str) -> str:
        return str(self._stemmers[language].stemWord(word))


_stemmers = _Stemmers()


def fold(text: str) -> str:
    """Lower case without accents: `Łódź` → `lodz`, `Straße` → `strasse`, `Müller` → `muller`."""
    decomposed = unicodedata.normalize("NFKD", _DROPPED.sub("", text).casefold())
    return "".join(
        letter
        for letter in decomposed.translate(_UNDECOMPOSED)
        if not unicodedata.combining(letter)
    )


@lru_cache(maxsize=_CACHED_WORDS)
def variants(word: str) -> tuple[str, ...]:
    """The forms of one word of a text or a query, the folded word first; empty for a single letter.

    Two words match if they share a variant.
    """
    plain = unicodedata.normalize("NFKC", _DROPPED.sub("", word)).casefold()
    folded = fold(plain)[:MAX_WORD_CHARS]
    if folded.isdecimal():
        return (folded.lstrip("0") or "0",)
    if len(folded) < 2:
        return ()
    spelled_out = fold(plain.translate(_UMLAUTS))[:MAX_WORD_CHARS]
    found = [folded, spelled_out]
    if folded.isalpha() and len(folded) >= MIN_STEMMED_CHARS:
        found += _stems(plain[:MAX_WORD_CHARS], folded)
    return tuple(dict.fromkeys(found))


def _stems(plain: str, folded: str) -> list[str]:
    """The stems of a word, and those of its form without accents."""
    polish = [fold(_stemmers.stem("polish", plain)), _stemmers.stem("polish", folded)]
    german = fold(_stemmers.stem("german", plain))
    return [*polish, *_hardened(folded), _stemmers.stem("english", folded), german]


def _hardened(folded: str) -> list[str]:
    for ending, instead in _SOFTENED:
        if folded.endswith(ending):
            stem = folded.removesuffix(ending) + instead
            return [stem] if len(stem) >= MIN_STEMMED_CHARS else []
    return []
