"""The facts of an invoice, independent of its format; random facts repeat for the same seed."""

import random
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")
# Rates as KSeF's P_12 writes them, with the percentage and the part of P_13.
RATES = {
    "23": (Decimal(23), "1"),
    "8": (Decimal(8), "2"),
    "5": (Decimal(5), "3"),
    "0 KR": (Decimal(0), "6_1"),
    "zw": (Decimal(0), "7"),
    "oo": (Decimal(0), "10"),
}
SELLERS = (
    "Zakład Usług Wodnych & Syn",
    "Brzęczyszczykiewicz S.A.",
    "<Otwarte> Nawiasy sp. z o.o.",
    "Müller GmbH",
)
BUYERS = ("Urząd Gminy Przykładowo", "Spółdzielnia „Źródło”", "Example Works Ltd", "Ćma i Żuk s.c.")


@dataclass(frozen=True)
class Line:
    """A line. `rate` is a key of RATES; amounts are net."""

    name: str
    net: Decimal
    rate: str


@dataclass(frozen=True)
class Earlier:
    """The invoice that a correction corrects."""

    number: str
    issued: date
    ksef_number: str | None = None


@dataclass(frozen=True)
class Facts:
    """An invoice. `kind` is invoice, credit (a credit note) or correction (of KSeF, with
    differences).

    `buyer_country` is the country of the buyer's tax id, None if there is none. `paid` is the
    amount paid before.
    """

    number: str
    issued: date
    kind: str
    currency: str
    due: tuple[date, ...]
    seller: str
    seller_nip: str
    buyer: str
    buyer_country: str | None
    buyer_tax_id: str
    lines: tuple[Line, ...]
    account: str | None
    order: str | None
    corrects: tuple[Earlier, ...] = ()
    paid: Decimal = Decimal(0)
    exchange_rate: Decimal = field(default=Decimal("4.2871"))

    def net_of(self, rate: str) -> Decimal:
        return sum((line.net for line in self.lines if line.rate == rate), Decimal(0))

    def tax_of(self, rate: str) -> Decimal:
        return (self.net_of(rate) * RATES[rate][0] / 100).quantize(CENT, ROUND_HALF_UP)

    @property
    def rates(self) -> list[str]:
        """The rates that occur, in the order of the form."""
        return [rate for rate in RATES if any(line.rate == rate for line in self.lines)]

    @property
    def net(self) -> Decimal:
        return sum((line.net for line in self.lines), Decimal(0))

    @property
    def tax(self) -> Decimal:
        return sum((self.tax_of(rate) for rate in self.rates), Decimal(0))

    @property
    def gross(self) -> Decimal:
        return self.net + self.tax


def nip(random_: random.Random) -> str:
    """A tax number of no company, with its check digit: no tax office has the number 999."""
    while True:
        digits = [9, 9, 9, *(random_.randrange(10) for _ in range(6))]
        check = sum(w * d for w, d in zip((6, 5, 7, 2, 3, 4, 5, 6, 7), digits, strict=True)) % 11
        if check < 10:
            return "".join(map(str, [*digits, check]))


def iban(random_: random.Random) -> str:
    """A Polish account of no bank, with check digits by ISO 13616."""
    bban = "00000000" + "".join(str(random_.randrange(10)) for _ in range(16))
    check = 98 - int(f"{bban}252100") % 97
    return f"PL{check:02}{bban}"


def ksef_number(random_: random.Random, seller: str, day: date) -> str:
    """A KSeF number with its CRC-8."""
    body = f"{seller}-{day:%Y%m%d}-{random_.randrange(16**12):012X}"
    crc = 0
    for byte in body.encode():
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ (0x107 if crc & 0x80 else 0)) & 0x1FF
    return f"{body}-{crc & 0xFF:02X}"


def random_facts(
    random_: random.Random, *, lines: int | None = None, kind: str | None = None
) -> Facts:
    """An invoice of 1 to 1,000 lines, usually few, with several rates, currencies and missing
    optional parts.
    """
    kind = kind or random_.choice(("invoice", "invoice", "invoice", "credit", "correction"))
    issued = date(2026, 1, 1) + timedelta(days=random_.randrange(330))
    count = lines or random_.choice((1, 1, 2, 3, 7, 30))
    rates = random_.sample(list(RATES), k=random_.choice((1, 1, 2, 3)))
    sign = -1 if kind == "correction" and random_.random() < 0.7 else 1
    made = tuple(
        Line(
            f"Pozycja {n} — ż&<{n}>",
            sign * Decimal(random_.randrange(1, 900_000)) / 100,
            random_.choice(rates),
        )
        for n in range(1, count + 1)
    )
    seller = nip(random_)
    country = random_.choice(("PL", "PL", "PL", "DE", None))
    corrects = tuple(
        Earlier(
            f"FV/{n}/2025",
            issued - timedelta(days=n),
            ksef_number(random_, seller, issued) if n % 2 else None,
        )
        for n in range(1, 1 + (random_.choice((1, 1, 2, 5)) if kind != "invoice" else 0))
    )
    return Facts(
        number=random_.choice(("FV/{}/11/2026", "{}", "A-{} B", "Ż/{}/26")).format(
            random_.randrange(1, 99_999)
        ),
        issued=issued,
        kind=kind,
        currency=random_.choice(("PLN", "PLN", "EUR", "CZK", "HUF")),
        due=tuple(
            sorted(
                {
                    issued + timedelta(days=random_.randrange(60))
                    for _ in range(random_.choice((0, 1, 1, 3)))
                }
            )
        ),
        seller=random_.choice(SELLERS),
        seller_nip=seller,
        buyer=random_.choice(BUYERS),
        buyer_country=country,
        buyer_tax_id=""
        if country is None
        else nip(random_)
        if country == "PL"
        else f"{random_.randrange(10**9):09}",
        lines=made,
        account=iban(random_) if random_.random() < 0.8 else None,
        order=f"ZAM {random_.randrange(1000)}/x" if random_.random() < 0.5 else None,
        corrects=corrects,
        paid=Decimal(random_.randrange(1, 100))
        if kind == "invoice" and random_.random() < 0.2
        else Decimal(0),
    )
