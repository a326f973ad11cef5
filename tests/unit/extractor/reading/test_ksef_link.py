"""KSeF's verification links and numbers."""

import base64
import hashlib
import random

from services.extractor.reading.documents import read_documents
from services.extractor.reading.ksef_link import KsefLink, find_links, find_numbers
from tests.invoices import ksef
from tests.invoices.facts import ksef_number, random_facts

FACTS = random_facts(random.Random(5), kind="invoice", lines=1)
XML = ksef.write(FACTS, 3).encode()
DIGEST = base64.urlsafe_b64encode(hashlib.sha256(XML).digest()).decode().rstrip("=")
LINK = f"https://qr.ksef.mf.gov.pl/invoice/{FACTS.seller_nip}/{FACTS.issued:%d-%m-%Y}/{DIGEST}"


def test_the_link_is_built_from_the_xml() -> None:
    (document,) = read_documents("a.xml", "", XML)
    assert document.invoice is not None
    assert document.invoice.ksef_link is not None
    assert document.invoice.ksef_link.text == LINK


def test_a_link_in_a_text_is_recognized_and_leads_to_the_same_digest() -> None:
    found = list(find_links(f"Faktura: <{LINK}>, {LINK}."))
    expected = KsefLink(FACTS.seller_nip, FACTS.issued.isoformat(), hashlib.sha256(XML).hexdigest())
    assert found == [expected, expected]
    assert found[0].url == LINK


def test_links_of_other_hosts_or_with_impossible_parts_are_left_out() -> None:
    for wrong in (
        LINK.replace("qr.ksef", "qr.ksef.example"),
        LINK.replace(FACTS.seller_nip, "9999999998"),
        LINK.replace(f"{FACTS.issued:%d-%m}", "31-02"),
        LINK[:-1],
        LINK + "A",
        LINK.replace("https", "http"),
    ):
        assert list(find_links(wrong)) == []


def test_a_number_in_the_files_name_counts_if_it_is_the_sellers() -> None:
    number = ksef_number(random.Random(6), FACTS.seller_nip, FACTS.issued)
    other = ksef_number(random.Random(6), "9999999995", FACTS.issued)
    for name, expected in (
        (f"{number}.xml", number),
        (f"{other}.xml", None),
        ("faktura.xml", None),
    ):
        (document,) = read_documents(name, "", XML)
        assert document.invoice is not None
        found = document.invoice.ksef_number
        assert (found.text if found else None) == expected


def test_numbers_in_a_text_need_their_checksum() -> None:
    number = ksef_number(random.Random(6), FACTS.seller_nip, FACTS.issued)
    wrong = number[:-2] + ("00" if number[-2:] != "00" else "01")
    assert list(find_numbers(f"KSeF {number}, {number.replace('-', '')}; {wrong} x{number}")) == [
        number
    ]
