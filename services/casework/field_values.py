"""Values of fields in their normal form, by type. Pure; Polish and ISO notations.

A value that can be read in two ways is invalid rather than guessed.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal

from services.runtime.settings import Field

MAX_TEXT_CHARS = 1000
_CURRENCY_SIGNS = {"zł": "PLN", "zl": "PLN", "€": "EUR", "$": "USD", "£": "GBP", "kč": "CZK"}
_TRUE = frozenset({"true", "yes", "tak", "1"})
_FALSE = frozenset({"false", "no", "nie", "0"})
_EMAIL = re.compile(r"[^\s@<>(),;:\"]{1,64}@[^\s@<>(),;:\"]{1,190}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_AMOUNT = re.compile(r"([+-]?)\s*([0-9][0-9\s.,'\u2019]*)")
_NIP_WEIGHTS = (6, 5, 7, 2, 3, 4, 5, 6, 7)
_BLANKS = re.compile(r"[\s\u00a0\u202f]+")


class InvalidFieldError(ValueError):
    """A value that is not of its field's type; `hint` shows a valid one."""

    def __init__(self, problem: str, hint: str) -> None:
        super().__init__(problem)
        self.hint = hint


def normal_form(field: Field, value: str | bool) -> str | bool:
    """The value as it is stored and compared. Raises InvalidFieldError."""
    if field.type == "bool":
        return _boolean(value)
    if not isinstance(value, str):
        raise InvalidFieldError(f"{value!r} is not a valid {field.type}", "give text")
    text = " ".join(value.split())
    if not text or len(text) > MAX_TEXT_CHARS:
        problem = "is empty" if not text else f"has {len(text)} characters"
        raise InvalidFieldError(
            f"the value {problem}", f"give 1 to {MAX_TEXT_CHARS} characters, or remove the field"
        )
    if field.type == "choice":
        return _choice(field, text)
    return _READERS[field.type](text)


def _boolean(value: str | bool) -> bool:
    if isinstance(value, bool):
        return value
    word = value.strip().casefold()
    if word in _TRUE | _FALSE:
        return word in _TRUE
    raise InvalidFieldError(f"{value!r} is neither true nor false", "write true or false")


def _choice(field: Field, text: str) -> str:
    for choice in field.choices:
        if choice.casefold() == text.casefold():
            return choice
    raise InvalidFieldError(
        f"{text!r} is not one of the choices", f"choose from: {', '.join(field.choices)}"
    )


def number(text: str) -> str:
    """`1 234,5` and `1,234.5` as `1234.5`. Raises InvalidFieldError if it can be read in two
    ways.
    """
    found = _AMOUNT.fullmatch(text.strip())
    digits = _decimal(found[2]) if found else None
    if found is None or digits is None:
        raise InvalidFieldError(f"{text!r} is not an unambiguous number", "write 1234.56")
    value = Decimal(f"{found[1]}{digits}")
    return format(value if value else abs(value), "f")


def money(text: str) -> str:
    """`1 234,56 zł` as `1234.56 PLN`. Raises InvalidFieldError, even if only the currency is
    missing.
    """
    amount, currency = _without_currency(text)
    if currency is None:
        raise InvalidFieldError(f"{text!r} has no currency", "write 1234.56 PLN")
    return money_text(Decimal(number(amount)), currency)


def money_text(amount: Decimal, currency: str) -> str:
    """`1234.50 PLN`: at least two decimal places, more if they are given."""
    digits = max(2, -int(amount.as_tuple().exponent))
    return f"{amount if amount else abs(amount):.{digits}f} {currency}"


def iso_date(text: str) -> str:
    """`29.11.2026`, `29-11-2026`, `29/11/2026` and `2026-11-29` as `2026-11-29`; day before month.

    A date with slashes is accepted only if the day cannot be a month. Raises InvalidFieldError.
    """
    hint = "write 2026-11-29 or 29.11.2026"
    year_first = re.fullmatch(r"([0-9]{4})([-./])([0-9]{1,2})\2([0-9]{1,2})", text)
    day_first = re.fullmatch(r"([0-9]{1,2})([-./])([0-9]{1,2})\2([0-9]{4})(?:\s?r\.?)?", text)
    if year_first:
        year, month, day = int(year_first[1]), int(year_first[3]), int(year_first[4])
    elif day_first:
        year, month, day = int(day_first[4]), int(day_first[3]), int(day_first[1])
        if day_first[2] == "/" and day <= 12 and day != month:
            raise InvalidFieldError(f"{text!r} can be read in two ways", hint)
    else:
        raise InvalidFieldError(f"{text!r} is not a date", hint)
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        raise InvalidFieldError(f"there is no date {text!r}", hint) from None


def email(text: str) -> str:
    """An address in lower case. Raises InvalidFieldError."""
    if not _EMAIL.fullmatch(text):
        raise InvalidFieldError(f"{text!r} is not a mail address", "write name@example.com")
    return text.lower()


def nip(text: str) -> str:
    """A Polish tax number as ten digits, its checksum verified (modulus 11). Raises
    InvalidFieldError.
    """
    digits = re.sub(r"[\s\u00a0.-]", "", text).upper().removeprefix("PL")
    if not re.fullmatch(r"[0-9]{10}", digits) or digits == "0000000000":
        raise InvalidFieldError(f"{text!r} is not a NIP", "write its ten digits")
    total = sum(weight * int(digit) for weight, digit in zip(_NIP_WEIGHTS, digits[:9], strict=True))
    if total % 11 != int(digits[9]):  # a remainder of 10 is not a digit, so no NIP has it
        raise InvalidFieldError(f"the checksum of NIP {text!r} is wrong", "compare its digits")
    return digits


def iban(text: str) -> str:
    """An account number without spaces, its checksum verified (ISO 13616, modulus 97).

    26 digits without a country are a Polish account. Raises InvalidFieldError.
    """
    compact = re.sub(r"[\s\u00a0-]", "", text).upper()
    if re.fullmatch(r"[0-9]{26}", compact):
        compact = f"PL{compact}"
    if not re.fullmatch(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{8,30}", compact) or not compact.isascii():
        raise InvalidFieldError(
            f"{text!r} is not an IBAN", "write it with its country, such as PL61 1090 1014 …"
        )
    if compact.startswith("PL") and len(compact) != 28:
        raise InvalidFieldError(
            f"a Polish IBAN has 28 characters, {text!r} has {len(compact)}", "compare its digits"
        )
    moved = compact[4:] + compact[:4]
    if int("".join(str(int(character, 36)) for character in moved)) % 97 != 1:
        raise InvalidFieldError(f"the checksum of IBAN {text!r} is wrong", "compare its digits")
    return compact


def ksef(text: str) -> str:
    """A KSeF number as `NIP-YYYYMMDD-XXXXXX-XXXXXX-CC`, its CRC-8 verified. Raises
    InvalidFieldError.

    Polynomial 0x07, start 0x00, over the first 32 characters with their hyphens; hyphens may be
    left out.
    """
    hint = "copy its 35 characters, such as 5265877635-20250826-0100001AF629-AF"
    compact = re.sub(r"[\s-]", "", text).upper()
    found = re.fullmatch(r"([0-9]{10})([0-9]{8})([0-9A-F]{12})([0-9A-F]{2})", compact)
    if found is None:
        raise InvalidFieldError(f"{text!r} is not a KSeF number", hint)
    body = f"{found[1]}-{found[2]}-{found[3]}"
    if crc8(body.encode("ascii")) != int(found[4], 16):
        raise InvalidFieldError(f"the checksum of KSeF number {text!r} is wrong", hint)
    return f"{body}-{found[4]}"


def crc8(data: bytes) -> int:
    """CRC-8 with polynomial 0x07 and start 0x00."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = ((crc << 1) ^ 0x07) & 0xFF if crc & 0x80 else crc << 1
    return crc


def plain_text(text: str) -> str:
    return text


_READERS: Mapping[str, Callable[[str], str]] = {
    "text": plain_text,
    "number": number,
    "money": money,
    "date": iso_date,
    "email": email,
    "nip": nip,
    "iban": iban,
    "ksef": ksef,
}


def _without_currency(text: str) -> tuple[str, str | None]:
    """The amount, and the currency before or after it."""
    stripped = text.strip()
    for part in (
        re.compile(r"([^\W\d_]{1,3}|[€$£])\s*(.*[0-9].*)"),
        re.compile(r"(.*[0-9].*?)\s*([^\W\d_]{1,3}|[€$£])\.?"),
    ):
        found = part.fullmatch(stripped)
        if found is None:
            continue
        word, amount = (
            (found[1], found[2]) if part.pattern.startswith("([^") else (found[2], found[1])
        )
        currency = _CURRENCY_SIGNS.get(word.casefold(), word.upper())
        if _CURRENCY.fullmatch(currency):
            return amount, currency
    return stripped, None


def _decimal(text: str) -> str | None:
    """Digits with a decimal point, without group separators; None if the text is ambiguous."""
    compact = _BLANKS.sub(" ", text.strip()).replace("'", " ").replace("\u2019", " ")
    points, commas = compact.count("."), compact.count(",")
    if points and commas:
        decimal = max(".", ",", key=compact.rfind)
        group = "," if decimal == "." else "."
        if compact.count(decimal) > 1:
            return None
    elif points + commas > 1:
        decimal, group = "", "." if points else ","
    elif points + commas == 1:
        sign = "." if points else ","
        behind = compact.rpartition(sign)[2]
        before = compact.partition(sign)[0]
        # 1.234 and 1,234 can mean thousands or thousandths; 0,234 and 1 234,567 cannot.
        if len(behind) == 3 and before not in {"0", ""} and " " not in before and len(before) <= 3:
            return None
        decimal, group = sign, ""
    else:
        decimal, group = "", ""
    whole, _, fraction = compact.partition(decimal) if decimal else (compact, "", "")
    if not _grouped(whole, group) or (decimal and not re.fullmatch(r"[0-9]+", fraction)):
        return None
    digits = re.sub(r"[ .,]", "", whole)
    return f"{digits}.{fraction}" if fraction else digits


def _grouped(whole: str, group: str) -> bool:
    """Whether the part before the decimal separator is digits, in groups of three if they are
    separated.
    """
    separators = f"[ {re.escape(group)}]" if group else "[ ]"
    return re.fullmatch(rf"[0-9]+|[0-9]{{1,3}}(?:{separators}[0-9]{{3}})+", whole) is not None
