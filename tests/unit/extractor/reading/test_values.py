"""Values of fields, from text by notation and from invoices as they are."""

import pytest

from services.casework.field_values import InvalidFieldError
from services.extractor.reading.values import value_of_invoice, value_of_text
from services.runtime.settings import Field
from services.runtime.settings.case_fields import FieldType


def field(kind: FieldType) -> Field:
    return Field(name="f", type=kind, choices=("Red", "Blue") if kind == "choice" else ())


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("text", " FV\u200b/1 ", "FV/1"),
        ("money", "1 234,56 zł", "1234.56 PLN"),
        ("money", "1.234,56 EUR", "1234.56 EUR"),
        ("number", "-1\u00a0234,5", "-1234.5"),
        ("date", "29.11.2026", "2026-11-29"),
        ("date", "2026-11-29", "2026-11-29"),
        ("choice", "red", "Red"),
        ("bool", "tak", True),
        ("iban", "61 1090 1014 0000 0712 1981 2874", "PL61109010140000071219812874"),
        ("ksef", "5265877635202508260100001AF629AF", "5265877635-20250826-0100001AF629-AF"),
    ],
)
def test_polish_and_iso_notations_are_read(kind: FieldType, text: str, value: str | bool) -> None:
    assert value_of_text(field(kind), text) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("money", "1.234 PLN"),
        ("money", "5"),
        ("date", "03/04/2026"),
        ("date", "31.02.2026"),
        ("nip", "1234567890"),
    ],
)
def test_what_is_ambiguous_or_wrong_is_no_value(kind: FieldType, text: str) -> None:
    with pytest.raises(InvalidFieldError):
        value_of_text(field(kind), text)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("money", "1.234 KWD", "1.234 KWD"),
        ("money", "-123.50 PLN", "-123.50 PLN"),
        ("number", "1.234 KWD", "1.234"),
        ("text", "123.50 PLN", "123.50 PLN"),
        ("date", "2026-11-29", "2026-11-29"),
        ("nip", "PL9999999995", None),
        ("iban", "PL61 1090 1014 0000 0712 1981 2874", "PL61109010140000071219812874"),
        ("money", "2026-11-29", None),
        ("date", "123.50 PLN", None),
        ("money", "1,50 PLN", None),
    ],
)
def test_values_of_an_invoice_are_exact(kind: FieldType, text: str, value: str | None) -> None:
    if value is None:
        with pytest.raises(InvalidFieldError):
            value_of_invoice(field(kind), text)
    else:
        assert value_of_invoice(field(kind), text) == value
