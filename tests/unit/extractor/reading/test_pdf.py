"""Invoices embedded in PDF: every place that the standard allows is searched, whatever the file
names.
"""

import random

import pytest

from schemas.flags import InvoiceFlag
from services.extractor.reading.documents import read_documents
from services.extractor.reading.invoice import ReadDocument
from tests.invoices.documents import markup
from tests.invoices.facts import random_facts
from tests.invoices.hostile import pdf_of, stream
from tests.invoices.pdf import embed


def xml(seed: int, format_: str = "cii") -> bytes:
    return markup(random_facts(random.Random(seed), lines=1, kind="invoice"), format_).encode()


def read(data: bytes) -> list[ReadDocument]:
    return read_documents("invoice.pdf", "application/pdf", data)


@pytest.mark.parametrize(
    "name", ["factur-x.xml", "ZUGFeRD-invoice.xml", "xrechnung.xml", "picture.png", "żółw.xml"]
)
def test_an_embedded_invoice_is_found_by_its_content(name: str) -> None:
    (document,) = read(embed(("a.txt", b"text"), (name, xml(1)), ("z.xml", b"<other/>")))
    assert document.invoice is not None
    assert document.name == name


def test_several_invoices_in_a_pdf_are_all_returned_in_their_order() -> None:
    documents = read(embed(("b.xml", xml(1)), ("c.xml", xml(2, "ubl-invoice"))))
    assert [(document.name, document.invoice is not None) for document in documents] == [
        ("b.xml", True),
        ("c.xml", True),
    ]


def test_the_same_content_embedded_twice_is_one_invoice() -> None:
    assert len(read(embed(("a.xml", xml(1)), ("b.xml", xml(1))))) == 1


SPECIFICATION = b"<</Type/Filespec/UF(invoice.xml)/EF<</UF 4 0 R>>>>"
PLACES = {
    "a name tree with children": {
        1: b"<</Type/Catalog/Names<</EmbeddedFiles 2 0 R>>>>",
        2: b"<</Kids[5 0 R]>>",
        5: b"<</Limits[(a)(a)]/Names[(a)3 0 R]>>",
    },
    "an associated file": {1: b"<</Type/Catalog/AF[3 0 R]>>"},
    "an attachment of a page": {
        1: b"<</Type/Catalog/Pages 5 0 R>>",
        5: b"<</Type/Pages/Count 1/Kids[6 0 R]>>",
        6: b"<</Type/Page/Parent 5 0 R/Annots[7 0 R]>>",
        7: b"<</Type/Annot/Subtype/FileAttachment/FS 3 0 R>>",
    },
}


@pytest.mark.parametrize("objects", PLACES.values(), ids=PLACES)
def test_a_file_is_found_in_each_place_that_the_standard_has(objects: dict[int, bytes]) -> None:
    (document,) = read(pdf_of(objects | {3: SPECIFICATION, 4: stream(xml(1))}))
    assert document.invoice is not None
    assert document.name == "invoice.xml"


def test_bytes_before_the_header_do_not_hide_a_pdf() -> None:
    assert len(read(b"\r\n" + embed(("a.xml", xml(1))))) == 1


def test_a_pdf_without_files_gives_nothing() -> None:
    assert read(embed()) == []


def test_an_embedded_file_that_is_refused_is_named() -> None:
    (document,) = read(embed(("factur-x.xml", b"<!DOCTYPE a []>" + xml(1))))
    assert (document.name, document.invoice) == ("factur-x.xml", None)
    assert document.flags == (InvoiceFlag.DOCTYPE_REFUSED,)
