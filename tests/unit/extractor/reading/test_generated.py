"""Every value of generated invoices, in every format, is read as it was written."""

import hashlib
import time
from decimal import Decimal
from statistics import quantiles
from xml.parsers import expat

import pytest

from services.extractor.reading.documents import read_documents
from services.extractor.reading.invoice import Invoice
from tests.invoices.documents import FORMATS, Document, generate

DOCUMENTS = list(generate(300))
_KSEF_KINDS = {"invoice": "VAT", "correction": "KOR"}
_CODES = {"invoice": "380", "credit": "381", "correction": "384"}


def read(document: Document) -> Invoice:
    found = read_documents(document.name, document.content_type, document.data)
    assert len(found) == 1
    assert found[0].invoice is not None, found[0]
    return found[0].invoice


def expected(document: Document) -> dict[str, str]:
    """The values by name, as given to the generator."""
    facts = document.facts
    is_ksef = document.format.startswith("ksef")

    def money(amount: Decimal) -> str:
        return f"{amount:.2f} {facts.currency}"

    def tax_id(country: str | None, number: str) -> str | None:
        if country is None:
            return None
        return number if is_ksef and country == "PL" else country + number

    account = facts.account
    if account is not None and is_ksef and int(facts.seller_nip) % 2:
        account = account[2:]
    values = {
        "number": facts.number,
        "issued": facts.issued.isoformat(),
        "kind": (_KSEF_KINDS if is_ksef else _CODES)[facts.kind],
        "currency": facts.currency,
        "due": facts.due[0].isoformat() if facts.due else None,
        "seller_name": facts.seller,
        "seller_tax_id": tax_id("PL", facts.seller_nip),
        "buyer_name": facts.buyer,
        "buyer_tax_id": tax_id(facts.buyer_country, facts.buyer_tax_id),
        "net": money(facts.net),
        "tax": money(facts.tax),
        "gross": money(facts.gross),
        "payable": money(facts.gross - (0 if is_ksef else facts.paid)),
        "account": account,
        "order": facts.order,
        "corrects": facts.corrects[0].number if facts.corrects else None,
    }
    return {name: value for name, value in values.items() if value is not None}


@pytest.mark.parametrize("format_", FORMATS)
def test_every_value_is_read_as_it_was_written(format_: str) -> None:
    documents = [document for document in DOCUMENTS if document.format == format_]
    assert len(documents) >= 50
    assert any(document.is_pdf for document in documents)
    for document in documents:
        invoice = read(document)
        values = {name: value.text for name, value in invoice.values().items()}
        values.pop("ksef_link", None)
        assert values == expected(document)
        assert invoice.format == format_
        assert invoice.xml_sha256 == hashlib.sha256(document.xml).hexdigest()
        assert [(earlier.number, earlier.issued) for earlier in invoice.corrects] == [
            (earlier.number, earlier.issued.isoformat()) for earlier in document.facts.corrects
        ]


def test_generated_invoices_are_free_of_flags_except_several_due_dates() -> None:
    for document in DOCUMENTS:
        (found,) = read_documents(document.name, document.content_type, document.data)
        several = document.format.startswith("ksef") and len(document.facts.due) > 1
        assert [*found.flags] == (["several-values"] if several else []), found.detail


def test_an_xml_of_up_to_1000_lines_takes_less_than_20_ms_of_cpu_at_p95() -> None:
    """And a small multiple of the time of expat alone, however slow the machine is."""
    documents = [document for document in DOCUMENTS if not document.is_pdf]
    seconds, bare = [], []
    for document in documents:
        started = time.process_time()
        read(document)
        ended = time.process_time()
        expat.ParserCreate().Parse(document.xml, True)
        seconds.append(ended - started)
        bare.append(time.process_time() - ended)
    assert quantiles(seconds, n=20)[-1] < 0.02
    assert sum(seconds) / sum(bare) < 15
