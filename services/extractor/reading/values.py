"""Converts what was read to values of fields, in the normal form of the field's type.

Text that people typed is parsed by `services.casework.field_values`, like a person's own entry.
Values of an invoice are already exact: amounts and dates are not parsed again.
"""

import re

from services.casework.field_values import InvalidFieldError, normal_form
from services.extractor.reading.characters import one_visible_line
from services.runtime.settings import Field

_AMOUNT = re.compile(r"(-?[0-9]+\.[0-9]{2,}) [A-Z]{3}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def value_of_text(field: Field, text: str) -> str | bool:
    """The value of a text in a line or a subject. Raises InvalidFieldError if it is ambiguous."""
    return normal_form(field, one_visible_line(text))


def value_of_invoice(field: Field, text: str) -> str | bool:
    """The value of a field that is filled from an invoice. Raises InvalidFieldError.

    An amount fills a field of the type money, number (without its currency) or text.
    """
    amount = _AMOUNT.fullmatch(text)
    if field.type == "money" and amount:
        return text
    if field.type == "number" and amount:
        return amount[1]
    if field.type in {"money", "date"} and not (amount or _DATE.fullmatch(text)):
        raise InvalidFieldError(
            f"{text!r} of an invoice is not a valid {field.type}", "map another value"
        )
    return normal_form(field, text)
