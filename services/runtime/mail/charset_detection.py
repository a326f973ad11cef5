"""Detects the code page of bytes by the letters that they would be. Pure, bounded, never raises.

Each page is tried with each of its languages. A reading scores higher the more frequent its letters
are in that language, and the more often they are next to their usual neighbors. It scores lower
with letters that the language does not have, signs inside words (`p³atne`) and capitals after
lower-case letters (`оПХБЕР`).

A declared page is overruled only if it makes nonsense of a third of the words and another page
makes valid words of all of them. Words that are valid in a language of the declared page are not
overruled.
"""

# ruff: noqa: RUF001 - it is about characters that look like others
import math
from collections import Counter
from functools import cache, lru_cache
from typing import NamedTuple

from services.runtime.mail.code_pages import (
    FOREIGN,
    LATIN_PAGES,
    LIKELY,
    ORDER,
    PAGES,
    SIGNS,
    all_letters,
    alphabets_of,
    byte_alphabets,
    byte_logs,
    decoded,
    is_letter,
    language_of,
    letters_of,
    small,
    table_of,
)

SAMPLE_BYTES = 4096  # enough letters to tell code pages apart, whatever the size of the mail
_MAX_WORDS = 60
_MAX_LETTERS = 250  # letters beyond ASCII, in different words
_MAX_WORD_BYTES = 40
_FEW_WORDS = 5
_BEFORE_BYTES = 200
_WINDOW_BYTES = 16_384  # searched if the beginning contains hardly any letters beyond ASCII
_HEAD_LETTERS = 200
_FEWEST_LETTERS = 30

# Natural logarithms of probabilities, or added to such.
_NO_TEXT = -11.0  # a control, a line drawing character, a byte without meaning
_SIGN = -1.5  # quotes, dashes, § and the like
_MISPLACED = -6.5
_SEEN, _UNSEEN = 0.5, -0.7  # a neighbor
_KNOWN_WORD = 2.0
_STOP_WORD, _STOP_WORDS = 1.2, 8.0
_LONELY = (-6.0, -4.0, -2.0)  # so few letters are hardly a text in another script
_MARGIN = 6.0  # by which another reading must score higher than the declared one
_WIDE_MARGIN = 10.0  # the same if most words could be words of some language, but of no single one
_MARGIN_OF_LETTER = 0.4
_FREQUENT_LETTER = -3.6  # per letter, in another script: the minimum of running text
_FREQUENT_AT_ONCE = -3.4  # the same without regard to neighbors
_BONUS = _STOP_WORDS + 1.0  # the most that a language gets in addition to its letters and words
_GOOD_LETTER = -3.65  # the same for overruling; the letters of an alphabet in order score lower

# A declared page is judged as the superset with which the Encoding Standard (section 4.2) replaces
# it.
_JUDGED_AS = {"iso8859-1": "cp1252", "koi8-r": "koi8-u"}
_WINDOWS_SISTER = {
    "iso8859-1": "cp1252",
    "iso8859-2": "cp1250",
    "iso8859-4": "cp1257",
    "iso8859-5": "cp1251",
    "iso8859-6": "cp1256",
    "iso8859-7": "cp1253",
    "iso8859-8": "cp1255",
    "iso8859-13": "cp1257",
    "iso8859-15": "cp1252",
}
_BEFORE_WORDS = frozenset("«»„“”‚‘‹›№§–—…·´°\xa0")
_AFTER_WORDS = frozenset("»“”’‹›…·´°ºª™®\xa0–")
_NOT_LETTERS = bytes(byte if byte > 0x7F or chr(byte).isalpha() else 0x20 for byte in range(256))
_ASCII = bytes(range(0x80))
_NOT_C1 = bytes(byte for byte in range(256) if not 0x80 <= byte < 0xA0)
_NOT_ASCII_LETTERS = bytes(byte for byte in range(256) if not chr(byte).isalpha() or byte > 0x7F)


class _Words(NamedTuple):
    """The different words of a sample: those with bytes beyond ASCII, the frequent ones first, and
    the others.
    """

    high: list[bytes]
    ascii_words: frozenset[str]


def detect(data: bytes) -> str:
    """The code page of bytes that are not ASCII, not UTF-8 and not declared."""
    return _best(_words(_window(data)))[0]


def overruled(data: bytes, codec: str) -> str | None:
    """The page that `data` is really in, although `codec` was declared; None if the declaration may
    be right.
    """
    window = _window(data)
    high = window.translate(None, _ASCII)
    judged = _JUDGED_AS.get(codec, codec)
    has_controls = codec in _WINDOWS_SISTER and len(high.translate(None, _NOT_C1)) > 0
    if has_controls:
        # Printable there, but control characters in the declared page.
        judged = _WINDOWS_SISTER[codec]
    if judged in PAGES and not _is_explained_at_once(window[:SAMPLE_BYTES], high, judged):
        words = _words(window)
        margin = _margin(words, judged)
        if margin is not None:
            page, score = _best(words)
            if (
                page != judged
                and score - _score(words, judged) >= margin
                and _explains(words, page)
            ):
                return page
    return (
        judged
        if has_controls or (codec == "koi8-r" and _differs(high[:SAMPLE_BYTES], codec, judged))
        else None
    )


def _window(data: bytes) -> bytes:
    """The bytes that are examined, beginning shortly before the first one beyond ASCII."""
    try:
        data.decode("ascii")
    except UnicodeDecodeError as error:
        start = max(0, error.start - _BEFORE_BYTES)
        return data[start : start + _WINDOW_BYTES]
    return b""


def is_text(data: bytes, codec: str) -> bool:
    """Whether all words of `data` are words in some language of this page."""
    page = _JUDGED_AS.get(codec, codec)
    return page in PAGES and all(
        _is_word(decoded(word, page), page) for word in _words(_window(data)).high
    )


def is_expected(text: str) -> bool:
    """Whether all characters beyond ASCII are letters of a known language, or common signs."""
    return all(
        letter < "\x80" or letter in SIGNS or letter in all_letters() for letter in small(text)
    )


def _margin(words: _Words, page: str) -> float | None:
    """The score by which another page must beat the declared one for these words; None if the
    declared page reads them well.
    """
    texts = [decoded(word, page) for word in words.high]
    bad = sum(1 for text in texts if not _is_word(text, page))
    if bad * 3 >= len(texts):
        return _MARGIN
    if page not in LATIN_PAGES:
        best = max(sum(_word_score(text, name) for text in texts) for name in PAGES[page][0])
        length = sum(1 for text in texts for letter in text if letter > "\x7f")
        reads_well = best > _FREQUENT_LETTER * length and not bad
        return None if reads_well else max(_MARGIN, _MARGIN_OF_LETTER * length)
    letters = frozenset().union(*map(letters_of, texts))
    if bad == 0 and any(letters <= alphabet for alphabet in alphabets_of(page)):
        return None
    return _WIDE_MARGIN


def _differs(high: bytes, codec: str, other: str) -> bool:
    seen = bytes(set(high))
    return seen.decode(codec, "replace") != seen.decode(other, "replace")


def _words(window: bytes) -> _Words:
    words = window[:SAMPLE_BYTES].translate(_NOT_LETTERS).split()
    high = [word[:_MAX_WORD_BYTES] for word in words if not word.isascii()]
    if len(high) < _FEW_WORDS and len(window) > SAMPLE_BYTES:
        more = window[SAMPLE_BYTES:].translate(_NOT_LETTERS).split()
        high += [word[:_MAX_WORD_BYTES] for word in more if not word.isascii()]
    chosen: list[bytes] = []
    letters = 0
    for word, _ in Counter(high).most_common(_MAX_WORDS):
        chosen.append(word)
        letters += len(word.translate(None, _ASCII))
        if letters > _MAX_LETTERS:
            break
    return _Words(
        chosen, frozenset(word.decode().lower() for word in words[:300] if word.isascii())
    )


def _best(words: _Words) -> tuple[str, float]:
    """The page with the highest score for these words, the first of equals. Pages that cannot win
    are not scored.
    """
    bounds = {page: _bound(words, page) for page in PAGES}
    best, best_score = "cp1252", -math.inf
    for page in sorted(PAGES, key=bounds.__getitem__, reverse=True):
        # stable: equals in the order of the table
        if bounds[page] < best_score:
            break
        score = _score(words, page)
        if score > best_score or (score == best_score and ORDER[page] < ORDER[best]):
            best, best_score = page, score
    return best, best_score


def _bound(words: _Words, page: str) -> float:
    """A score that no reading in `page` exceeds, from the letters alone."""
    letters = b"".join(words.high).translate(None, _ASCII)
    return (
        _BONUS + _KNOWN_WORD * len(words.high) + sum(map(_byte_bounds(page).__getitem__, letters))
    )


def _score(words: _Words, page: str) -> float:
    """The score of these words in the likeliest language of `page`."""
    languages, likely = PAGES[page]
    texts = [decoded(word, page) for word in words.high]
    structure = sum(map(_structure, texts))
    return (
        structure
        + likely
        + max(_language_score(texts, words.ascii_words, name) for name in languages)
    )


def _language_score(texts: list[str], ascii_words: frozenset[str], name: str) -> float:
    language = language_of(name)
    score = LIKELY.get(name, 0.0)
    score += min(_STOP_WORD * len(ascii_words & language.stop_words), _STOP_WORDS)
    if not language.is_latin:
        letters = sum(1 for text in texts for letter in text.lower() if letter in language.logs)
        score += _LONELY[letters] if letters < len(_LONELY) else 0.0
    return score + sum(_word_score(text, name) for text in texts)


@lru_cache(maxsize=4096)
def _word_score(text: str, name: str) -> float:
    """The score of a word's letters, by their frequency and their neighbors. `_structure` scores
    the characters that are not letters of any language.
    """
    low, language = small(text), language_of(name)
    score = _KNOWN_WORD if low in language.words else 0.0
    for index, letter in enumerate(low):
        if letter < "\x80" or letter in SIGNS:
            continue
        frequency = language.logs.get(letter)
        if frequency is None:
            score += FOREIGN if letter.isalpha() else 0.0
            continue
        score += frequency
        before = low[index - 1] if index and is_letter(low[index - 1]) else "^"
        after = low[index + 1] if index + 1 < len(low) and is_letter(low[index + 1]) else "$"
        if language.neighbors:
            score += _SEEN if before + letter in language.neighbors else _UNSEEN
            if language.is_latin or after == "$":
                score += _SEEN if letter + after in language.neighbors else _UNSEEN
        if not language.is_latin and ("a" <= before <= "z" or "a" <= after <= "z"):
            score += _MISPLACED
    return score


@lru_cache(maxsize=4096)
def _structure(text: str) -> float:
    """The penalties of a word in any language: misplaced signs and capitals, and characters that no
    text contains.
    """
    score = 0.0
    in_capitals = sum(map(str.isupper, text)) * 2 > len(text)
    for index, character in enumerate(text):
        if character < "\x80":
            continue
        before = text[index - 1] if index else " "
        after = text[index + 1] if index + 1 < len(text) else " "
        if is_letter(character):
            score += _case(before, character, after, index, in_capitals=in_capitals)
        else:
            score += _sign(before, character, after)
    return score


def _case(before: str, letter: str, after: str, index: int, *, in_capitals: bool) -> float:
    if letter.isupper():
        if before.islower():
            return _MISPLACED
        return 0.0 if index == 0 or in_capitals or not is_letter(before) else -2.0
    if after.isupper():
        return _MISPLACED
    return -3.0 if before.isupper() and index > 1 else 0.0


def _sign(before: str, sign: str, after: str) -> float:
    if sign in "¿¡":
        return _MISPLACED if is_letter(before) or not (is_letter(after) or after in "¿¡") else 0.0
    if sign not in SIGNS:
        return _NO_TEXT
    if is_letter(before) and is_letter(after):
        return _SIGN + (0.0 if sign == "’" else -1.0 if sign in "–·\xa0°" else 1.5 * _MISPLACED)
    if is_letter(after):
        return _SIGN + (0.0 if sign in _BEFORE_WORDS else _MISPLACED)
    if is_letter(before):
        return _SIGN + (0.0 if sign in _AFTER_WORDS else _MISPLACED)
    return _SIGN + (_MISPLACED if sign in "©®²³¹½¼¾±×" and after > "\x7f" else 0.0)


def _is_word(text: str, page: str) -> bool:
    """Whether a language of the page may have this word. In most languages, a long run of letters
    beyond ASCII is not a word.
    """
    if _structure(text) <= _MISPLACED:
        return False
    if page not in LATIN_PAGES and any("a" <= letter <= "z" for letter in text.lower()):
        return False
    letters = letters_of(text)
    explaining = [alphabet for alphabet in alphabets_of(page) if letters <= alphabet]
    if (
        page not in LATIN_PAGES
        or len(text) < 4
        or len(letters) < 3
        or any(letter < "\x80" for letter in text)
    ):
        return bool(explaining)
    # `åäö`, or Icelandic
    return any(len(alphabet) <= 6 or "ð" in alphabet for alphabet in explaining)


def _explains(words: _Words, page: str) -> bool:
    """Whether one language of the page has all letters of all words. In other scripts, the words
    must also be plausible.
    """
    texts = [decoded(word, page) for word in words.high]
    letters = {
        letter for text in texts for letter in small(text) if letter > "\x7f" and is_letter(letter)
    }
    if not letters or not all(_is_word(text, page) for text in texts):
        return False
    for name in PAGES[page][0]:
        language = language_of(name)
        if letters <= language.logs.keys():
            length = sum(map(len, texts))
            if (
                language.is_latin
                or sum(_word_score(text, name) for text in texts) > _GOOD_LETTER * length
            ):
                return True
    return False


def _is_explained_at_once(sample: bytes, high: bytes, page: str) -> bool:
    """A fast version of `_explains` for nearly all correct declarations, on bytes: one language has
    all these letters.

    Not used if words of another script may look like letters of this one, or if a sign is inside a
    word, or for capitals: small letters in KOI8-R are capitals in windows-1251, and the other way
    round.
    """
    seen = set(high[:SAMPLE_BYTES])
    if page not in LATIN_PAGES:
        head = high[:_HEAD_LETTERS]
        is_in_capitals = 2 * len(head.translate(None, _capitals(page))) < len(head)
        return (
            len(head) >= _FEWEST_LETTERS
            and not is_in_capitals
            and any(
                sum(map(logs.__getitem__, head)) > _FREQUENT_AT_ONCE * len(head)
                for logs in byte_logs(page)
            )
        )
    if not any(seen <= alphabet for alphabet in byte_alphabets(page)):
        return False
    in_sample = len(sample.translate(None, _ASCII))
    return in_sample * 2 < len(sample.translate(None, _NOT_ASCII_LETTERS))


@cache
def _capitals(page: str) -> bytes:
    """The bytes that are capital letters in this page."""
    return bytes(byte for byte in range(0x80, 256) if decoded(bytes((byte,)), page).isupper())


@cache
def _byte_bounds(page: str) -> list[float]:
    """The most that each byte can add to a score of the page."""
    best = [max(logs) for logs in zip(*byte_logs(page), strict=True)]
    return [
        max(log + 2 * _SEEN, FOREIGN) if log > FOREIGN else _other(letter)
        for log, letter in zip(best, table_of(page), strict=True)
    ]


def _other(character: str) -> float:
    if is_letter(character):
        return FOREIGN
    return _SIGN if character in SIGNS else _NO_TEXT
