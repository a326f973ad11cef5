"""Recognizes text that programs add to the end of every mail: the signature, the footer of a
mailing list.
"""

import re

from services.case_writer.reading.text.quote_markers import (
    CLOSINGS,
    CONTACTS,
    FIRST_PERSON,
    FOOTER_BEGINNINGS,
    LEAVE_WORDS,
    LIST_FOOTERS,
    PARTICLES,
    REQUESTS,
    SIGNATURE_WORDS,
    UNFINISHED,
    UNITS,
    WEAK_UNITS,
)

_MAX_LINES = 10
_MAX_LINE_CHARS = 160
_PROSE_WORDS = 5
_MAX_LABEL_WORDS = 4
_MAX_UNMARKED_LINES = 4
_LISTING_WORDS = 8
_DISCLAIMERS = (
    "confidential", "poufn", "vertraulich", "confidentiel", "disclaimer", "print this",
    "intended", "przeznaczon", "drukuj", "riservat", "vertrouwelijk", "důvěrn",
    "конфиденциальн", "umwelt", "rodo", "gdpr", "adresat", "registered",
)  # fmt: skip
_LETTERS = "abcdefghijklmnopqrstuvwxyz\xd7"
# The last words of company names.
_COMPANY_FORMS = frozenset(
    {
        "o.o.",
        "inc.",
        "ltd.",
        "co.",
        "s.a.",
        "corp.",
        "k.",
        "sp.k.",
        "sp.j.",
        "a.s.",
        "r.o.",
        "s.r.o.",
        "s.l.",
    }
    | {"s.p.a.", "b.v.", "n.v.", "j.", "s.r.l.", "s.c.", "e.k.", "e.v.", "d.o.o.", "plc."}
)
_ORIGINS = frozenset(
    {"sp.", "z", "o.o.", "spol.", "r.o.", "s.", "mbh", "i", "at", "in", "for", "am"}
)
_WORD = re.compile(r"[^\W\d_]+")
_NAME_CHARS = 3
_NO_NAMES = frozenset(
    {"office", "info", "mail", "contact", "biuro", "com", "www", "sales", "gmail"}
)


def is_signature(lines: list[str], *, author: str, is_typed: bool) -> bool:
    """Whether the lines below `-- ` (RFC 3676 section 4.3) are a signature; orders, questions and
    sentences are not.

    `author` is their name and address, "" if unknown. `is_typed` means that the delimiter lacks its
    space, so that a person may have typed it: then the lines must name the author, close the
    letter, or be a disclaimer.
    """
    lines = [line.strip() for line in lines if line.strip()]
    if is_list_footer(lines):
        return True
    if len(lines) > _MAX_LINES:
        return False
    low = [line.lower() for line in lines]
    if is_typed and not _is_by(author, low):
        return False
    is_marked = any(word in line for line in low for word in SIGNATURE_WORDS)
    if any(word in line for line in low for word in _DISCLAIMERS):
        low = [line for line in low if not _is_prose(line)]
    elif len(lines) > _MAX_UNMARKED_LINES and not is_marked:
        return False
    if not is_marked and not all(map(_is_titled, lines)):
        return False
    return not any(_is_own(line, is_marked=is_marked) for line in low)


def _is_by(author: str, low: list[str]) -> bool:
    """Whether lines in lower case name the author or their domain, close a letter, or are a
    disclaimer.
    """
    words = {word for line in low for word in _WORD.findall(line)}
    known = author.lower().rpartition(".")[0] if "@" in author else author.lower()  # without `.com`
    names = {name for name in _WORD.findall(known) if len(name) >= _NAME_CHARS}
    names -= _NO_NAMES | PARTICLES
    is_disclaimer = any(word in line for line in low for word in _DISCLAIMERS)
    return is_disclaimer or not words.isdisjoint(names) or not words.isdisjoint(CLOSINGS)


def is_list_footer(
    lines: list[str], *, may_be_own: bool = False, may_be_listing: bool = True
) -> bool:
    """Whether the lines below a rule are the footer of a mailing list.

    The last one has a link or an address, or begins like a program's sentence. If `may_be_own`, one
    of them must begin like that. `may_be_listing` accepts the list's name, address and link, each
    on a line, too.
    """
    if not lines or len(lines) > _MAX_LINES:
        return False
    text = "\n".join(lines).lower()
    if not FIRST_PERSON.isdisjoint(text.split()):
        return False  # `Please unsubscribe me`
    has_footer_words = any(words in text for words in LIST_FOOTERS)
    if not has_footer_words or ("http" not in text and "@" not in text):
        return False
    if may_be_listing and _is_listing(lines):
        return True
    last = next(filter(None, reversed([line.strip().lower() for line in lines])), "")
    if not ("http" in last or "@" in last or last.startswith(FOOTER_BEGINNINGS)):
        return False  # the author's own sentence
    if any(line.strip().lower().startswith(FOOTER_BEGINNINGS) for line in lines):
        return True
    return not may_be_own and any(word in text for word in LEAVE_WORDS)


def _is_listing(lines: list[str]) -> bool:
    """Whether the lines are what Mailman writes: the name of a list, its address, and the page
    `listinfo`.
    """
    links = [line for line in lines if line.lower().startswith("http") and " " not in line.strip()]
    others = [line.split() for line in lines if line.strip() and line not in links]
    has_address = any("@" in words[-1] for words in others)
    are_short = all(len(words) <= _LISTING_WORDS for words in others)
    return len(links) == 1 and "/listinfo" in links[0].lower() and has_address and are_short


def is_unfinished(line: str) -> bool:
    """Whether a sentence continues below the line: it ends with a word such as `to` or `the`."""
    return line.rsplit(maxsplit=1)[-1].lower() in UNFINISHED


def _is_own(line: str, *, is_marked: bool) -> bool:
    """Whether a line, in lower case, addresses the reader of this mail."""
    is_contact = any(word in line for word in SIGNATURE_WORDS)
    words = [word.strip(".,;:()!") for word in line.split()]
    if len(line) > _MAX_LINE_CHARS or _is_prose(line) or not REQUESTS.isdisjoint(words):
        return True
    if words[0] == "i":  # elsewhere it is a Polish `and`
        return True
    if _ends_sentence(line) or (line[0] in "-*•" and len(words) > 1 and not is_contact):
        return True
    label, colon, _ = line.partition(": ")
    if colon and len(label.split()) > _MAX_LABEL_WORDS:
        return True
    has_contact_label = not CONTACTS.isdisjoint(label.split())
    if colon and not is_contact and not has_contact_label:
        return True
    is_contact = is_contact or (bool(colon) and has_contact_label)
    return any(map(str.isdigit, line)) and _counts(
        words, is_contact=is_contact, is_marked=is_marked
    )


def _is_titled(line: str) -> bool:
    """Whether a line has the capital letters of names, is a closing such as `Mit freundlichen
    Grüßen`, or belongs to a disclaimer.
    """
    low = line.lower()
    words = low.split()
    if any(word in low for word in _DISCLAIMERS) or not CLOSINGS.isdisjoint(words[-2:]):
        return True
    return all(
        not word[0].islower() or word in PARTICLES or word in _COMPANY_FORMS or word in _ORIGINS
        for word in line.split()
    )


def _ends_sentence(line: str) -> bool:
    """Whether the line ends like a sentence: `Please answer.`, but not `Acme Sp. z o.o.`"""
    if line[-1] in "?!":
        return True
    words = line.split()
    is_initial = len(words) == 2 and len(words[-1]) == 2  # `Anna N.`
    return line[-1] == "." and len(words) > 1 and not is_initial and words[-1] not in _COMPANY_FORMS


def _counts(words: list[str], *, is_contact: bool, is_marked: bool) -> bool:
    """Whether the numbers of a line are those of an order, not of an address or a telephone."""
    beside = [words[at] for at in _beside_numbers(words)]
    if not UNITS.isdisjoint(beside) or any(map(_is_amount, words)):
        return True
    if is_contact:
        return False
    return not WEAK_UNITS.isdisjoint(beside) or not is_marked or not _is_address(words)


def _beside_numbers(words: list[str]) -> list[int]:
    numbers = [index for index, word in enumerate(words) if word[:1].isdigit()]
    return [at for index in numbers for at in (index - 1, index + 1) if 0 <= at < len(words)]


def _is_amount(word: str) -> bool:
    """Whether a word is an amount: `3x`, `20kg`, `x20`."""
    number = word.rstrip(_LETTERS)
    return (number.isdigit() and word[len(number) :] in UNITS) or (
        word[:1] in "x\xd7" and word[1:].isdigit()
    )


def _is_address(words: list[str]) -> bool:
    """Whether a line is an address: `00-001 Warszawa`, `12 Long Lane`, `Hauptplatz 5`. It has few
    words, one or two of them numbers.
    """
    return len(words) <= 7 and sum(word[:1].isdigit() for word in words) <= 3


def _is_prose(line: str) -> bool:
    """Whether a line, in upper or lower case, reads as a sentence: five words or more, with an end
    of a sentence or without marks and numbers.
    """
    words = line.split()
    if len(words) < _PROSE_WORDS or any(word in line for word in ("tel", "tél", "http", "@")):
        return False
    if words[-1] in _COMPANY_FORMS:
        return False
    return line[-1] in ".!:;," or all(word.isalpha() for word in words)
