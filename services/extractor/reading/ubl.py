"""Reads invoices and credit notes of UBL 2 (OASIS), by the syntax binding of EN 16931 (CEN/TS
16931-3-2).
"""

from collections.abc import Iterable

from services.extractor.reading.characters import one_visible_line
from services.extractor.reading.element_values import ElementValues
from services.extractor.reading.invoice import Corrected, Invoice, Value
from services.extractor.reading.xml_reader import Element, Pattern

_UBL = "urn:oasis:names:specification:ubl:schema:xsd:"
INVOICE = f"{_UBL}Invoice-2 Invoice"
CREDIT_NOTE = f"{_UBL}CreditNote-2 CreditNote"
_NAMESPACES = {
    "cac": f"{_UBL}CommonAggregateComponents-2",
    "cbc": f"{_UBL}CommonBasicComponents-2",
}
_COMMERCIAL_CREDIT_NOTE = "381"  # UNTDID 1001

PATTERN = Pattern.of(
    """
    cbc:ID cbc:IssueDate cbc:DueDate cbc:InvoiceTypeCode cbc:CreditNoteTypeCode
    cbc:DocumentCurrencyCode
    cac:OrderReference/cbc:ID
    cac:BillingReference/cac:InvoiceDocumentReference/cbc:ID
    cac:BillingReference/cac:InvoiceDocumentReference/cbc:IssueDate
    cac:AccountingSupplierParty/cac:Party/cac:PartyLegalEntity/cbc:RegistrationName
    cac:AccountingSupplierParty/cac:Party/cac:PartyTaxScheme/cbc:CompanyID
    cac:AccountingSupplierParty/cac:Party/cac:PartyTaxScheme/cac:TaxScheme/cbc:ID
    cac:AccountingCustomerParty/cac:Party/cac:PartyLegalEntity/cbc:RegistrationName
    cac:AccountingCustomerParty/cac:Party/cac:PartyTaxScheme/cbc:CompanyID
    cac:AccountingCustomerParty/cac:Party/cac:PartyTaxScheme/cac:TaxScheme/cbc:ID
    cac:PaymentMeans/cbc:PaymentDueDate
    cac:PaymentMeans/cac:PayeeFinancialAccount/cbc:ID
    cac:TaxTotal/cbc:TaxAmount
    cac:LegalMonetaryTotal/cbc:TaxExclusiveAmount
    cac:LegalMonetaryTotal/cbc:TaxInclusiveAmount
    cac:LegalMonetaryTotal/cbc:PayableAmount
    """,
    _NAMESPACES,
)


def read_invoice(values: ElementValues, xml_sha256: str) -> Invoice:
    """The invoice below the root element `Invoice`."""
    return _read(
        values, xml_sha256, kind=values.text("InvoiceTypeCode"), due_path="DueDate", is_credit=False
    )


def read_credit_note(values: ElementValues, xml_sha256: str) -> Invoice:
    """The credit note below the root element `CreditNote`. Its type is 381 unless it names one."""
    named = values.root.all("CreditNoteTypeCode")
    default = Value(_COMMERCIAL_CREDIT_NOTE, values.root.path)
    kind = values.text("CreditNoteTypeCode") if any(named) else default
    due_path = "PaymentMeans/PaymentDueDate"
    return _read(values, xml_sha256, kind=kind, due_path=due_path, is_credit=True)


def _read(
    values: ElementValues, xml_sha256: str, *, kind: Value | None, due_path: str, is_credit: bool
) -> Invoice:
    root = values.root
    currency = values.currency("DocumentCurrencyCode")
    due = values.dates(values.texts(root.all(due_path)))
    accounts = values.texts(root.all("PaymentMeans/PayeeFinancialAccount/ID"))
    references = root.all("BillingReference/InvoiceDocumentReference")
    corrects = (_corrected(values, reference) for reference in references)
    total = "LegalMonetaryTotal"
    return Invoice(
        format="ubl-credit-note" if is_credit else "ubl-invoice",
        xml_sha256=xml_sha256,
        number=values.text("ID"),
        issued=values.date("IssueDate"),
        kind=kind,
        currency=currency,
        due=values.note_several(due),
        seller_name=_name(values, "AccountingSupplierParty"),
        seller_tax_id=_vat_id(values, "AccountingSupplierParty"),
        buyer_name=_name(values, "AccountingCustomerParty"),
        buyer_tax_id=_vat_id(values, "AccountingCustomerParty"),
        net=values.total_in(root.all(f"{total}/TaxExclusiveAmount"), currency),
        tax=values.amount_in(root.all("TaxTotal/TaxAmount"), currency),
        gross=values.total_in(root.all(f"{total}/TaxInclusiveAmount"), currency),
        payable=values.total_in(root.all(f"{total}/PayableAmount"), currency),
        accounts=values.note_several(values.unique(accounts)),
        orders=values.several("OrderReference/ID"),
        corrects=tuple(corrected for corrected in corrects if corrected is not None),
    )


def _name(values: ElementValues, party: str) -> Value | None:
    return values.text(f"{party}/Party/PartyLegalEntity/RegistrationName")


def _vat_id(values: ElementValues, party: str) -> Value | None:
    """The number in the tax scheme VAT. A scheme without a name counts if there is no other."""
    schemes = list(values.root.all(f"{party}/Party/PartyTaxScheme"))
    vat = [scheme for scheme in schemes if "VAT" in _scheme_names(scheme.all("TaxScheme/ID"))]
    if not vat and len(schemes) == 1 and not _scheme_names(schemes[0].all("TaxScheme/ID")):
        vat = schemes
    ids = values.texts(number for scheme in vat for number in scheme.all("CompanyID"))
    return values.only(values.unique(ids))


def _scheme_names(elements: Iterable[Element]) -> list[str]:
    return [
        name for name in (one_visible_line(element.text).upper() for element in elements) if name
    ]


def _corrected(values: ElementValues, reference: Element) -> Corrected | None:
    """A corrected invoice; None if it has no number."""
    number = values.only(values.texts(reference.all("ID")))
    if number is None:
        return None
    issued = values.only(values.dates(values.texts(reference.all("IssueDate"))))
    return Corrected(number=number.text, path=number.path, issued=issued.text if issued else None)
