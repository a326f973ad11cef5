"""Values of elements, by type. A missing value is None; a doubtful one is None and flagged."""

import re
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal

from schemas.flags import InvoiceFlag
from services.casework.field_values import money_text
from services.extractor.reading.characters import one_visible_line
from services.extractor.reading.invoice import Value
from services.extractor.reading.xml_reader import MAX_TEXT_CHARS, Element

# xs:decimal, bounded.
_DECIMAL = re.compile(r"[+-]?(?:[0-9]{1,18}(?:\.[0-9]{0,10})?|\.[0-9]{1,10})")
_ISO_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:Z|[+-][0-9]{2}:[0-9]{2})?")  # xs:date
_CURRENCY = re.compile(r"[A-Z]{3}")


class Notes:
    """Collects flags, each once, with the elements that caused them."""

    def __init__(self) -> None:
        self._flags: dict[InvoiceFlag, list[str]] = {}

    def add(self, flag: InvoiceFlag, where: str) -> None:
        """Note a flag. `where` is a path, which may have a remark."""
        places = self._flags.setdefault(flag, [])
        if len(places) < 3:
            places.append(where)

    @property
    def flags(self) -> tuple[InvoiceFlag, ...]:
        return tuple(self._flags)

    @property
    def detail(self) -> str:
        """For people: `invalid-value: /Invoice/DueDate`, one flag after another."""
        return "; ".join(f"{flag}: {', '.join(places)}" for flag, places in self._flags.items())


class ElementValues:
    """Reads values below one element and notes what is wrong with them."""

    def __init__(self, root: Element, notes: Notes) -> None:
        self.root = root
        self.notes = notes

    def text(self, path: str) -> Value | None:
        """The value at `path`. Several different values are ambiguous."""
        return self.only(self.texts(self.root.all(path)))

    def texts(self, elements: Iterable[Element]) -> list[Value]:
        """The values of the elements that have one, without duplicates."""
        values: dict[str, Value] = {}
        for element in elements:
            value = self.value(element)
            if value is not None:
                values.setdefault(value.text, value)
        return list(values.values())

    def several(self, path: str) -> tuple[Value, ...]:
        """The values at a path that may occur several times. More than one value is noted."""
        return self.note_several(self.texts(self.root.all(path)))

    def note_several(self, values: Sequence[Value]) -> tuple[Value, ...]:
        if len(values) > 1:
            self.notes.add(InvoiceFlag.SEVERAL_VALUES, values[0].path)
        return tuple(values)

    def unique(self, values: Iterable[Value | None]) -> list[Value]:
        """The values without duplicates. Values that differ only in spaces are duplicates."""
        found: dict[str, Value] = {}
        for value in values:
            if value is not None:
                found.setdefault(value.text.replace(" ", ""), value)
        return list(found.values())

    def only(self, values: Sequence[Value]) -> Value | None:
        """The value, if there is exactly one."""
        if len(values) > 1:
            self.notes.add(InvoiceFlag.AMBIGUOUS_VALUE, values[0].path)
        return values[0] if len(values) == 1 else None

    def value(self, element: Element) -> Value | None:
        """The element's text on one line, without invisible characters."""
        text = one_visible_line(element.text)
        if element.is_divided:
            self.notes.add(InvoiceFlag.AMBIGUOUS_VALUE, element.path)
            return None
        if len(text) > MAX_TEXT_CHARS:
            self.notes.add(InvoiceFlag.EXTRACTION_LIMIT, element.path)
            return None
        return Value(text, element.path) if text else None

    def date(self, path: str) -> Value | None:
        """An ISO date."""
        return self.only(self.dates(self.texts(self.root.all(path))))

    def dates(self, values: Iterable[Value]) -> list[Value]:
        """The values that are ISO dates, without time zones and duplicates."""
        found: dict[str, Value] = {}
        for value in values:
            day = iso_date(value.text)
            if day is None:
                self.invalid(value)
            else:
                found.setdefault(day, Value(day, value.path))
        return list(found.values())

    def currency(self, path: str) -> Value | None:
        """A code of ISO 4217."""
        value = self.text(path)
        if value is not None and not _CURRENCY.fullmatch(value.text):
            self.invalid(value)
            return None
        return value

    def decimal(self, value: Value | None) -> Decimal | None:
        """The value as an exact number."""
        if value is None:
            return None
        if not _DECIMAL.fullmatch(value.text):
            self.invalid(value)
            return None
        return Decimal(value.text)

    def amount(self, value: Value | None, currency: Value | None) -> Value | None:
        """An amount in the currency of the document; None if either is missing."""
        number = self.decimal(value)
        if number is None or value is None or currency is None:
            return None
        return Value(amount_text(number, currency), value.path)

    def amount_in(self, elements: Iterable[Element], currency: Value | None) -> Value | None:
        """The amount in the currency of the document, among elements with `currencyID`.

        An element without `currencyID` is in the currency of the document.
        """
        if currency is None:
            return None
        own = [
            element
            for element in elements
            if element.attributes.get("currencyID", currency.text).strip() == currency.text
        ]
        amounts: dict[str, Value] = {}
        for element in own:
            value = self.amount(self.value(element), currency)
            if value is None:
                return None  # one of them is invalid: the others may be wrong, too
            amounts.setdefault(value.text, value)
        return self.only(list(amounts.values()))

    def total_in(self, elements: Iterable[Element], currency: Value | None) -> Value | None:
        """As `amount_in`. A total that exists only in other currencies is noted as invalid."""
        totals = list(elements)
        total = self.amount_in(totals, currency)
        if total is None and currency is not None:
            for element in totals:
                named = element.attributes.get("currencyID", currency.text).strip()
                if named != currency.text:
                    self.notes.add(InvoiceFlag.INVALID_VALUE, element.path)
        return total

    def invalid(self, value: Value) -> None:
        self.notes.add(InvoiceFlag.INVALID_VALUE, value.path)


def amount_text(number: Decimal, currency: Value) -> str:
    """An amount as it is stored, without insignificant zeros."""
    return money_text(number.normalize() + 0, currency.text)


def iso_date(text: str) -> str | None:
    """`2026-11-29` or `2026-11-29+01:00` as `2026-11-29`; None if there is no such date."""
    found = _ISO_DATE.fullmatch(text)
    return _day(found[1], found[2], found[3]) if found else None


def basic_date(text: str) -> str | None:
    """`20261129` (format 102 of UNTDID 2379) as an ISO date; None if there is no such date."""
    found = re.fullmatch(r"([0-9]{4})([0-9]{2})([0-9]{2})", text)
    return _day(found[1], found[2], found[3]) if found else None


def _day(year: str, month: str, day: str) -> str | None:
    try:
        return date(int(year), int(month), int(day)).isoformat()
    except ValueError:
        return None
