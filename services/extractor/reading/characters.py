"""Removes invisible characters from text, which hide or reorder what a person reads."""

import re
import unicodedata

# Blank letters, joiners, fillers and variation selectors outside the category "format".
_INVISIBLE = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0"
) | {chr(code) for code in (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))}
_BLANKS = re.compile(r"[^\S\n]+")


def visible(text: str) -> str:
    """The text without invisible and bidirectional characters (category Cf, and some others)."""
    if text.isascii():
        return text
    return "".join(
        sign for sign in text if unicodedata.category(sign) != "Cf" and sign not in _INVISIBLE
    )


def one_visible_line(text: str) -> str:
    """The visible text on one line, without spaces around it, and with each run of spaces as
    one.
    """
    return " ".join(visible(text).split())


def visible_lines(text: str) -> list[str]:
    """The visible lines of a text. Only a line feed ends a line."""
    return [_BLANKS.sub(" ", visible(line)).strip() for line in text.split("\n")]
