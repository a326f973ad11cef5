"""Reads KSeF's structured invoices FA(2) and FA(3), by the ministry's schemas on crd.gov.pl."""

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from services.extractor.reading.element_values import ElementValues, amount_text
from services.extractor.reading.invoice import Corrected, Invoice, InvoiceFormat, Value
from services.extractor.reading.xml_reader import Element, Pattern

FA2 = "http://crd.gov.pl/wzor/2023/06/29/12648/"
FA3 = "http://crd.gov.pl/wzor/2025/06/25/13775/"
ANY_VERSION = "http://crd.gov.pl/wzor/"
ROOT = "Faktura"

# Net by tax rate (P_13_6_x: rate 0), and tax by rate. P_14_xW repeats the tax in PLN: not counted.
NET_PARTS = ("1", "2", "3", "4", "5", "6_1", "6_2", "6_3", "7", "8", "9", "10", "11")
TAX_PARTS = ("1", "2", "3", "4", "5")
_PARTY = "NIP KodUE NrVatUE KodKraju NrID BrakID Nazwa"
_SINGLE = "KodWaluty P_1 P_2 P_15 RodzajFaktury"
_CORRECTED = "DataWystFaKorygowanej NrFaKorygowanej NrKSeFFaKorygowanej"


def pattern(namespace: str) -> Pattern:
    """The elements to read, in the namespace of one version."""
    paths = [
        *(f"Podmiot{n}/DaneIdentyfikacyjne/{name}" for n in (1, 2) for name in _PARTY.split()),
        *(f"Fa/{name}" for name in _SINGLE.split()),
        *(f"Fa/P_13_{part}" for part in NET_PARTS),
        *(f"Fa/P_14_{part}" for part in TAX_PARTS),
        *(f"Fa/DaneFaKorygowanej/{name}" for name in _CORRECTED.split()),
        "Fa/Platnosc/TerminPlatnosci/Termin",
        "Fa/Platnosc/RachunekBankowy/NrRB",
        "Fa/WarunkiTransakcji/Zamowienia/NrZamowienia",
    ]
    return Pattern.of(" ".join(paths), {"": namespace})


def read(format_: InvoiceFormat, values: ElementValues, xml_sha256: str) -> Invoice:
    """The invoice below the root element `Faktura`."""
    currency = values.currency("Fa/KodWaluty")
    gross = values.amount(values.text("Fa/P_15"), currency)
    net = _sum(values, [f"Fa/P_13_{part}" for part in NET_PARTS])
    tax = _sum(values, [f"Fa/P_14_{part}" for part in TAX_PARTS])
    if net is not None and net.path and tax is not None and not tax.path:
        tax = _Sum(tax.number, "/Faktura/Fa")  # all of it is exempt or taxed at 0 %
    dates = values.dates(values.texts(values.root.all("Fa/Platnosc/TerminPlatnosci/Termin")))
    accounts = values.texts(values.root.all("Fa/Platnosc/RachunekBankowy/NrRB"))
    corrects = (_corrected(values, element) for element in values.root.all("Fa/DaneFaKorygowanej"))
    return Invoice(
        format=format_,
        xml_sha256=xml_sha256,
        number=values.text("Fa/P_2"),
        issued=values.date("Fa/P_1"),
        kind=values.text("Fa/RodzajFaktury"),
        currency=currency,
        due=values.note_several(dates),
        seller_name=values.text("Podmiot1/DaneIdentyfikacyjne/Nazwa"),
        seller_tax_id=values.text("Podmiot1/DaneIdentyfikacyjne/NIP"),
        buyer_name=values.text("Podmiot2/DaneIdentyfikacyjne/Nazwa"),
        buyer_tax_id=_buyer_tax_id(values),
        net=_amount(net, currency),
        tax=_amount(tax, currency),
        gross=gross,
        payable=gross,
        accounts=values.note_several(values.unique(accounts)),
        orders=values.several("Fa/WarunkiTransakcji/Zamowienia/NrZamowienia"),
        corrects=tuple(corrected for corrected in corrects if corrected is not None),
    )


class _Sum(NamedTuple):
    """A sum, and the paths of what was added; the path is empty if there was nothing to add."""

    number: Decimal
    path: str


def _sum(values: ElementValues, paths: Iterable[str]) -> _Sum | None:
    """The sum of the elements; None if one of them is invalid or ambiguous."""
    total, found = Decimal(0), []
    for path in paths:
        if next(values.root.all(path), None) is None:
            continue
        value = values.text(path)
        number = values.decimal(value)
        if value is None or number is None:
            return None
        total += number
        found.append(value.path)
    return _Sum(total, " + ".join(found))


def _amount(total: _Sum | None, currency: Value | None) -> Value | None:
    if total is None or not total.path or currency is None:
        return None
    return Value(amount_text(total.number, currency), total.path)


def _buyer_tax_id(values: ElementValues) -> Value | None:
    """The buyer's NIP, EU VAT number with its country, or other number. Two of them are
    ambiguous.
    """
    buyer = "Podmiot2/DaneIdentyfikacyjne"
    vat, country = values.text(f"{buyer}/NrVatUE"), values.text(f"{buyer}/KodUE")
    if vat is not None and country is not None:
        vat = Value(country.text + vat.text, f"{country.path} + {vat.path}")
    candidates = (values.text(f"{buyer}/NIP"), vat, values.text(f"{buyer}/NrID"))
    return values.only([value for value in candidates if value is not None])


def _corrected(values: ElementValues, element: Element) -> Corrected | None:
    """A corrected invoice; None if it has no number."""
    numbers = values.texts(element.all("NrFaKorygowanej"))
    number = values.only(numbers)
    if number is None:
        return None
    issued = values.only(values.dates(values.texts(element.all("DataWystFaKorygowanej"))))
    ksef_number = values.only(values.texts(element.all("NrKSeFFaKorygowanej")))
    return Corrected(
        number=number.text,
        path=number.path,
        issued=issued.text if issued else None,
        ksef_number=ksef_number.text if ksef_number else None,
    )
