"""A second reader of invoices, built on other libraries: it defines what the product must read.

A program for a separate interpreter that has factur-x, drafthorse and ksef-client:

    python oracle.py [--validate] FILE…

It prints one JSON object per line: the file, and for each invoice in it the format, its schema
errors ("" if there are none, None if it was not checked), and the values by name. ksef-client reads
FA(3), drafthorse reads CII, and factur-x checks the schemas and opens PDF. None of them reads UBL
or FA(2), and drafthorse keeps only one of several elements; these are read by lxml's XPath.
"""

import json
import sys
import warnings
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from drafthorse.models.document import Document
from facturx import xml_check_xsd
from facturx.facturx import get_xml_from_pdf
from ksef_client.documents.fa3 import validate_fa3_xml_xsd
from ksef_client.documents.fa3.parse import parse_invoice_xml
from lxml import etree
from pypdf import PdfReader

_CENT = Decimal("0.01")
_UBL = "urn:oasis:names:specification:ubl:schema:xsd:"
_CEFACT = "urn:un:unece:uncefact:data:standard:"
_NAMESPACES = {
    "cac": f"{_UBL}CommonAggregateComponents-2",
    "cbc": f"{_UBL}CommonBasicComponents-2",
    "ram": f"{_CEFACT}ReusableAggregateBusinessInformationEntity:100",
    "qdt": f"{_CEFACT}QualifiedDataType:100",
    "fa": "http://crd.gov.pl/wzor/2023/06/29/12648/",
}
Values = dict[str, Any]
Tree = Any  # the types of lxml and the packages do not help here


def _texts(root: Tree, path: str) -> list[str]:
    found = root.xpath(path, namespaces=_NAMESPACES)
    return [text for text in (" ".join(node.xpath("string()").split()) for node in found) if text]


def _first(root: Tree, path: str) -> str | None:
    return next(iter(_texts(root, path)), None)


def _money(amount: "str | Decimal | None", currency: str | None) -> str | None:
    if amount is None or currency is None:
        return None
    return f"{Decimal(amount).quantize(_CENT) + 0} {currency}"  # no minus before a zero


def _day(value: Any) -> str:
    """The ISO date of a date or a datetime."""
    return str(value.isoformat())[:10]


def _ubl(root: Tree) -> Values:
    credit = etree.QName(root).localname == "CreditNote"
    currency = _first(root, "cbc:DocumentCurrencyCode")

    def party(role: str) -> tuple[str | None, str | None]:
        base = f"cac:{role}/cac:Party"
        vat = (
            f"{base}/cac:PartyTaxScheme[normalize-space(cac:TaxScheme/cbc:ID)='VAT']/cbc:CompanyID"
        )
        return _first(root, f"{base}/cac:PartyLegalEntity/cbc:RegistrationName"), _first(root, vat)

    def total(name: str) -> str | None:
        return _money(_first(root, f"cac:LegalMonetaryTotal/cbc:{name}"), currency)

    seller, buyer = party("AccountingSupplierParty"), party("AccountingCustomerParty")
    tax = _first(root, f"cac:TaxTotal/cbc:TaxAmount[@currencyID='{currency}']")
    return {
        "number": _first(root, "cbc:ID"),
        "issued": _first(root, "cbc:IssueDate"),
        "kind": _first(root, "cbc:CreditNoteTypeCode" if credit else "cbc:InvoiceTypeCode"),
        "currency": currency,
        "due": _first(root, "cac:PaymentMeans/cbc:PaymentDueDate" if credit else "cbc:DueDate"),
        "seller_name": seller[0],
        "seller_tax_id": seller[1],
        "buyer_name": buyer[0],
        "buyer_tax_id": buyer[1],
        "net": total("TaxExclusiveAmount"),
        "tax": _money(tax, currency),
        "gross": total("TaxInclusiveAmount"),
        "payable": total("PayableAmount"),
        "account": _first(root, "cac:PaymentMeans/cac:PayeeFinancialAccount/cbc:ID"),
        "order": _first(root, "cac:OrderReference/cbc:ID"),
        "corrects": _texts(root, "cac:BillingReference/cac:InvoiceDocumentReference/cbc:ID"),
    }


def _fa2(root: Tree) -> Values:
    invoice, currency = "fa:Fa", _first(root, "fa:Fa/fa:KodWaluty")
    buyer = "fa:Podmiot2/fa:DaneIdentyfikacyjne"
    vat = (_first(root, f"{buyer}/fa:KodUE") or "") + (_first(root, f"{buyer}/fa:NrVatUE") or "")
    tax_names = " or ".join(f"local-name()='P_14_{n}'" for n in range(1, 6))
    net = sum(map(Decimal, _texts(root, f"{invoice}/*[starts-with(local-name(), 'P_13_')]")))
    tax = sum(map(Decimal, _texts(root, f"{invoice}/*[{tax_names}]")))
    gross = _money(_first(root, f"{invoice}/fa:P_15"), currency)
    return {
        "number": _first(root, f"{invoice}/fa:P_2"),
        "issued": _first(root, f"{invoice}/fa:P_1"),
        "kind": _first(root, f"{invoice}/fa:RodzajFaktury"),
        "currency": currency,
        "due": _first(root, f"{invoice}/fa:Platnosc/fa:TerminPlatnosci/fa:Termin"),
        "seller_name": _first(root, "fa:Podmiot1/fa:DaneIdentyfikacyjne/fa:Nazwa"),
        "seller_tax_id": _first(root, "fa:Podmiot1/fa:DaneIdentyfikacyjne/fa:NIP"),
        "buyer_name": _first(root, f"{buyer}/fa:Nazwa"),
        "buyer_tax_id": _first(root, f"{buyer}/fa:NIP") or vat or _first(root, f"{buyer}/fa:NrID"),
        "net": _money(Decimal(net), currency),
        "tax": _money(Decimal(tax), currency),
        "gross": gross,
        "payable": gross,
        "account": _first(root, f"{invoice}/fa:Platnosc/fa:RachunekBankowy/fa:NrRB"),
        "order": _first(root, f"{invoice}/fa:WarunkiTransakcji/fa:Zamowienia/fa:NrZamowienia"),
        "corrects": _texts(root, f"{invoice}/fa:DaneFaKorygowanej/fa:NrFaKorygowanej"),
    }


def _fa3(root: Tree) -> Values:
    """By ksef-client. It sums lines by rate where the document has totals; both must agree."""
    invoice = parse_invoice_xml(etree.tostring(root, encoding="utf-8"))
    net_by_rate: dict[Any, Decimal] = {}
    for line in invoice.lines:
        rate = line.tax.vat_rate or Decimal(0)
        net_by_rate[rate] = net_by_rate.get(rate, Decimal(0)) + (line.net_amount or Decimal(0))
    net = sum(net_by_rate.values(), Decimal(0))
    taxes = (amount * rate / 100 for rate, amount in net_by_rate.items())
    tax = sum((amount.quantize(_CENT, ROUND_HALF_UP) for amount in taxes), Decimal(0))
    terms, conditions = invoice.payment_terms, invoice.transaction_terms
    accounts = [account.number for account in terms.bank_accounts] if terms else []
    orders = [order.number for order in conditions.orders] if conditions else []
    due = [*terms.due_dates, *(term.due_date for term in terms.due_terms)] if terms else []
    buyer = invoice.buyer.identifier
    return {
        "number": invoice.invoice_number,
        "issued": invoice.issue_date.isoformat(),
        "kind": _first(root, "*[local-name()='Fa']/*[local-name()='RodzajFaktury']"),
        "currency": invoice.currency,
        "due": _day(due[0]) if due else None,
        "seller_name": invoice.seller.name,
        "seller_tax_id": invoice.seller.identifier.value,
        "buyer_name": invoice.buyer.name,
        "buyer_tax_id": f"{buyer.country_code or ''}{buyer.value}" if buyer.value else None,
        "net": _money(net, invoice.currency),
        "tax": _money(tax, invoice.currency),
        "gross": _money(net + tax, invoice.currency),
        "payable": _money(net + tax, invoice.currency),
        "account": accounts[0] if accounts else None,
        "order": orders[0] if orders else None,
        "corrects": [earlier.invoice_number for earlier in invoice.corrected_invoices],
    }


def _cii(root: Tree) -> Values:
    """By drafthorse, or by XPath if it cannot read the document. If it can, both must agree."""
    values = _cii_by_xpath(root)
    etree.strip_tags(root, etree.Comment, etree.ProcessingInstruction)  # drafthorse: elements
    try:
        document = Document.parse(etree.tostring(root, encoding="utf-8"), strict=False)
    except (InvalidOperation, AttributeError, TypeError, ValueError):
        return values
    others = _cii_by_drafthorse(document)
    differing = {
        name: (values[name], other)
        for name, other in others.items()
        if (" ".join(other.split()) if other is not None else None) != values[name]
    }
    if differing:
        raise AssertionError(f"the oracles differ: {differing}")
    return values


def _cii_by_xpath(root: Tree) -> Values:
    trade = "*[local-name()='SupplyChainTradeTransaction']"
    header = "*[local-name()='ExchangedDocument']"
    agreement = f"{trade}/ram:ApplicableHeaderTradeAgreement"
    settlement = f"{trade}/ram:ApplicableHeaderTradeSettlement"
    totals = f"{settlement}/ram:SpecifiedTradeSettlementHeaderMonetarySummation"
    currency = _first(root, f"{settlement}/ram:InvoiceCurrencyCode")
    vat = "ram:SpecifiedTaxRegistration/ram:ID[@schemeID='VA']"
    account = "ram:PayeePartyCreditorFinancialAccount/ram:IBANID"

    def day(path: str) -> str | None:
        text = _first(root, path)
        return f"{text[:4]}-{text[4:6]}-{text[6:8]}" if text else None

    def total(name: str) -> str | None:
        return _money(_first(root, f"{totals}/ram:{name}"), currency)

    return {
        "number": _first(root, f"{header}/ram:ID"),
        "issued": day(f"{header}/ram:IssueDateTime"),
        "kind": _first(root, f"{header}/ram:TypeCode"),
        "currency": currency,
        "due": day(f"{settlement}/ram:SpecifiedTradePaymentTerms/ram:DueDateDateTime"),
        "seller_name": _first(root, f"{agreement}/ram:SellerTradeParty/ram:Name"),
        "seller_tax_id": _first(root, f"{agreement}/ram:SellerTradeParty/{vat}"),
        "buyer_name": _first(root, f"{agreement}/ram:BuyerTradeParty/ram:Name"),
        "buyer_tax_id": _first(root, f"{agreement}/ram:BuyerTradeParty/{vat}"),
        "net": total("TaxBasisTotalAmount"),
        "tax": total(f"TaxTotalAmount[@currencyID='{currency}']"),
        "gross": total("GrandTotalAmount"),
        "payable": total("DuePayableAmount"),
        "account": _first(root, f"{settlement}/ram:SpecifiedTradeSettlementPaymentMeans/{account}"),
        "order": _first(root, f"{agreement}/ram:BuyerOrderReferencedDocument/ram:IssuerAssignedID"),
        "corrects": _texts(
            root, f"{settlement}/ram:InvoiceReferencedDocument/ram:IssuerAssignedID"
        ),
    }


def _cii_by_drafthorse(document: Any) -> Values:
    """Without tax and corrected invoices: its model keeps only one of several."""
    trade, settlement = document.trade, document.trade.settlement
    totals, currency = settlement.monetary_summation, str(settlement.currency_code)
    means = [str(mean.payee_account.iban) for mean in settlement.payment_means.children]
    due = [terms.due._value for terms in settlement.terms.children if terms.due._value]

    def party(side: Any) -> tuple[str, str | None]:
        ids = {
            entry.id._scheme_id: str(entry.id._text) for entry in side.tax_registrations.children
        }
        return str(side.name), ids.get("VA")

    seller, buyer = party(trade.agreement.seller), party(trade.agreement.buyer)
    return {
        "number": str(document.header.id),
        "issued": _day(document.header.issue_date_time._value),
        "kind": str(document.header.type_code),
        "currency": currency,
        "due": _day(due[0]) if due else None,
        "seller_name": seller[0],
        "seller_tax_id": seller[1],
        "buyer_name": buyer[0],
        "buyer_tax_id": buyer[1],
        "net": _money(totals.tax_basis_total._amount, currency),
        "gross": _money(totals.grand_total._amount, currency),
        "payable": _money(totals.due_amount._value, currency),
        "account": next((account for account in means if account), None),
        "order": str(trade.agreement.buyer_order.issuer_assigned_id._text) or None,
    }


_FORMATS: dict[str, tuple[str, Callable[[Tree], Values], str | None]] = {
    "{http://crd.gov.pl/wzor/2023/06/29/12648/}Faktura": ("ksef-fa2", _fa2, None),
    "{http://crd.gov.pl/wzor/2025/06/25/13775/}Faktura": ("ksef-fa3", _fa3, "ksef"),
    f"{{{_UBL}Invoice-2}}Invoice": ("ubl-invoice", _ubl, "ubl-2.1-invoice"),
    f"{{{_UBL}CreditNote-2}}CreditNote": ("ubl-credit-note", _ubl, "ubl-2.1-creditnote"),
    f"{{{_CEFACT}CrossIndustryInvoice:100}}CrossIndustryInvoice": ("cii", _cii, "factur-x"),
}


def _mistake(root: Tree, schema: str | None) -> str | None:
    if schema is None:
        return None
    try:
        if schema == "ksef":
            validate_fa3_xml_xsd(etree.tostring(root, encoding="utf-8"))
        else:
            xml_check_xsd(root, flavor=schema)
    except Exception as error:  # noqa: BLE001 - any of the libraries' own
        return str(error)
    return ""


def _xmls(path: Path) -> list[bytes]:
    data = path.read_bytes()
    if not data.startswith(b"%PDF"):
        return [data]
    name, xml = get_xml_from_pdf(data, check_xsd=False)
    if name:
        return [xml]
    attachments = PdfReader(path).attachments
    return [content for contents in attachments.values() for content in contents]


def read(path: Path, *, validate: bool) -> list[Values]:
    """The invoices in a file."""
    found = []
    for xml in _xmls(path):
        try:
            root = etree.fromstring(xml)
        except etree.XMLSyntaxError:
            continue
        if root.tag in _FORMATS:
            name, values, schema = _FORMATS[root.tag]
            found.append(
                {
                    "format": name,
                    "mistake": _mistake(root, schema if validate else None),
                    "values": values(root),
                }
            )
    return found


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # raised by these libraries
    arguments = [argument for argument in sys.argv[1:] if argument != "--validate"]
    every = 1 if len(arguments) < len(sys.argv) - 1 else 6
    for position, argument in enumerate(arguments):
        # the packages would read a schema again for each file, which takes most of the time
        invoices = read(Path(argument), validate=position % every == 0)
        sys.stdout.write(json.dumps({"file": argument, "invoices": invoices}) + "\n")
