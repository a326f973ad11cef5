"""Values as people type them and documents print them, in a normal form; ambiguous ones are
refused.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.casework.field_values import InvalidFieldError, crc8, normal_form
from services.runtime.settings import Field

RIGHT = [
    *[
        ("text", text, normal)
        for text, normal in [("  a  b ", "a b"), ("Faktura 12/2026", "Faktura 12/2026")]
    ],
    *[
        ("number", text, normal)
        for text, normal in [
            ("1 234,5", "1234.5"),
            ("1,234.5", "1234.5"),
            ("1.234.567", "1234567"),
            ("0,123", "0.123"),
            ("-12", "-12"),
            ("12\u00a0345,67", "12345.67"),
            ("-0", "0"),
        ]
    ],
    *[
        ("money", text, normal)
        for text, normal in [
            ("1 234,56 zł", "1234.56 PLN"),
            ("1.234,56 PLN", "1234.56 PLN"),
            ("PLN 12.50", "12.50 PLN"),
            ("€ 5", "5.00 EUR"),
            ("-5,00 zł", "-5.00 PLN"),
            ("12'345.60 CHF", "12345.60 CHF"),
        ]
    ],
    *[
        ("date", text, "2026-11-29")
        for text in (
            "29.11.2026",
            "29-11-2026",
            "29/11/2026",
            "2026-11-29",
            "2026.11.29",
            "29.11.2026 r.",
        )
    ],
    ("email", "Jan.Kowalski@Supplier.Example", "jan.kowalski@supplier.example"),
    *[("nip", text, "5265877635") for text in ("526-587-76-35", "PL 5265877635", "526 587 76 35")],
    *[
        ("iban", text, "PL61109010140000071219812874")
        for text in ("PL61 1090 1014 0000 0712 1981 2874", "61109010140000071219812874")
    ],
    ("iban", "DE89 3704 0044 0532 0130 00", "DE89370400440532013000"),
    *[
        ("ksef", text, "5265877635-20250826-0100001AF629-AF")
        for text in ("5265877635-20250826-0100001AF629-AF", "5265877635202508260100001af629af")
    ],
    ("bool", "tak", True),
    ("bool", "False", False),
]
WRONG = [
    *[
        ("number", text)
        for text in ("", "1.234", "1,234", "1,2,3", "12 34", "1.2.3", "abc", "1e5", "١٢", "1,²")
    ],
    *[("money", text) for text in ("12.50", "1.234 PLN", "PLN", "12 XX", "12,5,0 zł")],
    *[("date", text) for text in ("3/4/2026", "31.2.2026", "2026-13-01", "29.11.26", "yesterday")],
    *[("email", text) for text in ("jan", "jan@", "a b@c.example", "<jan@x.example>")],
    *[("nip", text) for text in ("5265877636", "0000000000", "123", "526587763X")],
    *[
        ("iban", text)
        for text in ("PL61109010140000071219812875", "PL6110901014", "61", "DE8937040044053201300Ä")
    ],
    *[("ksef", text) for text in ("5265877635-20250826-0100001AF629-AE", "5265877635-20250826")],
    ("bool", "perhaps"),
]


@pytest.mark.parametrize(("kind", "text", "normal"), RIGHT)
def test_a_value_has_one_normal_form(kind: str, text: str, normal: str | bool) -> None:
    field = Field(name="f", type=kind)  # type: ignore[arg-type] # the table is data
    assert normal_form(field, text) == normal
    assert normal_form(field, normal) == normal


@pytest.mark.parametrize(("kind", "text"), WRONG)
def test_what_is_wrong_or_ambiguous_is_refused_with_a_hint(kind: str, text: str) -> None:
    with pytest.raises(InvalidFieldError) as caught:
        normal_form(Field(name="f", type=kind), text)  # type: ignore[arg-type] # the table is data
    assert caught.value.hint


def test_a_choice_is_written_as_the_settings_write_it() -> None:
    field = Field(name="f", type="choice", choices=("Office", "Fleet"))
    assert normal_form(field, "fleet") == "Fleet"


@given(
    st.text(max_size=60),
    st.sampled_from(["number", "money", "date", "email", "nip", "iban", "ksef"]),
)
def test_any_text_is_a_value_or_refused_and_never_another_error(text: str, kind: str) -> None:
    try:
        value = normal_form(Field(name="f", type=kind), text)  # type: ignore[arg-type] # the table is data
    except InvalidFieldError:
        return
    assert normal_form(Field(name="f", type=kind), value) == value  # type: ignore[arg-type] # as above


def test_crc8_has_the_polynomial_of_the_ksef_specification() -> None:
    assert crc8(b"5265877635-20250826-0100001AF629") == 0xAF
