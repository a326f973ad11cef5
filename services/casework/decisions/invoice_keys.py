"""The keys by which the same invoice is recognized in another case, whatever its format. Pure. Keys
are digests, which do not reveal the values.
"""

import hashlib
import re
from collections.abc import Iterator

from schemas.fields import FieldsRead, InvoiceRead
from schemas.stored import Case
from services.runtime.settings import Process

MAX_KEYS = 200  # of one mail
_EVIDENCE = ("ksef-number", "xml", "invoice", "fields")  # of links, strongest first
_ADVANCE = frozenset({"ZAL", "386"})  # from KSeF's RodzajFaktury and UNTDID 1001
_BLANKS = re.compile(r"[\s\u00a0\u202f]+")
_NOT_ALPHANUMERIC = re.compile(r"[^0-9A-Z]")
_POLISH = re.compile(r"PL([0-9]{10})")


def document_keys(invoice: InvoiceRead) -> Iterator[tuple[str, str]]:
    """The keys of the invoice as (kind, key), the most certain first."""
    if invoice.ksef_number:
        yield "ksef-number", _key("ksef", ksef_digits(invoice.ksef_number))
    yield "xml", _key("xml", invoice.xml_sha256)
    if invoice.seller and invoice.number:
        of_kind = (tax_digits(invoice.seller), _kind(invoice), number_text(invoice.number))
        yield "invoice", _key("invoice", *of_kind)


def corrected_keys(invoice: InvoiceRead) -> Iterator[tuple[str, str]]:
    """The keys of each invoice that this one corrects, as (kind, key)."""
    for corrected in invoice.corrects:
        if corrected.ksef_number:
            yield "ksef-number", _key("ksef", ksef_digits(corrected.ksef_number))
        if invoice.seller and corrected.number:
            seller, number = tax_digits(invoice.seller), number_text(corrected.number)
            for kind in ("invoice", "advance", "correction"):  # a correction can be corrected
                yield "invoice", _key("invoice", seller, kind, number)


def unique_keys(case: Case, process: Process, *, correction: bool) -> list[str]:
    """A key for each combination of values that the case has and that must be unique in the
    process. A correction differs from what it corrects even if all these values are the same.
    """
    kind = "correction" if correction else ""
    keys = []
    for field in process.fields:
        names = sorted({field.name, *field.unique_with})
        if len(names) > 1 and all(name in case.fields for name in names):
            parts = [f"{name}={case.fields[name].value}" for name in names]
            keys.append(_key("fields", process.name, kind, *parts))
    return list(dict.fromkeys(keys))


def are_corrections(read: FieldsRead) -> bool:
    """Whether the mail has invoices, and all of them are corrections."""
    return bool(read.invoices) and all(invoice.is_correction for invoice in read.invoices)


def evidence(key: str) -> str:
    """The evidence for a link between two cases that share this key: `CaseLink.by`."""
    kind = key.partition(":")[0]
    return "ksef-number" if kind == "ksef" else kind


def is_better(by: str, than: str) -> bool:
    """Whether one kind of evidence is stronger than another."""
    return _EVIDENCE.index(by) < _EVIDENCE.index(than)


def correction_key(number: int) -> str:
    """The key under which the case of a correction is stored."""
    return f"correction:{number}"


def seller_key(seller: str) -> str:
    return digest(tax_digits(seller))


def tax_digits(tax_id: str) -> str:
    """A tax number without prefix, spaces and hyphens: KSeF writes only the ten digits."""
    compact = _NOT_ALPHANUMERIC.sub("", tax_id.upper())
    polish = _POLISH.fullmatch(compact)
    return polish[1] if polish else compact


def number_text(number: str) -> str:
    return _BLANKS.sub("", number).upper()


def ksef_digits(number: str) -> str:
    return _NOT_ALPHANUMERIC.sub("", number.upper())


def account_digits(account: str) -> str:
    """An account number without spaces; 26 digits without a country are Polish."""
    compact = _NOT_ALPHANUMERIC.sub("", account.upper())
    return f"PL{compact}" if re.fullmatch(r"[0-9]{26}", compact) else compact


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _kind(invoice: InvoiceRead) -> str:
    """The kind of an invoice. Formats number the kinds differently; only these three matter."""
    if invoice.is_correction:
        return "correction"
    return "advance" if invoice.kind in _ADVANCE else "invoice"


def _key(kind: str, *parts: str) -> str:
    return f"{kind}:{digest(chr(0).join(parts))}"
