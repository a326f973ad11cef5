"""Reads an XML file as an invoice. Root element and namespace decide the format, never the file's
name.
"""

import hashlib
import re
from collections.abc import Callable
from functools import partial

from msgspec import structs

from schemas.flags import InvoiceFlag
from services.extractor.reading import cii, ksef, ubl
from services.extractor.reading.characters import one_visible_line
from services.extractor.reading.checks import check_invoice
from services.extractor.reading.element_values import ElementValues, Notes
from services.extractor.reading.invoice import Invoice, ReadDocument
from services.extractor.reading.ksef_link import link_of, number_in_name
from services.extractor.reading.xml_reader import (
    DoctypeRefusedError,
    Pattern,
    UnknownRootError,
    XmlLimitError,
    XmlRefusedError,
    read_xml,
)

_Reader = Callable[[ElementValues, str], Invoice]

_FA2, _FA3 = f"{ksef.FA2} {ksef.ROOT}", f"{ksef.FA3} {ksef.ROOT}"
_FORMATS: dict[str, tuple[Pattern, _Reader]] = {
    _FA2: (ksef.pattern(ksef.FA2), partial(ksef.read, "ksef-fa2")),
    _FA3: (ksef.pattern(ksef.FA3), partial(ksef.read, "ksef-fa3")),
    ubl.INVOICE: (ubl.PATTERN, ubl.read_invoice),
    ubl.CREDIT_NOTE: (ubl.PATTERN, ubl.read_credit_note),
    cii.INVOICE: (cii.PATTERN, cii.read),
}
_ROOTS = {root: pattern for root, (pattern, _) in _FORMATS.items()}
# Other versions of KSeF's form, other versions of CII, ZUGFeRD 1.0, and invoices in an envelope.
_KNOWN = re.compile(
    rf"{re.escape(ksef.ANY_VERSION)}\S* Faktura"
    r"|urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:\S+ CrossIndustryInvoice"
    r"|urn:ferd:\S* CrossIndustryDocument"
    r"|urn:oasis:names:specification:ubl:schema:xsd:(?:AttachedDocument|SelfBilledInvoice)-2 \S+"
    r"|http://www\.unece\.org/cefact/namespaces/StandardBusinessDocumentHeader"
    r" StandardBusinessDocument"
)
_INVOICE_TAG = re.compile(
    rb"<(?:[A-Za-z_][\w.-]{0,40}:)?(?:Faktura|Invoice|CreditNote|CrossIndustry(?:Invoice|Document))"
    rb"[\s/>]"
)
_EBCDIC_DECLARATION = b"\x4c\x6f\xa7\x94\x93"  # <?xml (XML 1.0, appendix F)
_BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_SNIFFED_BYTES = 4096
_SEARCHED_BYTES = 8_000_000


def is_xml(data: bytes) -> bool:
    """Whether the data begins like XML, in any encoding."""
    head = data[:_SNIFFED_BYTES]
    if head.startswith(_EBCDIC_DECLARATION):
        return True
    for mark in _BYTE_ORDER_MARKS:
        head = head.removeprefix(mark)
    return head.replace(b"\0", b"").lstrip()[:1] == b"<"


def read_xml_document(data: bytes, *, name: str, embedded: bool = False) -> ReadDocument | None:
    """The invoice, or the reason why it was not accepted; None if the XML is something else.

    `name` is the name of the file; it is part of the result if the file is `embedded`.
    """
    shown = name if embedded else ""
    try:
        root, element = read_xml(data, _ROOTS)
    except UnknownRootError as error:
        if not _KNOWN.fullmatch(error.root):
            return None
        detail = one_visible_line(f"the format {error.root[:200]} is known, but not read")
        return ReadDocument(name=shown, flags=(InvoiceFlag.KNOWN_NOT_READ,), detail=detail)
    except XmlRefusedError as error:
        if not error.has_root and not _mentions_invoice(data):
            return None
        detail = one_visible_line(str(error))
        return ReadDocument(name=shown, flags=(_flag_of(error),), detail=detail)
    notes = Notes()
    read = _FORMATS[root][1]
    invoice = read(ElementValues(element, notes), hashlib.sha256(data).hexdigest())
    invoice = structs.replace(
        invoice, ksef_link=link_of(invoice), ksef_number=number_in_name(name, invoice)
    )
    check_invoice(invoice, notes)
    return ReadDocument(name=shown, invoice=invoice, flags=notes.flags, detail=notes.detail)


def _flag_of(error: XmlRefusedError) -> InvoiceFlag:
    if isinstance(error, DoctypeRefusedError):
        return InvoiceFlag.DOCTYPE_REFUSED
    if isinstance(error, XmlLimitError):
        return InvoiceFlag.EXTRACTION_LIMIT
    return InvoiceFlag.XML_DAMAGED


def _mentions_invoice(data: bytes) -> bool:
    """Whether a file that was refused before its root element looks like an invoice. It is then
    flagged.
    """
    if b"\0" in data[:_SNIFFED_BYTES]:  # two or four bytes per character
        data = data[:_SEARCHED_BYTES].replace(b"\0", b"")
    elif data.startswith(_EBCDIC_DECLARATION):
        data = data[:_SEARCHED_BYTES].decode("cp037").encode("ascii", "replace")
    return _INVOICE_TAG.search(data) is not None
