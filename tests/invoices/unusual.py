"""Valid but rare invoices, each with the values that a reader must find.

Most are generated invoices that were changed; `changes` are the values that differ from the facts.
`not_by_lines` is true if the totals do not follow from the lines, as in a final invoice.
"""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal

from tests.invoices import cii, ksef, ubl
from tests.invoices.documents import Document
from tests.invoices.facts import Facts, random_facts
from tests.invoices.pdf import embed
from tests.invoices.xml_text import leaf, tag

_FOREIGN = "1234563218"


@dataclass(frozen=True)
class Unusual:
    """A document, and how its values differ from its facts; None for a value that is absent."""

    name: str
    document: Document
    changes: dict[str, str | None] = field(default_factory=dict)
    not_by_lines: bool = False


def facts(kind: str = "invoice", **more: object) -> Facts:
    """An invoice in EUR with a due date, an account, an order and a Polish buyer."""
    made = random_facts(random.Random(31), lines=3, kind=kind)
    parts: dict[str, object] = {
        "currency": "EUR",
        "due": made.due[:1] or (made.issued,),
        "account": made.account or "PL19000000004519568323741840",
        "order": "ZAM 7/x",
        "paid": Decimal(0),
        "buyer_country": "PL",
        "buyer_tax_id": "9993416726",
    }
    return replace(made, **(parts | more))  # type: ignore[arg-type]


def invoices() -> Iterator[Unusual]:
    yield from _spellings()
    yield from _ksef()
    yield from _ubl()
    yield from _cii()


def _document(format_: str, made: Facts, xml: str | bytes) -> Document:
    data = xml if isinstance(xml, bytes) else xml.encode()
    return Document("invoice.xml", "application/xml", data, data, format_, made)


def _with(text: str, pattern: str, replacement: str) -> str:
    changed, count = re.subn(pattern, replacement, text, flags=re.DOTALL)
    if not count:
        raise ValueError(f"{pattern!r} is not in the document")
    return changed


def _spellings() -> Iterator[Unusual]:
    made = facts()
    for format_, xml in (
        ("ksef-fa2", ksef.write(made, 2)),
        ("ksef-fa3", ksef.write(made, 3)),
        ("ubl-invoice", ubl.write(made)),
        ("cii", cii.write(made)),
    ):
        number = re.escape(made.number)
        in_parts = (
            f"<!-- no. -->{made.number[:1]}<![CDATA[{made.number[1:-1]}]]><?p i?>{made.number[-1:]}"
        )
        text = _with(xml, rf">{number}<", f">\n\t{in_parts} <")
        yield Unusual(f"{format_}: a value in parts", _document(format_, made, text))
        head = '<?xml version="1.0" encoding="UTF-16"?><?xml-stylesheet href="a.xsl"?><!-- x -->'
        for encoding in ("utf-16", "utf-16-be"):
            mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
            data = mark + (head + xml + "<!-- end -->\n").encode(encoding)
            yield Unusual(f"{format_}: {encoding}", _document(format_, made, data))
        declared = '<?xml version="1.0" encoding="windows-1250" standalone="yes"?>' + xml
        data = declared.encode("cp1250", "xmlcharrefreplace")
        yield Unusual(f"{format_}: windows-1250", _document(format_, made, data))
        text = "\ufeff" + '<?xml version="1.0" encoding="utf8"?>' + xml
        yield Unusual(f"{format_}: utf8 with a mark", _document(format_, made, text))
        indented = re.sub(r">(?=<)", ">\r\n\t", xml)
        yield Unusual(f"{format_}: indented", _document(format_, made, indented))
        yield Unusual(f"{format_}: other prefixes", _document(format_, made, _prefixed(xml)))
        unused = _with(
            xml,
            r"^<([\w:]+) ",
            r'<\1 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="a b.xsd" ',
        )
        yield Unusual(f"{format_}: where its schema is", _document(format_, made, unused))
        yield Unusual(f"{format_}: in a PDF with others", _in_pdf(format_, made, xml))


def _prefixed(xml: str) -> str:
    """Swap the default namespace and the prefixes."""
    if "xmlns:rsm" in xml:
        return re.sub(r"(</?|xmlns:)(rsm|ram|udt|qdt)\b", r"\1x-\2", xml)
    text = re.sub(r"(</?)(?=[A-Z])", r"\1main.x:", xml).replace("xmlns=", "xmlns:main.x=")
    return re.sub(r"(</?|xmlns:)(cac|cbc)\b", r"\1\2_", text)


def _in_pdf(format_: str, made: Facts, xml: str) -> Document:
    other = (
        '<UPO xmlns="http://upo.schematy.mf.gov.pl/KSeF/v4-2"><NumerFaktury>1</NumerFaktury></UPO>'
    )
    files = [
        ("factur-x.xml", other.encode()),
        ("order.xml", b"<Order xmlns='urn:oasis:names:specification:ubl:schema:xsd:Order-2'/>"),
        ("picture.png", b"\x89PNG\r\n\x1a\n"),
        ("anything.bin", xml.encode()),
    ]
    data = embed(*files)
    return Document("a.pdf", "application/pdf", data, xml.encode(), format_, made)


def _ksef() -> Iterator[Unusual]:
    made = facts()
    for version in (2, 3):
        format_ = f"ksef-fa{version}"
        xml = ksef.write(made, version)
        identity = tag(
            "DaneIdentyfikacyjne", leaf("NIP", _FOREIGN), leaf("Nazwa", "Faktor Przykładowy")
        )
        third = tag("Podmiot3", identity, leaf("Rola", "1"))
        factor = tag("RachunekBankowyFaktora", leaf("NrRB", "PL34000000006946723440107488"))
        text = _with(xml, "</Podmiot2>", f"</Podmiot2>{third}{third}")
        text = _with(text, "</RachunekBankowy>", f"</RachunekBankowy>{factor}")
        yield Unusual(f"{format_}: a factor", _document(format_, made, text))
        text = _with(xml, "<P_17>2", "<P_17>1")
        yield Unusual(f"{format_}: self-billing", _document(format_, made, text))
        text = _with(
            xml,
            "(<Podmiot2>.*?)<NIP>.*?</NIP>",
            r"\1<KodKraju>CH</KodKraju><NrID>CHE-1</NrID>",
        )
        changes: dict[str, str | None] = {"buyer_tax_id": "CHE-1"}
        yield Unusual(f"{format_}: another number", _document(format_, made, text), changes)
        yield from _totals(format_, made, xml)
        yield from _corrections(format_, version)


def _totals(format_: str, made: Facts, xml: str) -> Iterator[Unusual]:
    every = {"1": 1000, "2": 200, "3": 30, "5": 6, "6_1": 7, "6_2": 8, "6_3": 9, "7": 10, "8": 11}
    every |= {"9": 12, "10": 13, "11": 14}
    taxes = {"1": 230, "2": 16, "3": Decimal("1.5"), "5": 2}
    written = ""
    for part, net in every.items():
        written += leaf(f"P_13_{part}", f"{net}.00")
        if part in taxes:
            written += leaf(f"P_14_{part}", f"{taxes[part]:.2f}")
            written += "" if part == "5" else leaf(f"P_14_{part}W", "999.99")
    text = _with(xml, "<P_13_.*</P_15>", f"{written}<P_15>1569.50</P_15>")
    changes: dict[str, str | None] = {"net": "1320.00 EUR", "tax": "249.50 EUR"}
    changes |= dict.fromkeys(("gross", "payable"), "1569.50 EUR")
    document = _document(format_, made, text)
    yield Unusual(f"{format_}: every rate", document, changes, not_by_lines=True)
    advance = (
        "<P_13_1>100.00</P_13_1><P_14_1>23.00</P_14_1><P_14_1W>98.60</P_14_1W><P_15>123.00</P_15>"
    )
    text = _with(xml, "<P_13_.*</P_15>", advance)
    for kind in ("ZAL", "ROZ", "UPR"):
        of_kind = _with(text, "<RodzajFaktury>VAT", f"<RodzajFaktury>{kind}")
        if kind == "ROZ":
            earlier = leaf("NrKSeFZN", "1") + leaf("NrFaZaliczkowej", "ZAL/1")
            ends = tag("FakturaZaliczkowa", earlier)
            of_kind = _with(of_kind, "</RodzajFaktury>", f"</RodzajFaktury>{ends}")
        if kind == "ZAL":
            parts = {"NrWierszaZam": "1", "P_7Z": "Most", "P_8AZ": "szt.", "P_8BZ": "1"}
            parts |= {"P_9AZ": "900.00", "P_11NettoZ": "900.00", "P_11VatZ": "207.00"}
            parts |= {"P_12Z": "23"}
            line = tag("ZamowienieWiersz", "".join(leaf(*part) for part in parts.items()))
            order = tag("Zamowienie", leaf("WartoscZamowienia", "1107.00"), line)
            of_kind = _with(_with(of_kind, "<FaWiersz>.*</FaWiersz>", ""), "</Fa>", f"{order}</Fa>")
        changes = {"kind": kind, "net": "100.00 EUR", "tax": "23.00 EUR"}
        changes |= dict.fromkeys(("gross", "payable"), "123.00 EUR")
        document = _document(format_, made, of_kind)
        yield Unusual(f"{format_}: {kind}", document, changes, not_by_lines=True)


def _corrections(format_: str, version: int) -> Iterator[Unusual]:
    made = facts("correction")
    xml = ksef.write(made, version)
    old = tag("DaneIdentyfikacyjne", leaf("NIP", _FOREIGN), leaf("Nazwa", "Dawna Nazwa"))
    address = tag("Adres", leaf("KodKraju", "PL"), leaf("AdresL1", "ul. Dawna 1"))
    before = tag("Podmiot1K", old, address) + tag("Podmiot2K", old, address)
    text = _with(xml, "(.*</DaneFaKorygowanej>)", rf"\1{before}<P_15ZK>5.00</P_15ZK>")
    yield Unusual(f"{format_}: KOR with parties", _document(format_, made, text))
    nothing = _with(xml, "<FaWiersz>.*</FaWiersz>", "")
    nothing = _with(
        nothing, "<P_13_.*</P_15>", "<P_13_1>-0.00</P_13_1><P_14_1>0</P_14_1><P_15>-0</P_15>"
    )
    changes: dict[str, str | None] = dict.fromkeys(("net", "tax", "gross", "payable"), "0.00 EUR")
    document = _document(format_, made, nothing)
    yield Unusual(f"{format_}: KOR without lines", document, changes, not_by_lines=True)
    for kind in ("KOR_ZAL", "KOR_ROZ"):
        text = _with(xml, "<RodzajFaktury>KOR", f"<RodzajFaktury>{kind}")
        yield Unusual(f"{format_}: {kind}", _document(format_, made, text), {"kind": kind})


def _ubl() -> Iterator[Unusual]:
    made = facts(paid=Decimal("10.00"))
    xml = ubl.write(made)
    party = (
        "<cac:PartyTaxScheme><cbc:CompanyID>DE000000000</cbc:CompanyID>"
        "<cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:PartyTaxScheme>"
    )
    name = "<cac:PartyName><cbc:Name>Somebody</cbc:Name></cac:PartyName>"
    others = (
        f"<cac:PayeeParty>{name}</cac:PayeeParty>"
        f"<cac:TaxRepresentativeParty>{name}{party}</cac:TaxRepresentativeParty>"
        "<cac:Delivery><cbc:ActualDeliveryDate>2026-01-02</cbc:ActualDeliveryDate></cac:Delivery>"
    )
    text = _with(xml, "</cac:AccountingCustomerParty>", rf"\g<0>{others}")
    yield Unusual("ubl: payee and representative", _document("ubl-invoice", made, text))
    amount = re.search(r"<cbc:PayableAmount[^>]*>([^<]*)", xml)
    if amount is None:
        raise ValueError("no payable amount")
    rounded = f"{Decimal(amount[1]) + Decimal('0.03'):.2f}"
    text = _with(
        xml,
        "<cbc:PayableAmount[^>]*>[^<]*",
        f'<cbc:PayableRoundingAmount currencyID="EUR">0.03</cbc:PayableRoundingAmount>'
        f'<cbc:PayableAmount currencyID="EUR">{rounded}',
    )
    changes: dict[str, str | None] = {"payable": f"{rounded} EUR"}
    yield Unusual("ubl: rounding", _document("ubl-invoice", made, text), changes)
    for kind in ("389", "326", "386", "751"):
        text = _with(xml, "(<cbc:InvoiceTypeCode[^>]*>)[^<]*", rf"\g<1>{kind}")
        yield Unusual(f"ubl: type {kind}", _document("ubl-invoice", made, text), {"kind": kind})
    head = (
        "<cbc:CustomizationID>urn:cen.eu:en16931:2017#compliant#"
        "urn:xeinkauf.de:kosit:xrechnung_3.0</cbc:CustomizationID>"
    )
    text = _with(xml, "<cbc:CustomizationID>.*</cbc:CustomizationID>", head)
    text = _with(
        text,
        "</cbc:DocumentCurrencyCode>",
        r"\g<0><cbc:TaxCurrencyCode>PLN</cbc:TaxCurrencyCode>"
        "<cbc:BuyerReference>04011000-12345-34</cbc:BuyerReference>",
    )
    text = _with(
        text,
        "<cac:PaymentMeans>",
        r"<cac:PaymentMeans><cbc:PaymentMeansCode>48</cbc:PaymentMeansCode></cac:PaymentMeans>\g<0>",
    )
    yield Unusual("ubl: XRechnung", _document("ubl-invoice", made, text))
    credit = facts("credit")
    text = _with(ubl.write(credit), "<cbc:CreditNoteTypeCode>381", "<cbc:CreditNoteTypeCode>396")
    yield Unusual("ubl: type 396", _document("ubl-credit-note", credit, text), {"kind": "396"})


def _cii() -> Iterator[Unusual]:
    made = facts()
    xml = cii.write(made)
    party = (
        "<ram:Name>Somebody</ram:Name><ram:SpecifiedTaxRegistration>"
        '<ram:ID schemeID="VA">DE000000000</ram:ID></ram:SpecifiedTaxRegistration>'
    )
    text = _with(
        xml,
        "</ram:BuyerTradeParty>",
        rf"\g<0><ram:SellerTaxRepresentativeTradeParty>{party}</ram:SellerTaxRepresentativeTradeParty>",
    )
    text = _with(
        text,
        "(</ram:InvoiceCurrencyCode>)",
        rf"\1<ram:PayeeTradeParty>{party}</ram:PayeeTradeParty>",
    )
    yield Unusual("cii: payee and representative", _document("cii", made, text))
    text = _with(
        xml,
        "<ram:ApplicableHeaderTradeAgreement>",
        r"\g<0><ram:BuyerReference>04011000-12345-34</ram:BuyerReference>",
    )
    text = _with(
        text, "urn:cen.eu:en16931:2017", r"\g<0>#compliant#urn:xeinkauf.de:kosit:xrechnung_3.0"
    )
    yield Unusual("cii: XRechnung", _document("cii", made, text))
    text = _with(
        xml, "<ram:IncludedSupplyChainTradeLineItem>.*</ram:IncludedSupplyChainTradeLineItem>", ""
    )
    basic = _with(text, "urn:cen.eu:en16931:2017", "urn:factur-x.eu:1p0:basicwl")
    yield Unusual("cii: BASIC WL", _document("cii", made, basic), not_by_lines=True)
    yield Unusual("cii: BASIC WL in a PDF", _in_pdf("cii", made, basic), not_by_lines=True)
    text = _with(text, "urn:cen.eu:en16931:2017", "urn:factur-x.eu:1p0:minimum")
    for gone in (
        "(?:<ram:TaxCurrencyCode>.*?</ram:TaxCurrencyCode>)?(?=<ram:InvoiceCurrencyCode>)",
        "<ram:SpecifiedTradeSettlementPaymentMeans>.*</ram:SpecifiedTradePaymentTerms>",
        "<ram:LineTotalAmount>[^<]*</ram:LineTotalAmount>",
        "<ram:TradingBusinessName>[^<]*</ram:TradingBusinessName>",
        '<ram:TaxTotalAmount currencyID="PLN">[^<]*</ram:TaxTotalAmount>',
        "<ram:ActualDeliverySupplyChainEvent>.*</ram:ActualDeliverySupplyChainEvent>",
        "(?<=</ram:SpecifiedLegalOrganization>)<ram:PostalTradeAddress>(?=.{0,90}</ram:PostalTradeAddress>.{0,300}</ram:BuyerTradeParty>).*?</ram:PostalTradeAddress>",
    ):
        text = _with(text, gone, "")
    changes: dict[str, str | None] = {"due": None, "account": None}
    yield Unusual("cii: MINIMUM", _document("cii", made, text), changes, not_by_lines=True)
