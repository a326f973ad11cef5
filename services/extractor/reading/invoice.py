"""The values read from a structured invoice, each with its place.

The names follow the semantic model of EN 16931-1; its business terms (BT) are next to them.
"""

from typing import Literal

import msgspec

from schemas.flags import InvoiceFlag

InvoiceFormat = Literal["ksef-fa2", "ksef-fa3", "ubl-invoice", "ubl-credit-note", "cii"]

# Credit notes and corrective invoices of UNTDID 1001.
_CORRECTIONS = frozenset(
    {"81", "83", "261", "262", "296", "308", "381", "384", "396", "420", "458", "471", "472",
     "473", "502", "503", "532"}
)  # fmt: skip
_KSEF_CORRECTION = "KOR"  # KOR, KOR_ZAL and KOR_ROZ


class Value(msgspec.Struct, frozen=True):
    """A value and the path of its element, such as `/Faktura/Fa/P_2`.

    A computed value has the paths of all its elements, joined by ` + `.
    """

    text: str
    path: str


class Corrected(msgspec.Struct, frozen=True, kw_only=True):
    """An earlier invoice that this one names (BT-25). If this is a correction, it corrects that
    invoice.

    `issued` is an ISO date. A missing part is None.
    """

    number: str
    path: str
    issued: str | None = None
    ksef_number: str | None = None


class Invoice(msgspec.Struct, frozen=True, kw_only=True):
    """An invoice as its XML states it. A value that is missing or ambiguous is None.

    Dates are ISO dates, amounts decimal text with a currency such as `1234.50 PLN`. Tax ids and
    accounts are as written. `due`, `accounts` and `orders` are in the document's
    order, each value once. `xml_sha256` is the digest of the XML's bytes, in hex.
    """

    format: InvoiceFormat
    xml_sha256: str
    number: Value | None = None  # BT-1
    issued: Value | None = None  # BT-2
    kind: Value | None = None  # BT-3: a code of UNTDID 1001, or KSeF's RodzajFaktury
    currency: Value | None = None  # BT-5
    due: tuple[Value, ...] = ()  # BT-9
    seller_name: Value | None = None  # BT-27
    seller_tax_id: Value | None = None  # BT-31
    buyer_name: Value | None = None  # BT-44
    buyer_tax_id: Value | None = None  # BT-48
    net: Value | None = None  # BT-109
    tax: Value | None = None  # BT-110
    gross: Value | None = None  # BT-112
    payable: Value | None = None  # BT-115
    accounts: tuple[Value, ...] = ()  # BT-84
    orders: tuple[Value, ...] = ()  # BT-13
    corrects: tuple[Corrected, ...] = ()
    ksef_number: Value | None = None
    ksef_link: Value | None = None

    @property
    def is_correction(self) -> bool:
        """Whether it changes an earlier invoice, and so is not a duplicate of it.

        The kind decides: ordinary invoices, too, refer to earlier ones, such as advance invoices.
        """
        if self.kind is None:
            return bool(self.corrects)
        return self.kind.text in _CORRECTIONS or self.kind.text.startswith(_KSEF_CORRECTION)

    def values(self) -> dict[str, Value]:
        """The values by their names in the settings (`InvoiceValue`): the first of several. Missing
        values are left out.
        """
        corrects = tuple(Value(invoice.number, invoice.path) for invoice in self.corrects)
        lists = {
            "due": self.due,
            "account": self.accounts,
            "order": self.orders,
            "corrects": corrects,
        }
        single = {
            "number": self.number,
            "issued": self.issued,
            "kind": self.kind,
            "currency": self.currency,
            "seller_name": self.seller_name,
            "seller_tax_id": self.seller_tax_id,
            "buyer_name": self.buyer_name,
            "buyer_tax_id": self.buyer_tax_id,
            "net": self.net,
            "tax": self.tax,
            "gross": self.gross,
            "payable": self.payable,
            "ksef_number": self.ksef_number,
            "ksef_link": self.ksef_link,
        }
        found = {name: value for name, value in single.items() if value is not None}
        return found | {name: values[0] for name, values in lists.items() if values}


class ReadDocument(msgspec.Struct, frozen=True, kw_only=True):
    """An invoice found in a file, or the reason why it was not accepted.

    `name` is the name of the embedded file, empty if the file itself is the invoice. `invoice` is
    None if it was not accepted; `flags` then say why. `detail` explains the flags to people.
    """

    name: str = ""
    invoice: Invoice | None = None
    flags: tuple[InvoiceFlag, ...] = ()
    detail: str = ""
