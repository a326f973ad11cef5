"""Recognizes text that programs add to the end of every mail: the signature, the footer of a
mailing list.
"""

import re

from services.case_writer.reading.text.contacts import (
    has_contact,
    is_directory,
    is_entry,
    is_reachable,
)
from services.case_writer.reading.text.date_words import is_calendar_word
from services.case_writer.reading.text.quote_markers import (
    CLOSINGS,
    CONTACTS,
    DISCLAIMERS,
    FIRST_PERSON,
    FOOTER_BEGINNINGS,
    LEAVE_WORDS,
    LIST_FOOTERS,
    MESSAGES,
    PAPER_WORDS,
    PARTICLES,
    REQUESTS,
    UNFINISHED,
    UNITS,
    WEAK_UNITS,
)

_MAX_LINES = 10
_MAX_LINE_CHARS = 160
_PROSE_WORDS = 5
_MAX_LABEL_WORDS = 4
_DATED_LABEL_WORDS = 3  # `New phone from Monday: 555 01 01`
_MAX_UNMARKED_LINES = 4
_MAX_TYPED_LINES = 2  # more may be a list of people
_LISTING_WORDS = 8
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
    | {"s.n.c.", "s.a.s.", "lda.", "ltda.", "kft.", "zrt.", "nyrt.", "bt.", "b.v.b.a."}
)
_ORIGINS = frozenset(
    {"sp.", "z", "o.o.", "spol.", "r.o.", "s.", "mbh", "i", "at", "in", "for", "am"}
)
_WORD = re.compile(r"[^\W\d_]+")
_DASH = re.compile(r"\s[-\u2013\u2014]\s")
_NAME_CHARS = 3
_FOREIGN_NAME_CHARS = 2  # a name in Chinese
_NAME_WORDS = 6
_HEADING_WORDS = 3
_CLOSING_WORDS = 5
_DISCLAIMER_WORDS = 15
_SIGNS = ".,;:()!"
_SENTENCE_ENDS = "?!\u3002\uff01\uff1f\u061f\u0964\u2026"
_NO_NAMES = frozenset(
    {"office", "info", "mail", "contact", "biuro", "com", "www", "sales", "gmail"}
)


def is_signature(lines: list[str], *, author: str, is_typed: bool) -> bool:
    """Whether the lines below `-- ` (RFC 3676 section 4.3) are a signature; orders, questions and
    sentences are not.

    `author` is their name and address, "" if unknown. The lines must name the author, close the
    letter, be a disclaimer, or have an address or a number to call below a name. `is_typed` means
    that the delimiter lacks its space, so that a person may have typed it: then the latter is not
    enough, and the first of lines without an address must name the author or close the letter.
    """
    lines = [line.strip() for line in lines if line.strip()]
    if is_list_footer(lines):
        return True
    if len(lines) > _MAX_LINES or any(map(_is_closing, lines[1:])):
        return False  # above a closing is the letter
    has_disclaimer = _has_disclaimer(" ".join(lines).lower())
    is_marked = any(has_contact(line.lower()) for line in lines)
    is_by = has_disclaimer or _is_by(author, [line.lower() for line in lines])
    if is_by and is_typed and not (has_disclaimer or is_marked):
        is_by = len(lines) <= _MAX_TYPED_LINES and _is_by(author, [_name_part(lines[0]).lower()])
    may_be_by = (
        any(map(is_reachable, lines)) and _begins_with_name(lines) and not is_directory(lines)
    )
    if not is_by and (is_typed or (author and not may_be_by)):
        return False
    if has_disclaimer:
        lines = [line for line in lines if not _is_prose(line)]
    elif len(lines) > _MAX_UNMARKED_LINES and not is_marked:
        return False
    if not is_marked and not all(map(_is_titled, lines)):
        return False
    if sum(map(is_entry, lines)) > 1:
        return False
    if not is_marked and len(lines) == 1 and _has_other_script(lines[0], author):
        return False
    return not any(_is_own(line.lower(), is_marked=is_marked) for line in lines)


def _is_closing(line: str) -> bool:
    """Whether a short line closes a letter: `Mit freundlichen Grüßen`."""
    words = [word.strip(_SIGNS) for word in line.lower().split()]
    return len(words) <= _CLOSING_WORDS and not CLOSINGS.isdisjoint(words[-2:])


def _begins_with_name(lines: list[str]) -> bool:
    """Whether the first of several lines is a name: few words, no label, no number."""
    first, _, _ = lines[0].partition("|")
    is_plain = not any(sign.isdecimal() or sign in ":@" for sign in first)
    return len(lines) > 1 and is_plain and len(first.split()) <= _NAME_WORDS and _is_titled(first)


def _name_part(line: str) -> str:
    """The line up to a dash: `Jan Kowal - Sales`. `Monday - Jan Kowal` is a line of a schedule."""
    return _DASH.split(line, maxsplit=1)[0]


def _has_disclaimer(text: str) -> bool:
    """Whether a text in lower case speaks of itself at length, or of paper: `This e-mail is
    confidential …`, `Please consider the environment …`.
    """
    if not any(word in text for word in DISCLAIMERS) or not any(word in text for word in MESSAGES):
        return False
    return len(text.split()) >= _DISCLAIMER_WORDS or any(word in text for word in PAPER_WORDS)


def _is_by(author: str, low: list[str]) -> bool:
    """Whether lines in lower case name the author or their domain, or close a letter."""
    shown = [word for line in low for word in line.split() if "@" not in word and "/" not in word]
    words = {word for part in shown for word in _WORD.findall(part)}
    names = _names(author)
    return not words.isdisjoint(names) or not words.isdisjoint(CLOSINGS)


def _names(author: str) -> set[str]:
    """The words of the author's name and address, in lower case, that are names."""
    known = author.lower().rpartition(".")[0] if "@" in author else author.lower()  # without `.com`
    names = {
        name
        for name in _WORD.findall(known)
        if len(name) >= (_NAME_CHARS if name.isascii() else _FOREIGN_NAME_CHARS)
    }
    return names - _NO_NAMES - PARTICLES


def _has_other_script(line: str, author: str) -> bool:
    """Whether a line has words without capital letters that are not the author's name: such scripts
    do not show what is a name.
    """
    words = set(_WORD.findall(line.lower()))
    return any(word[0] == word[0].upper() for word in words - _names(author))


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
    return not may_be_own and any(word in text for word in LEAVE_WORDS) and _has_way_out(text)


def _has_way_out(text: str) -> bool:
    """Whether a text has the link, or an address of the list's program, by which people leave a
    list: `https://…`, `stores-leave@lists.example`. A person names the address to be removed.
    """
    addresses = [word for word in text.split() if "@" in word]
    return "http" in text or any(
        word in address for address in addresses for word in ("leave", "unsub", "request", "owner")
    )


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
    """Whether a sentence continues below the line: it ends with a word such as `to` or `the`. With
    a capital letter, these are names: `Minh Le`, and `A` for Anna.
    """
    return line.rsplit(maxsplit=1)[-1] in UNFINISHED


def is_heading(line: str) -> bool:
    """Whether a line of several words neither ends a sentence nor closes a letter: `Our team for
    Friday`. People underline it with `--`.
    """
    words = line.lower().split()
    is_open = len(words) >= _HEADING_WORDS and line[-1].isalnum()
    return is_open and CLOSINGS.isdisjoint(words)


def _is_own(line: str, *, is_marked: bool) -> bool:
    """Whether a line, in lower case, addresses the reader of this mail."""
    is_contact = has_contact(line)
    words = [word.strip(_SIGNS) for word in line.split()]
    if len(line) > _MAX_LINE_CHARS or _is_prose(line) or not REQUESTS.isdisjoint(words):
        return True
    if words[0] == "i":  # elsewhere it is a Polish `and`
        return True
    if _ends_sentence(line) or (line[0] in "-*•" and len(words) > 1 and not is_contact):
        return True
    label, colon, _ = line.partition(": ")
    label_words = label.split()
    is_from_date = len(label_words) >= _DATED_LABEL_WORDS and any(
        map(is_calendar_word, label_words)
    )
    if colon and (is_from_date or len(label_words) > _MAX_LABEL_WORDS):
        return True
    has_contact_label = not CONTACTS.isdisjoint(label.split())
    if colon and not is_contact and not has_contact_label:
        return True
    is_contact = is_contact or (bool(colon) and has_contact_label)
    return any(map(str.isdigit, line)) and _counts(
        words, is_contact=is_contact, is_marked=is_marked
    )


def _is_titled(line: str) -> bool:
    """Whether a line has the capital letters of names, or is a closing such as `Mit freundlichen
    Grüßen`.
    """
    if not CLOSINGS.isdisjoint(word.strip(_SIGNS) for word in line.lower().split()[-2:]):
        return True
    return all(
        not word[0].islower() or word in PARTICLES or word in _COMPANY_FORMS or word in _ORIGINS
        for word in line.split()
    )


def _ends_sentence(line: str) -> bool:
    """Whether the line ends like a sentence: `Please answer.`, but not `Acme Sp. z o.o.`"""
    if line[-1] in _SENTENCE_ENDS:
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
    words = [word for word in line.split() if "@" not in word]
    if len(words) < _PROSE_WORDS:
        return False
    if has_contact(line.lower()) and not all(word.isalpha() for word in words):
        return False
    if words[-1] in _COMPANY_FORMS:
        return False
    return line[-1] in ".!:;," or all(word.isalpha() for word in words)
