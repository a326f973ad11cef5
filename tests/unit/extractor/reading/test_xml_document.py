"""What is taken from an invoice, what is left out, and why."""

import dataclasses
import random
import re

import pytest

from schemas.flags import InvoiceFlag
from services.extractor.reading.documents import read_documents
from services.extractor.reading.invoice import Invoice, ReadDocument
from tests.invoices import cii, ksef, ubl
from tests.invoices.documents import FORMATS, markup
from tests.invoices.facts import Facts, iban, random_facts

_SEED = 4


def facts(kind: str = "invoice") -> Facts:
    """The same for every test: two lines, an account."""
    random_ = random.Random(_SEED)
    return dataclasses.replace(random_facts(random_, lines=2, kind=kind), account=iban(random_))


def read(xml: str, name: str = "invoice.xml") -> ReadDocument:
    (document,) = read_documents(name, "application/xml", xml.encode())
    return document


def taken(xml: str) -> Invoice:
    document = read(xml)
    assert document.invoice is not None
    return document.invoice


def replaced(xml: str, pattern: str, new: str) -> str:
    changed, count = re.subn(pattern, new, xml, count=1)
    assert count == 1
    return changed


def test_each_value_comes_with_the_path_of_its_element() -> None:
    paths = {name: value.path for name, value in taken(ksef.write(facts(), 3)).values().items()}
    assert paths["number"] == "/Faktura/Fa/P_2"
    assert paths["seller_tax_id"] == "/Faktura/Podmiot1/DaneIdentyfikacyjne/NIP"
    assert paths["net"].startswith("/Faktura/Fa/P_13_")
    assert taken(ubl.write(facts())).values()["tax"].path.startswith("/Invoice/TaxTotal")
    found = taken(cii.write(facts())).values()["issued"].path
    assert found == "/CrossIndustryInvoice/ExchangedDocument/IssueDateTime/DateTimeString"


TWICE = {
    "ksef-fa3": (r"<P_2>", "<P_2>other</P_2><P_2>"),
    "ubl-invoice": (r"<cbc:ID>", "<cbc:ID>other</cbc:ID><cbc:ID>"),
    "cii": (r"(<rsm:ExchangedDocument>)", r"\1<ram:ID>other</ram:ID>"),
}


@pytest.mark.parametrize("format_", TWICE)
def test_a_value_that_is_given_twice_is_not_taken(format_: str) -> None:
    document = read(replaced(markup(facts(), format_), *TWICE[format_]))
    assert document.invoice is not None
    assert document.invoice.number is None
    assert InvoiceFlag.AMBIGUOUS_VALUE in document.flags


def test_an_amount_that_programs_read_differently_is_not_taken() -> None:
    xml = replaced(ksef.write(facts(), 3), r"<P_15>(\d)", r"<P_15>\g<1><b>0</b>")
    document = read(xml)
    assert document.invoice is not None
    assert document.invoice.gross is None
    assert document.flags == (InvoiceFlag.AMBIGUOUS_VALUE,)


@pytest.mark.parametrize("text", ["1,5", "1e3", "NaN", "0x1", "1 000.00", "--1", "Infinity", "١٢"])
def test_an_amount_that_is_not_a_decimal_is_not_taken(text: str) -> None:
    document = read(replaced(ksef.write(facts(), 3), r"<P_15>[^<]*", f"<P_15>{text}"))
    assert document.invoice is not None
    assert document.invoice.gross is None
    assert InvoiceFlag.INVALID_VALUE in document.flags


def test_one_invalid_part_makes_the_whole_sum_missing() -> None:
    xml = ksef.write(facts(), 3)
    document = read(replaced(xml, r"(<P_13_\w+>)[^<]*", r"\1many"))
    assert document.invoice is not None
    assert document.invoice.net is None


def test_tax_in_zloty_is_not_counted_for_an_invoice_in_another_currency() -> None:
    foreign = dataclasses.replace(facts(), currency="EUR")
    for xml in (
        ksef.write(foreign, 2),
        ksef.write(foreign, 3),
        ubl.write(foreign),
        cii.write(foreign),
    ):
        invoice = taken(xml)
        assert invoice.tax is not None
        assert invoice.tax.text == f"{foreign.tax:.2f} EUR"


def test_an_amount_in_another_currency_than_the_documents_is_not_taken() -> None:
    xml = ubl.write(facts())
    document = read(replaced(xml, r'(PayableAmount currencyID=)"\w+"', r'\1"USD"'))
    assert document.invoice is not None
    assert document.invoice.payable is None


def test_net_and_tax_must_make_the_gross_amount() -> None:
    document = read(replaced(ksef.write(facts(), 3), r"<P_15>(\d+)", r"<P_15>1\1"))
    assert document.flags == (InvoiceFlag.SUM_MISMATCH,)
    assert document.invoice is not None
    assert document.invoice.gross is not None


def test_wrong_checksums_are_flagged_and_the_values_kept() -> None:
    given = facts()
    wrong = given.seller_nip[:-1] + str((int(given.seller_nip[-1]) + 1) % 10)
    document = read(ksef.write(given, 3).replace(given.seller_nip, wrong))
    assert document.flags == (InvoiceFlag.TAX_ID_INVALID,)
    assert document.invoice is not None
    assert document.invoice.seller_tax_id is not None
    assert document.invoice.seller_tax_id.text == wrong
    assert given.account is not None
    broken = given.account[:-1] + str((int(given.account[-1]) + 1) % 10)
    document = read(ubl.write(given).replace(given.account, broken))
    assert document.flags == (InvoiceFlag.ACCOUNT_INVALID,)


def test_several_accounts_are_all_known_the_first_counts_and_a_flag_says_so() -> None:
    xml = replaced(
        ksef.write(facts(), 3),
        r"(<RachunekBankowy>)",
        r"<RachunekBankowy><NrRB>PL00 1234</NrRB></RachunekBankowy>\1",
    )
    document = read(xml)
    assert document.invoice is not None
    assert len(document.invoice.accounts) == 2
    assert document.invoice.values()["account"].text == "PL00 1234"
    assert InvoiceFlag.SEVERAL_VALUES in document.flags


def test_a_correction_lists_what_it_corrects_with_ksef_numbers() -> None:
    given = facts("correction")
    invoice = taken(ksef.write(given, 3))
    assert invoice.is_correction
    assert [(e.number, e.issued, e.ksef_number) for e in invoice.corrects] == [
        (e.number, e.issued.isoformat(), e.ksef_number) for e in given.corrects
    ]
    assert not taken(ksef.write(facts(), 3)).is_correction
    assert taken(ubl.write(facts("credit"))).is_correction
    assert taken(cii.write(facts("credit"))).is_correction


def test_an_ordinary_invoice_that_names_an_earlier_one_is_no_correction() -> None:
    given = dataclasses.replace(facts(), corrects=facts("correction").corrects)
    invoice = taken(cii.write(given))
    assert invoice.corrects
    assert not invoice.is_correction


@pytest.mark.parametrize("format_", FORMATS)
def test_prefixes_do_not_matter(format_: str) -> None:
    kind = "credit" if format_ == "ubl-credit-note" else "invoice"
    xml = markup(facts(kind), format_)
    renamed = re.sub(r"\b(cac|cbc|ram|rsm|udt):", r"x\1:", xml)
    renamed = re.sub(r"xmlns:(cac|cbc|ram|rsm|udt)=", r"xmlns:x\1=", renamed)
    before, after = taken(xml).values(), taken(renamed).values()
    before.pop("ksef_link", None)
    after.pop("ksef_link", None)
    assert before == after


def test_invisible_characters_are_no_part_of_a_value() -> None:
    xml = replaced(ksef.write(facts(), 3), r"<P_2>[^<]*", "<P_2>FV\u202e/1\u200b/\u2066 2026\n")
    invoice = taken(xml)
    assert invoice.number is not None
    assert invoice.number.text == "FV/1/ 2026"


KNOWN = {
    "FA(1)": '<Faktura xmlns="http://crd.gov.pl/wzor/2021/11/29/11089/"/>',
    "a later FA": '<Faktura xmlns="http://crd.gov.pl/wzor/2030/01/01/99999/"/>',
    "ZUGFeRD 1.0": '<a:CrossIndustryDocument xmlns:a="urn:ferd:CrossIndustryDocument:invoice:1p0"/>',
    "an envelope": '<StandardBusinessDocument xmlns="http://www.unece.org/cefact/namespaces/StandardBusinessDocumentHeader"/>',
}


@pytest.mark.parametrize("xml", KNOWN.values(), ids=KNOWN)
def test_an_invoice_that_is_known_and_not_read_is_reported(xml: str) -> None:
    document = read(xml)
    assert document.invoice is None
    assert document.flags == (InvoiceFlag.KNOWN_NOT_READ,)
    assert "known, but not read" in document.detail


@pytest.mark.parametrize(
    "xml",
    [
        "<Faktura/>",
        '<Invoice xmlns="urn:example:own"/>',
        '<SCRDMCCBDACIOMessageStructure xmlns="urn:un:unece:uncefact:data:SCRDMCCBDACIOMessageStructure:100"/>',
    ],
)
def test_xml_of_another_namespace_is_no_invoice(xml: str) -> None:
    assert read_documents("invoice.xml", "application/xml", xml.encode()) == []


def test_names_and_media_types_decide_nothing() -> None:
    xml = ksef.write(facts(), 3).encode()
    for name, content_type in (("photo.jpg", "image/jpeg"), ("", "application/octet-stream")):
        (document,) = read_documents(name, content_type, xml)
        assert document.invoice is not None
        assert document.name == ""
