"""Checks an invoice that was read: checksums, sums, and whether it is addressed to us."""

import re
from collections.abc import Callable, Collection
from decimal import Decimal

from schemas.flags import InvoiceFlag
from services.casework.field_values import InvalidFieldError, iban, ksef, nip
from services.extractor.reading.element_values import Notes
from services.extractor.reading.invoice import Invoice, Value

_NIP = re.compile(r"(?:PL)?[0-9]{10}")
# A number with the country and check digits of an IBAN, or a Polish one without a country.
_IBAN_LIKE = re.compile(r"[A-Z]{2}[0-9]{2}[0-9A-Z]{6,}|[0-9]{26}")


def check_invoice(invoice: Invoice, notes: Notes) -> None:
    """Note wrong checksums, and net and tax that do not add up to the gross amount."""
    _check_tax_id(invoice.seller_tax_id, notes, is_polish=invoice.format.startswith("ksef-"))
    _check_tax_id(invoice.buyer_tax_id, notes, is_polish=False)
    for account in invoice.accounts:
        if _IBAN_LIKE.fullmatch(_compact(account.text)) and not _is_valid(iban, account):
            notes.add(InvoiceFlag.ACCOUNT_INVALID, account.path)
    if invoice.ksef_number is not None and not _is_valid(ksef, invoice.ksef_number):
        notes.add(InvoiceFlag.KSEF_NUMBER_INVALID, invoice.ksef_number.path)
    net, tax, gross = (_number(value) for value in (invoice.net, invoice.tax, invoice.gross))
    if net is not None and tax is not None and gross is not None and net + tax != gross:
        notes.add(InvoiceFlag.SUM_MISMATCH, f"{net} + {tax} is not {gross}")


def is_addressed_to(invoice: Invoice, own_tax_ids: Collection[str]) -> bool:
    """Whether the buyer is us; True if the settings contain none of our tax ids."""
    if not own_tax_ids:
        return True
    if invoice.buyer_tax_id is None:
        return False
    own = {tax_id_key(tax_id) for tax_id in own_tax_ids}
    return tax_id_key(invoice.buyer_tax_id.text) in own


def tax_id_key(text: str) -> str:
    """A tax id in the form used for comparison: without separators, and a NIP without its
    country.
    """
    compact = _compact(text)
    return compact.removeprefix("PL") if _NIP.fullmatch(compact) else compact


def _compact(text: str) -> str:
    return re.sub(r"[\s.\-]", "", text).upper()


def _check_tax_id(value: Value | None, notes: Notes, *, is_polish: bool) -> None:
    """Check the checksum of a number that has the format of a NIP."""
    if value is None:
        return
    key = _compact(value.text)
    is_polish = is_polish or (key.startswith("PL") and key[2:].isdigit())
    if is_polish and not _is_valid(nip, value):
        notes.add(InvoiceFlag.TAX_ID_INVALID, value.path)


def _is_valid(normal_form: Callable[[str], str], value: Value) -> bool:
    try:
        normal_form(value.text)
    except InvalidFieldError:
        return False
    return True


def _number(value: Value | None) -> Decimal | None:
    return None if value is None else Decimal(value.text.partition(" ")[0])
