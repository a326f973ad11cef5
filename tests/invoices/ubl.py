"""Invoices and credit notes of UBL 2.1, by the syntax binding of EN 16931."""

from decimal import ROUND_HALF_UP, Decimal

from tests.invoices.facts import CENT, RATES, Facts
from tests.invoices.xml_text import amount, leaf, tag

_UBL = "urn:oasis:names:specification:ubl:schema:xsd:"
_CATEGORIES = {"zw": "E", "oo": "AE", "0 KR": "Z"}


def write(facts: Facts) -> str:
    """The document without an XML declaration; a credit note if the facts describe one."""
    credit = facts.kind == "credit"
    root = "CreditNote" if credit else "Invoice"
    kind = "381" if credit else "384" if facts.kind == "correction" else "380"
    due = facts.due[0].isoformat() if facts.due else None
    body = (
        leaf("cbc:CustomizationID", "urn:cen.eu:en16931:2017")
        + leaf("cbc:ID", facts.number)
        + leaf("cbc:IssueDate", facts.issued.isoformat())
        + ("" if credit else leaf("cbc:DueDate", due))
        + leaf(f"cbc:{root}TypeCode", kind)
        + leaf("cbc:DocumentCurrencyCode", facts.currency)
        + tag("cac:OrderReference", leaf("cbc:ID", facts.order))
        + "".join(
            tag(
                "cac:BillingReference",
                tag(
                    "cac:InvoiceDocumentReference",
                    leaf("cbc:ID", earlier.number),
                    leaf("cbc:IssueDate", earlier.issued.isoformat()),
                ),
            )
            for earlier in facts.corrects
        )
        + tag("cac:AccountingSupplierParty", _party(facts.seller, "PL", facts.seller_nip))
        + tag(
            "cac:AccountingCustomerParty",
            _party(facts.buyer, facts.buyer_country, facts.buyer_tax_id),
        )
        + _payment(facts, due if credit else None)
        + _taxes(facts)
        + _total(facts)
        + _lines(facts, credit=credit)
    )
    namespaces = {
        "xmlns": f"{_UBL}{root}-2",
        "xmlns:cac": f"{_UBL}CommonAggregateComponents-2",
        "xmlns:cbc": f"{_UBL}CommonBasicComponents-2",
    }
    return tag(root, body, **namespaces)


def _party(name: str, country: str | None, tax_id: str) -> str:
    vat = "" if country is None else _scheme(f"{country}{tax_id}", "VAT")
    other = _scheme("BDO-000", "TAX")  # a registration that is not a VAT number (BT-32)
    return tag(
        "cac:Party",
        tag("cac:PartyName", leaf("cbc:Name", f"Marka {name}")),
        tag(
            "cac:PostalAddress", tag("cac:Country", leaf("cbc:IdentificationCode", country or "PL"))
        ),
        other,
        vat,
        tag("cac:PartyLegalEntity", leaf("cbc:RegistrationName", name), leaf("cbc:CompanyID", "1")),
    )


def _scheme(number: str, scheme: str) -> str:
    return tag(
        "cac:PartyTaxScheme",
        leaf("cbc:CompanyID", number),
        tag("cac:TaxScheme", leaf("cbc:ID", scheme)),
    )


def _payment(facts: Facts, due: str | None) -> str:
    account = tag("cac:PayeeFinancialAccount", leaf("cbc:ID", facts.account))
    return tag(
        "cac:PaymentMeans",
        leaf("cbc:PaymentMeansCode", "30"),
        leaf("cbc:PaymentDueDate", due),
        account,
    )


def _money(name: str, value: Decimal, currency: str) -> str:
    return leaf(f"cbc:{name}", amount(value), currencyID=currency)


def _taxes(facts: Facts) -> str:
    parts = [
        tag(
            "cac:TaxSubtotal",
            _money("TaxableAmount", facts.net_of(rate), facts.currency),
            _money("TaxAmount", facts.tax_of(rate), facts.currency),
            _category("cac:TaxCategory", rate),
        )
        for rate in facts.rates
    ]
    written = tag("cac:TaxTotal", _money("TaxAmount", facts.tax, facts.currency), parts)
    if facts.currency != "PLN":
        in_pln = (facts.tax * facts.exchange_rate).quantize(CENT, ROUND_HALF_UP)
        written = tag("cac:TaxTotal", _money("TaxAmount", in_pln, "PLN")) + written
    return written


def _category(name: str, rate: str) -> str:
    return tag(
        name,
        leaf("cbc:ID", _CATEGORIES.get(rate, "S")),
        leaf("cbc:Percent", str(RATES[rate][0])),
        tag("cac:TaxScheme", leaf("cbc:ID", "VAT")),
    )


def _total(facts: Facts) -> str:
    return tag(
        "cac:LegalMonetaryTotal",
        _money("LineExtensionAmount", facts.net, facts.currency),
        _money("TaxExclusiveAmount", facts.net, facts.currency),
        _money("TaxInclusiveAmount", facts.gross, facts.currency),
        _money("PrepaidAmount", facts.paid, facts.currency) if facts.paid else None,
        _money("PayableAmount", facts.gross - facts.paid, facts.currency),
    )


def _lines(facts: Facts, *, credit: bool) -> str:
    name = "CreditNote" if credit else "Invoice"
    quantity = "CreditedQuantity" if credit else "InvoicedQuantity"
    return "".join(
        tag(
            f"cac:{name}Line",
            leaf("cbc:ID", str(position)),
            leaf(f"cbc:{quantity}", "1", unitCode="C62"),
            _money("LineExtensionAmount", line.net, facts.currency),
            tag(
                "cac:Item",
                leaf("cbc:Name", line.name),
                _category("cac:ClassifiedTaxCategory", line.rate),
            ),
            tag("cac:Price", _money("PriceAmount", line.net, facts.currency)),
        )
        for position, line in enumerate(facts.lines, 1)
    )
