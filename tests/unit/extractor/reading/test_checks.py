"""Who issued an invoice."""

import pytest

from services.extractor.reading.checks import is_addressed_to, tax_id_key
from services.extractor.reading.invoice import Invoice, Value


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("PL 526-587-76-35", "5265877635"),
        ("5265877635", "5265877635"),
        ("DE123456789", "DE123456789"),
        ("fr 05 987 654 321", "FR05987654321"),
        ("PL123", "PL123"),
    ],
)
def test_tax_ids_are_compared_without_separators_and_without_polands_country(
    text: str, key: str
) -> None:
    assert tax_id_key(text) == key


@pytest.mark.parametrize(
    ("buyer", "own", "addressed"),
    [
        ("PL5265877635", ["5265877635"], True),
        ("5265877635", ["PL5265877635", "DE123456789"], True),
        ("9999999995", ["5265877635"], False),
        (None, ["5265877635"], False),
        ("9999999995", [], True),
    ],
)
def test_the_buyer_must_be_one_of_us_if_our_tax_ids_are_known(
    buyer: str | None, own: list[str], addressed: bool
) -> None:
    value = None if buyer is None else Value(buyer, "/")
    invoice = Invoice(format="cii", xml_sha256="0" * 64, buyer_tax_id=value)
    assert is_addressed_to(invoice, own) is addressed
