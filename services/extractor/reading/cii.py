"""UN/CEFACT's Cross Industry Invoice D16B and later: XRechnung, Factur-X, ZUGFeRD 2.

By the syntax binding of EN 16931 (CEN/TS 16931-3-3).
"""

from collections.abc import Iterable

from services.extractor.reading.characters import one_visible_line
from services.extractor.reading.element_values import ElementValues, basic_date
from services.extractor.reading.invoice import Corrected, Invoice, Value
from services.extractor.reading.xml_reader import Element, Pattern

_CEFACT = "urn:un:unece:uncefact:data:standard:"
INVOICE = f"{_CEFACT}CrossIndustryInvoice:100 CrossIndustryInvoice"
_NAMESPACES = {
    "rsm": f"{_CEFACT}CrossIndustryInvoice:100",
    "ram": f"{_CEFACT}ReusableAggregateBusinessInformationEntity:100",
    "udt": f"{_CEFACT}UnqualifiedDataType:100",
    "qdt": f"{_CEFACT}QualifiedDataType:100",
}
_DAY = "102"  # UNTDID 2379: CCYYMMDD
_VAT = "VA"

_PATHS = """
    rsm:ExchangedDocument/ram:ID
    rsm:ExchangedDocument/ram:TypeCode
    rsm:ExchangedDocument/ram:IssueDateTime/udt:DateTimeString
    {agreement}/ram:SellerTradeParty/ram:Name
    {agreement}/ram:SellerTradeParty/ram:SpecifiedTaxRegistration/ram:ID
    {agreement}/ram:BuyerTradeParty/ram:Name
    {agreement}/ram:BuyerTradeParty/ram:SpecifiedTaxRegistration/ram:ID
    {agreement}/ram:BuyerOrderReferencedDocument/ram:IssuerAssignedID
    {settlement}/ram:InvoiceCurrencyCode
    {settlement}/ram:SpecifiedTradeSettlementPaymentMeans/ram:PayeePartyCreditorFinancialAccount/ram:IBANID
    {settlement}/ram:SpecifiedTradePaymentTerms/ram:DueDateDateTime/udt:DateTimeString
    {settlement}/ram:SpecifiedTradeSettlementHeaderMonetarySummation/ram:TaxBasisTotalAmount
    {settlement}/ram:SpecifiedTradeSettlementHeaderMonetarySummation/ram:TaxTotalAmount
    {settlement}/ram:SpecifiedTradeSettlementHeaderMonetarySummation/ram:GrandTotalAmount
    {settlement}/ram:SpecifiedTradeSettlementHeaderMonetarySummation/ram:DuePayableAmount
    {settlement}/ram:InvoiceReferencedDocument/ram:IssuerAssignedID
    {settlement}/ram:InvoiceReferencedDocument/ram:FormattedIssueDateTime/qdt:DateTimeString
"""
PATTERN = Pattern.of(
    _PATHS.format(
        agreement="rsm:SupplyChainTradeTransaction/ram:ApplicableHeaderTradeAgreement",
        settlement="rsm:SupplyChainTradeTransaction/ram:ApplicableHeaderTradeSettlement",
    ),
    _NAMESPACES,
)
_AGREEMENT = "SupplyChainTradeTransaction/ApplicableHeaderTradeAgreement"
_SETTLEMENT = "SupplyChainTradeTransaction/ApplicableHeaderTradeSettlement"
_TOTALS = f"{_SETTLEMENT}/SpecifiedTradeSettlementHeaderMonetarySummation"
_PAYMENT = f"{_SETTLEMENT}/SpecifiedTradeSettlementPaymentMeans"


def read(values: ElementValues, xml_sha256: str) -> Invoice:
    """The invoice below the root element `CrossIndustryInvoice`."""
    root = values.root
    currency = values.currency(f"{_SETTLEMENT}/InvoiceCurrencyCode")
    terms = f"{_SETTLEMENT}/SpecifiedTradePaymentTerms/DueDateDateTime/DateTimeString"
    accounts = values.texts(root.all(f"{_PAYMENT}/PayeePartyCreditorFinancialAccount/IBANID"))
    references = root.all(f"{_SETTLEMENT}/InvoiceReferencedDocument")
    corrects = (_corrected(values, reference) for reference in references)
    return Invoice(
        format="cii",
        xml_sha256=xml_sha256,
        number=values.text("ExchangedDocument/ID"),
        issued=values.only(
            _days(values, root.all("ExchangedDocument/IssueDateTime/DateTimeString"))
        ),
        kind=values.text("ExchangedDocument/TypeCode"),
        currency=currency,
        due=values.note_several(_days(values, root.all(terms))),
        seller_name=values.text(f"{_AGREEMENT}/SellerTradeParty/Name"),
        seller_tax_id=_vat_id(values, "SellerTradeParty"),
        buyer_name=values.text(f"{_AGREEMENT}/BuyerTradeParty/Name"),
        buyer_tax_id=_vat_id(values, "BuyerTradeParty"),
        net=values.total_in(root.all(f"{_TOTALS}/TaxBasisTotalAmount"), currency),
        tax=values.amount_in(root.all(f"{_TOTALS}/TaxTotalAmount"), currency),
        gross=values.total_in(root.all(f"{_TOTALS}/GrandTotalAmount"), currency),
        payable=values.total_in(root.all(f"{_TOTALS}/DuePayableAmount"), currency),
        accounts=values.note_several(values.unique(accounts)),
        orders=values.several(f"{_AGREEMENT}/BuyerOrderReferencedDocument/IssuerAssignedID"),
        corrects=tuple(corrected for corrected in corrects if corrected is not None),
    )


def _days(values: ElementValues, elements: Iterable[Element]) -> list[Value]:
    """The ISO dates of elements with `format="102"`, without duplicates. Other dates are noted as
    invalid.
    """
    days: list[Value] = []
    for element in elements:
        value = values.value(element)
        if value is None:
            continue
        is_day = one_visible_line(element.attributes.get("format", "")) == _DAY
        day = basic_date(value.text) if is_day else None
        if day is None:
            values.invalid(value)
        else:
            days.append(Value(day, value.path))
    return values.unique(days)


def _vat_id(values: ElementValues, party: str) -> Value | None:
    elements = values.root.all(f"{_AGREEMENT}/{party}/SpecifiedTaxRegistration/ID")
    vat = (
        element for element in elements if element.attributes.get("schemeID", "").strip() == _VAT
    )
    return values.only(values.unique(values.texts(vat)))


def _corrected(values: ElementValues, reference: Element) -> Corrected | None:
    """An invoice that is corrected; None if it has no number."""
    number = values.only(values.texts(reference.all("IssuerAssignedID")))
    if number is None:
        return None
    issued = values.only(_days(values, reference.all("FormattedIssueDateTime/DateTimeString")))
    return Corrected(number=number.text, path=number.path, issued=issued.text if issued else None)
