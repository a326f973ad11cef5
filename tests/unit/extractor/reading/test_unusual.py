"""Unusual invoices are read as the standards define, and as an independent reader does."""

from pathlib import Path

import pytest

from services.extractor.reading.documents import read_documents
from tests.invoices import ubl
from tests.invoices.unusual import Unusual, facts, invoices
from tests.unit.extractor.reading.test_generated import expected
from tests.unit.extractor.reading.test_oracle import ask_oracle, ask_product, values_of

INVOICES = {unusual.name: unusual for unusual in invoices()}
AMOUNTS = {"net", "tax", "gross", "payable"}


def wanted(unusual: Unusual) -> dict[str, str]:
    values = {**expected(unusual.document), **unusual.changes}
    return {name: value for name, value in values.items() if value is not None}


@pytest.mark.parametrize("name", INVOICES)
def test_an_unusual_invoice_gives_its_values(name: str) -> None:
    unusual = INVOICES[name]
    document = unusual.document
    (found,) = read_documents(document.name, document.content_type, document.data)
    assert found.invoice is not None, found.detail
    values = {name: value.text for name, value in found.invoice.values().items()}
    values.pop("ksef_link", None)
    assert values == wanted(unusual)
    assert found.flags == ()


@pytest.mark.parametrize("total", ["TaxExclusiveAmount", "TaxInclusiveAmount", "PayableAmount"])
def test_a_total_in_another_currency_is_flagged_and_not_taken(total: str) -> None:
    text = ubl.write(facts())
    named = f'<cbc:{total} currencyID="EUR"'
    assert named in text
    changed = text.replace(named, named.replace("EUR", "USD"))
    (found,) = read_documents("invoice.xml", "application/xml", changed.encode())
    assert found.flags == ("invalid-value",)
    assert found.invoice is not None
    assert f"/LegalMonetaryTotal/{total}" in found.detail
    missing = {
        "TaxExclusiveAmount": "net",
        "TaxInclusiveAmount": "gross",
        "PayableAmount": "payable",
    }
    assert missing[total] not in found.invoice.values()


def test_the_oracle_agrees_on_unusual_invoices(tmp_path: Path) -> None:
    """The oracle sums the lines of FA(3), and writes the country before a foreign number."""
    files = {}
    for position, unusual in enumerate(INVOICES.values()):
        file = tmp_path / f"{position:03}{Path(unusual.document.name).suffix}"
        file.write_bytes(unusual.document.data)
        files[file] = unusual
    answers = ask_oracle(list(files))
    for file, unusual in files.items():
        (invoice,) = ask_product(file)
        (answer,) = answers[file]
        names = set(answer["values"])
        if unusual.not_by_lines and invoice.format == "ksef-fa3":
            names -= AMOUNTS
        if "another number" in unusual.name:
            names -= {"buyer_tax_id"}
        ours = values_of(invoice)
        assert {name: ours[name] for name in names} == {
            name: answer["values"][name] for name in names
        }, unusual.name
