"""UN/CEFACT's Cross Industry Invoice, by the syntax binding of EN 16931 (Factur-X, XRechnung)."""

from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from tests.invoices.facts import CENT, RATES, Facts
from tests.invoices.xml_text import amount, leaf, tag

_CEFACT = "urn:un:unece:uncefact:data:standard:"
_CATEGORIES = {"zw": "E", "oo": "AE", "0 KR": "Z"}
_KINDS = {"invoice": "380", "credit": "381", "correction": "384"}


def write(facts: Facts) -> str:
    """The document without an XML declaration."""
    guideline = tag(
        "ram:GuidelineSpecifiedDocumentContextParameter", leaf("ram:ID", "urn:cen.eu:en16931:2017")
    )
    header = tag(
        "rsm:ExchangedDocument",
        leaf("ram:ID", facts.number),
        leaf("ram:TypeCode", _KINDS[facts.kind]),
        tag("ram:IssueDateTime", _day("udt", facts.issued)),
    )
    trade = tag(
        "rsm:SupplyChainTradeTransaction",
        _lines(facts),
        _agreement(facts),
        _delivery(facts),
        _settlement(facts),
    )
    namespaces = {
        "xmlns:rsm": f"{_CEFACT}CrossIndustryInvoice:100",
        "xmlns:ram": f"{_CEFACT}ReusableAggregateBusinessInformationEntity:100",
        "xmlns:udt": f"{_CEFACT}UnqualifiedDataType:100",
        "xmlns:qdt": f"{_CEFACT}QualifiedDataType:100",
    }
    context = tag("rsm:ExchangedDocumentContext", guideline)
    return tag("rsm:CrossIndustryInvoice", context, header, trade, **namespaces)


def _day(prefix: str, day: date) -> str:
    return leaf(f"{prefix}:DateTimeString", f"{day:%Y%m%d}", format="102")


def _lines(facts: Facts) -> str:
    return "".join(
        tag(
            "ram:IncludedSupplyChainTradeLineItem",
            tag("ram:AssociatedDocumentLineDocument", leaf("ram:LineID", str(position))),
            tag("ram:SpecifiedTradeProduct", leaf("ram:Name", line.name)),
            tag(
                "ram:SpecifiedLineTradeAgreement",
                tag("ram:NetPriceProductTradePrice", leaf("ram:ChargeAmount", amount(line.net))),
            ),
            tag("ram:SpecifiedLineTradeDelivery", leaf("ram:BilledQuantity", "1", unitCode="C62")),
            tag(
                "ram:SpecifiedLineTradeSettlement",
                tag(
                    "ram:ApplicableTradeTax",
                    leaf("ram:TypeCode", "VAT"),
                    leaf("ram:CategoryCode", _CATEGORIES.get(line.rate, "S")),
                    leaf("ram:RateApplicablePercent", str(RATES[line.rate][0])),
                ),
                tag(
                    "ram:SpecifiedTradeSettlementLineMonetarySummation",
                    leaf("ram:LineTotalAmount", amount(line.net)),
                ),
            ),
        )
        for position, line in enumerate(facts.lines, 1)
    )


def _party(name: str, country: str | None, tax_id: str) -> str:
    return (
        leaf("ram:Name", name)
        + tag(
            "ram:SpecifiedLegalOrganization",
            leaf("ram:ID", "1"),
            leaf("ram:TradingBusinessName", f"Marka {name}"),
        )
        + tag("ram:PostalTradeAddress", leaf("ram:CountryID", country or "PL"))
        + tag("ram:SpecifiedTaxRegistration", leaf("ram:ID", "BDO-000", schemeID="FC"))
        + (
            ""
            if country is None
            else tag(
                "ram:SpecifiedTaxRegistration", leaf("ram:ID", country + tax_id, schemeID="VA")
            )
        )
    )


def _agreement(facts: Facts) -> str:
    return tag(
        "ram:ApplicableHeaderTradeAgreement",
        tag("ram:SellerTradeParty", _party(facts.seller, "PL", facts.seller_nip)),
        tag("ram:BuyerTradeParty", _party(facts.buyer, facts.buyer_country, facts.buyer_tax_id)),
        tag("ram:BuyerOrderReferencedDocument", leaf("ram:IssuerAssignedID", facts.order)),
    )


def _delivery(facts: Facts) -> str:
    event = tag("ram:OccurrenceDateTime", _day("udt", facts.issued))
    return tag(
        "ram:ApplicableHeaderTradeDelivery", tag("ram:ActualDeliverySupplyChainEvent", event)
    )


def _settlement(facts: Facts) -> str:
    foreign = facts.currency != "PLN"
    account = tag("ram:PayeePartyCreditorFinancialAccount", leaf("ram:IBANID", facts.account))
    taxes = [
        tag(
            "ram:ApplicableTradeTax",
            leaf("ram:CalculatedAmount", amount(facts.tax_of(rate))),
            leaf("ram:TypeCode", "VAT"),
            leaf("ram:BasisAmount", amount(facts.net_of(rate))),
            leaf("ram:CategoryCode", _CATEGORIES.get(rate, "S")),
            leaf("ram:RateApplicablePercent", str(RATES[rate][0])),
        )
        for rate in facts.rates
    ]
    due = tag("ram:DueDateDateTime", _day("udt", facts.due[0])) if facts.due else ""
    references = [
        tag(
            "ram:InvoiceReferencedDocument",
            leaf("ram:IssuerAssignedID", earlier.number),
            tag("ram:FormattedIssueDateTime", _day("qdt", earlier.issued)),
        )
        for earlier in facts.corrects
    ]
    return tag(
        "ram:ApplicableHeaderTradeSettlement",
        leaf("ram:TaxCurrencyCode", "PLN") if foreign else None,
        leaf("ram:InvoiceCurrencyCode", facts.currency),
        tag("ram:SpecifiedTradeSettlementPaymentMeans", leaf("ram:TypeCode", "30"), account),
        taxes,
        tag("ram:SpecifiedTradePaymentTerms", due),
        _total(facts),
        references,
    )


def _total(facts: Facts) -> str:
    in_pln: Decimal = (facts.tax * facts.exchange_rate).quantize(CENT, ROUND_HALF_UP)
    return tag(
        "ram:SpecifiedTradeSettlementHeaderMonetarySummation",
        leaf("ram:LineTotalAmount", amount(facts.net)),
        leaf("ram:TaxBasisTotalAmount", amount(facts.net)),
        leaf("ram:TaxTotalAmount", amount(facts.tax), currencyID=facts.currency),
        leaf("ram:TaxTotalAmount", amount(in_pln), currencyID="PLN")
        if facts.currency != "PLN"
        else None,
        leaf("ram:GrandTotalAmount", amount(facts.gross)),
        leaf("ram:TotalPrepaidAmount", amount(facts.paid)) if facts.paid else None,
        leaf("ram:DuePayableAmount", amount(facts.gross - facts.paid)),
    )
