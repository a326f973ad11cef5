"""FA(2) and FA(3), by the ministry's schemas."""

from decimal import ROUND_HALF_UP

from tests.invoices.facts import CENT, RATES, Facts
from tests.invoices.xml_text import amount, leaf, tag

NAMESPACES = {
    2: "http://crd.gov.pl/wzor/2023/06/29/12648/",
    3: "http://crd.gov.pl/wzor/2025/06/25/13775/",
}
_KINDS = {"invoice": "VAT", "correction": "KOR", "credit": "KOR"}
_NOTES = (
    "<P_16>2</P_16><P_17>2</P_17><P_18>2</P_18><P_18A>2</P_18A>"
    "<Zwolnienie><P_19N>1</P_19N></Zwolnienie>"
    "<NoweSrodkiTransportu><P_22N>1</P_22N></NoweSrodkiTransportu>"
    "<P_23>2</P_23><PMarzy><P_PMarzyN>1</P_PMarzyN></PMarzy>"
)


def write(facts: Facts, version: int) -> str:
    """The document without an XML declaration; `version` is 2 or 3."""
    form = leaf("KodFormularza", "FA", kodSystemowy=f"FA ({version})", wersjaSchemy="1-0E")
    header = tag(
        "Naglowek",
        form,
        leaf("WariantFormularza", str(version)),
        leaf("DataWytworzeniaFa", f"{facts.issued.isoformat()}T10:00:00Z"),
    )
    body = header + _seller(facts) + _buyer(facts, version) + _invoice(facts)
    return tag("Faktura", body, xmlns=NAMESPACES[version])


def _address() -> str:
    return tag("Adres", leaf("KodKraju", "PL"), leaf("AdresL1", "ul. Przykładowa 1"))


def _seller(facts: Facts) -> str:
    identity = leaf("NIP", facts.seller_nip) + leaf("Nazwa", facts.seller)
    return tag("Podmiot1", tag("DaneIdentyfikacyjne", identity), _address())


def _buyer(facts: Facts, version: int) -> str:
    if facts.buyer_country is None:
        number = leaf("BrakID", "1")
    elif facts.buyer_country == "PL":
        number = leaf("NIP", facts.buyer_tax_id)
    else:
        number = leaf("KodUE", facts.buyer_country) + leaf("NrVatUE", facts.buyer_tax_id)
    identity = tag("DaneIdentyfikacyjne", number, leaf("Nazwa", facts.buyer))
    ending = "<JST>2</JST><GV>2</GV>" if version == 3 else ""
    return tag("Podmiot2", identity, _address(), ending)


def _totals(facts: Facts) -> str:
    written = ""
    for rate in facts.rates:
        percent, part = RATES[rate]
        written += leaf(f"P_13_{part}", amount(facts.net_of(rate)))
        if percent:
            tax = facts.tax_of(rate)
            written += leaf(f"P_14_{part}", amount(tax))
            if facts.currency != "PLN":
                in_pln = (tax * facts.exchange_rate).quantize(CENT, ROUND_HALF_UP)
                written += leaf(f"P_14_{part}W", amount(in_pln))
    return written + leaf("P_15", amount(facts.gross))


def _corrections(facts: Facts) -> str:
    if not facts.corrects:
        return ""
    written = leaf("PrzyczynaKorekty", "zwrot")
    for earlier in facts.corrects:
        number = (
            "<NrKSeFN>1</NrKSeFN>"
            if earlier.ksef_number is None
            else f"<NrKSeF>1</NrKSeF>{leaf('NrKSeFFaKorygowanej', earlier.ksef_number)}"
        )
        written += tag(
            "DaneFaKorygowanej",
            leaf("DataWystFaKorygowanej", earlier.issued.isoformat()),
            leaf("NrFaKorygowanej", earlier.number),
            number,
        )
    return written


def _invoice(facts: Facts) -> str:
    lines = [
        tag(
            "FaWiersz",
            leaf("NrWierszaFa", str(position)),
            leaf("P_7", line.name),
            leaf("P_8A", "szt."),
            leaf("P_8B", "1"),
            leaf("P_9A", amount(line.net)),
            leaf("P_11", amount(line.net)),
            leaf("P_12", line.rate),
        )
        for position, line in enumerate(facts.lines, 1)
    ]
    return tag(
        "Fa",
        leaf("KodWaluty", facts.currency),
        leaf("P_1", facts.issued.isoformat()),
        leaf("P_2", facts.number),
        _totals(facts),
        tag("Adnotacje", _NOTES),
        leaf("RodzajFaktury", _KINDS[facts.kind]),
        _corrections(facts),
        lines,
        _payment(facts),
        tag("WarunkiTransakcji", tag("Zamowienia", leaf("NrZamowienia", facts.order))),
    )


def _payment(facts: Facts) -> str:
    dates = [tag("TerminPlatnosci", leaf("Termin", day.isoformat())) for day in facts.due]
    account = facts.account
    if account is not None and int(facts.seller_nip) % 2:
        account = account.removeprefix("PL")  # as half of the programs do
    return tag(
        "Platnosc",
        dates,
        leaf("FormaPlatnosci", "6"),
        tag("RachunekBankowy", leaf("NrRB", account)),
    )
