"""The demo's invoices are valid by their schemas, and are read without a flag."""

import subprocess
import sys

import pytest

from services.cli.demo import invoices
from services.cli.demo.files import pdf
from services.cli.demo.invoices import PAPER, POSTERS, PRINTING, DemoInvoice
from services.extractor.reading.documents import read_documents

DOCUMENTS = [
    (PRINTING, invoices.fa3(PRINTING), "ksef-fa3", "ksef"),
    (POSTERS, invoices.fa3(POSTERS), "ksef-fa3", "ksef"),
    (PRINTING, invoices.ubl(PRINTING), "ubl-invoice", "ubl-2.1-invoice"),
    (PAPER, invoices.cii(PAPER), "cii", "factur-x"),
]
_VALIDATE = """
import sys
from facturx import xml_check_xsd
from ksef_client.documents.fa3 import validate_fa3_xml_xsd
data, flavor = sys.stdin.buffer.read(), sys.argv[1]
validate_fa3_xml_xsd(data) if flavor == "ksef" else xml_check_xsd(data, flavor=flavor)
"""


@pytest.mark.parametrize(("invoice", "xml", "format_", "schema"), DOCUMENTS)
def test_an_invoice_of_the_demo_is_read_without_a_flag(
    invoice: DemoInvoice, xml: bytes, format_: str, schema: str
) -> None:
    del schema
    for data in (xml, pdf("Invoice", ("factur-x.xml", xml))):
        (document,) = read_documents("invoice", "", data)
        assert document.flags == (), document.detail
        assert document.invoice is not None
        assert document.invoice.format == format_
        values = {name: value.text for name, value in document.invoice.values().items()}
        assert values["number"] == invoice.number
        assert values["gross"] == f"{invoice.gross} {invoice.currency}"
        assert values["account"] == invoice.account


@pytest.mark.parametrize(("invoice", "xml", "format_", "schema"), DOCUMENTS)
def test_an_invoice_of_the_demo_is_valid_by_its_schema(
    invoice: DemoInvoice, xml: bytes, format_: str, schema: str
) -> None:
    del invoice, format_
    command = [sys.executable, "-c", _VALIDATE, schema]
    ran = subprocess.run(command, input=xml, capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr[-1500:].decode()
