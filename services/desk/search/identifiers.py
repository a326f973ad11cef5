"""Finds identifiers in texts, in one normal form for all spellings. Pure and linear.

Numbers of accounts, taxpayers and telephones become `num:` and their digits; invoice numbers `id:`
and everything from the first digit on (`FV/012/2026` and `FV 12/2026` → `id:12.2026`); amounts
`amt:1234.56`; dates `date:2026-11-29`; addresses `mail:`; case numbers `case:235`.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

from services.desk.search.words import fold

MIN_NUMBER_DIGITS = 7
MIN_SPACED_DIGITS = 9  # shorter groups of digits between spaces are separate numbers
MAX_NUMBER_DIGITS = 34
_MAX_GROUPS = 40
_MAX_PARTS = 8
_WINDOW_DIGITS = frozenset({9, 10, 11, 26})  # telephone, NIP, PESEL, account
_BLANK = " \u00a0\u202f"

_ADDRESS = re.compile(r"(?<![\w.+%-])[\w.+%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_DATE = re.compile(
    r"(?<![\w/.-])(?:([0-9]{4})([-./])([0-9]{1,2})\2([0-9]{1,2})|"
    r"([0-9]{1,2})([-./])([0-9]{1,2})\6([0-9]{4}))(?![\w/-])"
)
_WHOLE = rf"(?:[0-9]{{1,3}}(?:[{_BLANK}.,'\u2019][0-9]{{3}}){{1,6}}+|[0-9]{{1,15}}+)"
_AMOUNT = re.compile(
    rf"(?<![\w.,])({_WHOLE})(?:[.,]([0-9]{{2}})(?![0-9]|[.,][0-9]|[^\W_])"
    rf"|(?=[{_BLANK}]?(?:zł|zl|pln|eur|usd|gbp|chf|czk|[€$£])(?![^\W_])))",
    re.IGNORECASE,
)
_CURRENCY = re.compile(rf"[{_BLANK}]?(?:zł|zl|pln|eur|usd|gbp|chf|czk|[€$£])(?![^\W_])", re.I)
_COMPOUND = re.compile(
    rf"(?<![^\W_])[^\W_]++(?:[/.\\_-][^\W_]++|(?<=[0-9])[{_BLANK}](?:19|20)[0-9]{{2}}(?![^\W_]))++"
)
_PIECES = re.compile(r"[0-9]+|[^\W\d_]+")
_DIGITS = re.compile(rf"(?<![0-9])[0-9]++(?:[{_BLANK}-][0-9]++)*+")
_IBAN = re.compile(
    rf"(?<![^\W_])[A-Z]{{2}}[0-9]{{2}}(?:[{_BLANK}]?[A-Z0-9]{{4}}){{2,7}}(?:[{_BLANK}]?[A-Z0-9]{{1,3}}(?![A-Z0-9]))?"
)
_COUNTRY = re.compile(rf"(?<![^\W_])PL[{_BLANK}-]?\Z", re.IGNORECASE)
_DIGIT = re.compile("[0-9]")
_CASE = re.compile(r"(?<![^\W_])#([1-9][0-9]{0,14})(?![^\W_])")


@dataclass(frozen=True, slots=True)
class Identifier:
    """An identifier at `start` to `end` of a text; any of `terms` finds it.

    `spaced` are the digits of a run that contains spaces and may be several numbers.
    """

    start: int
    end: int
    terms: tuple[str, ...]
    spaced: bool = False


def find_identifiers(text: str) -> list[Identifier]:
    """All identifiers of a text, the more specific kinds first; they may overlap."""
    found = list(_addresses(text))
    lines = list(_numbered_lines(text))
    for finder in _NUMBERED:
        for offset, line in lines:
            found += [_shifted(identifier, offset) for identifier in finder(line)]
    return found


def _numbered_lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines that contain a digit, with their place. Every identifier but an address contains
    one, and none continues on the next line, so the finders need not read the other lines.
    """
    at = 0
    while digit := _DIGIT.search(text, at):
        first = text.rfind("\n", at, digit.start()) + 1 or at
        last = text.find("\n", digit.end())
        at = last if last >= 0 else len(text)
        yield first, text[first:at]


def _shifted(identifier: Identifier, offset: int) -> Identifier:
    start, end = identifier.start + offset, identifier.end + offset
    return Identifier(start, end, identifier.terms, identifier.spaced)


def _addresses(text: str) -> Iterator[Identifier]:
    if "@" in text:
        for found in _ADDRESS.finditer(text):
            address = found[0].rstrip(".").lower()
            yield Identifier(found.start(), found.start() + len(address), (f"mail:{address}",))


def _ibans(text: str) -> Iterator[Identifier]:
    for found in _IBAN.finditer(text):
        groups = re.sub(f"[{_BLANK}]", " ", found[0])
        while len(groups) >= 15:
            account = groups.replace(" ", "")
            if _is_iban(account):
                digits = account[2:]
                terms = (f"num:{digits}",) if digits.isdecimal() else (f"iban:{account}",)
                yield Identifier(found.start(), found.start() + len(groups), terms)
                break
            groups = groups[:-1].rstrip()


def _is_iban(account: str) -> bool:
    """Whether the text is an IBAN (ISO 13616): rearranged, and with letters as 10 to 35, it is 1
    modulo 97.
    """
    rearranged = account[4:] + account[:4]
    return int("".join(str(int(sign, 36)) for sign in rearranged)) % 97 == 1


def _dates(text: str) -> Iterator[Identifier]:
    for found in _DATE.finditer(text):
        year, month, day = (found[1] or found[8], found[3] or found[7], found[4] or found[5])
        try:
            iso = date(int(year), int(month), int(day)).isoformat()
        except ValueError:
            continue
        yield Identifier(found.start(), found.end(), (f"date:{iso}", _compound_term(found[0])))


def _amounts(text: str) -> Iterator[Identifier]:
    for found in _AMOUNT.finditer(text):
        whole = re.sub("[^0-9]", "", found[1]).lstrip("0") or "0"
        currency = _CURRENCY.match(text, found.end())
        end = currency.end() if currency else found.end()
        yield Identifier(found.start(), end, (f"amt:{whole}.{found[2] or '00'}",))


def _compounds(text: str) -> Iterator[Identifier]:
    for found in _COMPOUND.finditer(text):
        first = re.search("[0-9]", found[0])
        if first is None or len(found[0]) > 80:
            continue
        numbered = found[0][first.start() :]
        pieces = _PIECES.findall(numbered)
        if not 2 <= len(pieces) <= _MAX_PARTS:
            continue
        start = found.start() + first.start()
        terms: tuple[str, ...] = (_compound_term(numbered),)
        digits = numbered.replace("-", "")
        if digits.isdecimal() and len(digits) >= MIN_NUMBER_DIGITS:
            start, terms = _without_country(text, start), (f"num:{digits}", *terms)
        yield Identifier(start, found.end(), terms)


def _without_country(text: str, start: int) -> int:
    """The start of a taxpayer's number whose digits begin at `start`: its `PL`, if it has one."""
    country = _COUNTRY.search(text[max(0, start - 4) : start])
    return start - len(country[0]) if country else start


def _compound_term(text: str) -> str:
    pieces = (fold(piece) for piece in _PIECES.findall(text))
    return "id:" + ".".join(piece.lstrip("0") or "0" for piece in pieces)


def _numbers(text: str) -> Iterator[Identifier]:
    for found in _DIGITS.finditer(text):
        groups = re.findall("[0-9]+", found[0])
        digits = "".join(groups)
        if len(digits) < MIN_NUMBER_DIGITS or len(groups) > _MAX_GROUPS:
            continue
        spaced = any(blank in found[0] for blank in _BLANK)
        numbers = [digits] if len(digits) <= MAX_NUMBER_DIGITS else []
        if len(groups) > 1:
            numbers += _windows(groups)
        # Some people write a telephone number with the country code, others without.
        numbers += [number[2:] for number in numbers if len(number) == 11 and number[:2] == "48"]
        terms = tuple(dict.fromkeys(f"num:{number}" for number in numbers))
        if terms:
            start = _without_country(text, found.start())
            yield Identifier(start, found.end(), terms, spaced)


def _windows(groups: list[str]) -> Iterator[str]:
    """Runs of neighboring groups that have the length of a common kind of number."""
    for first in range(len(groups)):
        joined = ""
        for group in groups[first:]:
            joined += group
            if len(joined) in _WINDOW_DIGITS:
                yield joined
            if len(joined) >= max(_WINDOW_DIGITS):
                break


def _cases(text: str) -> Iterator[Identifier]:
    for found in _CASE.finditer(text):
        yield Identifier(found.start(), found.end(), (f"case:{found[1]}",))


_NUMBERED: tuple[Callable[[str], Iterator[Identifier]], ...] = (
    _ibans,
    _dates,
    _amounts,
    _compounds,
    _numbers,
    _cases,
)
