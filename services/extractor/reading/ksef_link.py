"""KSeF's verification links, which are in the QR codes of printed invoices, and KSeF numbers in
text.
"""

import base64
import re
from collections.abc import Iterator
from datetime import date

import msgspec

from services.casework.field_values import InvalidFieldError, ksef, nip
from services.extractor.reading.checks import tax_id_key
from services.extractor.reading.invoice import Invoice, Value

_HOST = "https://qr.ksef.mf.gov.pl/invoice/"
_LINK = re.compile(
    re.escape(_HOST)
    + r"([0-9]{10})/([0-9]{2})-([0-9]{2})-([0-9]{4})/([A-Za-z0-9_-]{43})(?![A-Za-z0-9_-])"
)
_NUMBER = re.compile(
    r"(?<![0-9A-Za-z-])[0-9]{10}-?[0-9]{8}-?[0-9A-F]{6}-?[0-9A-F]{6}-?[0-9A-F]{2}(?![0-9A-Za-z-])"
)


class KsefLink(msgspec.Struct, frozen=True):
    """A verification link: the seller's NIP, the ISO date of issue, the XML's SHA-256 in hex."""

    seller_nip: str
    issued: str
    xml_sha256: str

    @property
    def url(self) -> str:
        """The URL in the form that KSeF uses."""
        day = date.fromisoformat(self.issued)
        digest = base64.urlsafe_b64encode(bytes.fromhex(self.xml_sha256)).rstrip(b"=").decode()
        return f"{_HOST}{self.seller_nip}/{day:%d-%m-%Y}/{digest}"


def link_of(invoice: Invoice) -> Value | None:
    """The link of an invoice in KSeF's format; None for others, and without a valid NIP or date."""
    if not invoice.format.startswith("ksef-"):
        return None
    if invoice.seller_tax_id is None or invoice.issued is None:
        return None
    try:
        seller = nip(invoice.seller_tax_id.text)
    except InvalidFieldError:
        return None
    path = f"{invoice.seller_tax_id.path} + {invoice.issued.path} + SHA-256"
    return Value(KsefLink(seller, invoice.issued.text, invoice.xml_sha256).url, path)


def find_links(text: str) -> Iterator[KsefLink]:
    """The links in a text, in their order, without those that have an impossible NIP or date."""
    for found in _LINK.finditer(text):
        seller, day, month, year, digest = found.groups()
        try:
            issued = date(int(year), int(month), int(day)).isoformat()
            sha256 = base64.urlsafe_b64decode(f"{digest}=").hex()
            yield KsefLink(nip(seller), issued, sha256)
        except ValueError:  # also InvalidFieldError
            continue


def find_numbers(text: str) -> Iterator[str]:
    """The KSeF numbers in a text whose checksums are right, in normal form and without
    duplicates.
    """
    seen: set[str] = set()
    for found in _NUMBER.finditer(text):
        try:
            number = ksef(found[0])
        except InvalidFieldError:
            continue
        if number not in seen:
            seen.add(number)
            yield number


def number_in_name(name: str, invoice: Invoice) -> Value | None:
    """The KSeF number at the start of a file name, as KSeF's own programs name files.

    None unless its NIP is the seller's.
    """
    if invoice.seller_tax_id is None or not invoice.format.startswith("ksef-"):
        return None
    numbers = [
        number
        for number in find_numbers(name)
        if number[:10] == tax_id_key(invoice.seller_tax_id.text)
    ]
    return Value(numbers[0], "name of the file") if len(numbers) == 1 else None
