"""Applies the rules of a process to a mail: from text, headers and invoices to values. Pure.

Every rule gives at most one value. A value that can be read in several ways is not set, but
flagged.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from schemas.fields import CorrectedInvoice, FieldsRead, InvoiceRead, ReadValue
from schemas.flags import InvoiceFlag
from services.casework.decisions.invoice_keys import document_keys
from services.casework.field_values import InvalidFieldError
from services.extractor.headers import plus_tags, trusted_header
from services.extractor.mail import FoundInvoice, RecordedMail
from services.extractor.reading.checks import is_addressed_to
from services.extractor.reading.lines import HeadLine, head_lines, lines_with_key
from services.extractor.reading.subjects import compile_pattern
from services.extractor.reading.values import value_of_invoice, value_of_text
from services.runtime.settings import Field, FieldSource, Process

MAX_CORRECTED = 100
MAX_INVOICES = 20  # of one mail: more are a batch of documents, not one case's invoice
MAX_EVIDENCE_CHARS = 500

Found = tuple[str | bool, str]  # a value and its evidence


class AmbiguousError(ValueError):
    """A text can be read in several ways, or is not a value of the field's type."""


@dataclass(frozen=True)
class MailText:
    """The parts of a mail that rules read, besides its invoices. `head` is empty if the whole mail
    is not kept.
    """

    mail: RecordedMail
    address: str = ""
    head: bytes = b""
    lines: Sequence[HeadLine] = field(default_factory=tuple)

    @classmethod
    def of(cls, mail: RecordedMail, address: str = "", head: bytes = b"") -> "MailText":
        return cls(mail, address, head, head_lines(mail.text))


def apply_rules(
    process: Process,
    text: MailText,
    invoices: Sequence[FoundInvoice],
    flags: Sequence[str] = (),
    *,
    complete: bool = True,
) -> FieldsRead:
    """Everything that the rules read in the mail, and the `flags` of defects that were found
    earlier.
    """
    values, found_wrong = [], list(flags)
    if len(invoices) > MAX_INVOICES:
        found_wrong.append(InvoiceFlag.AMBIGUOUS_VALUE.value)
        invoices = invoices[:MAX_INVOICES]
    for declared in process.fields:
        for rule, source in declared.rules():
            try:
                found = _READERS[source.source](declared, source, text, invoices)
            except AmbiguousError:
                found_wrong.append(InvoiceFlag.AMBIGUOUS_VALUE.value)
                continue
            if found is not None:
                values.append(_value(declared, source, rule, found))
    if any(not is_addressed_to(found.invoice, process.own_tax_ids) for found in invoices):
        found_wrong.append(InvoiceFlag.BUYER_IS_OTHER.value)
    return FieldsRead(
        mail_key=text.mail.key,
        process=process.name,
        at=text.mail.at,
        values=values,
        flags=list(dict.fromkeys(found_wrong)),
        invoices=[identity(found) for found in invoices],
        complete=complete,
    )


def identity(found: FoundInvoice) -> InvoiceRead:
    """The values that identify an invoice."""
    invoice = found.invoice

    def text(name: str) -> str | None:
        value = getattr(invoice, name)
        return value.text if value is not None else None

    return InvoiceRead(
        xml_sha256=invoice.xml_sha256,
        format=invoice.format,
        seller=text("seller_tax_id"),
        kind=text("kind"),
        number=text("number"),
        ksef_number=text("ksef_number"),
        accounts=[account.text for account in invoice.accounts][:MAX_CORRECTED],
        is_correction=invoice.is_correction,
        corrects=[
            CorrectedInvoice(number=corrected.number, ksef_number=corrected.ksef_number)
            for corrected in invoice.corrects[:MAX_CORRECTED]
        ],
    )


def _value(declared: Field, source: FieldSource, rule: str, found: Found) -> ReadValue:
    value, evidence = found
    return ReadValue(
        field=declared.name,
        value=value,
        source=source.source,
        evidence=evidence[:MAX_EVIDENCE_CHARS],
        rule=rule,
    )


def _from_invoices(
    declared: Field, source: FieldSource, _text: MailText, invoices: Sequence[FoundInvoice]
) -> Found | None:
    """The value on which the invoices agree.

    If the same invoice in two formats spells a text differently, the first counts.
    """
    found: list[Found] = []
    for carrier in invoices:
        value = carrier.invoice.values().get(source.value or "")
        if value is not None:
            found.append(
                (_typed(declared, value.text, value_of_invoice), carrier.evidence(value.path))
            )
    if not found:
        return None
    differ = len({value for value, _ in found}) > 1
    if differ and not (declared.type == "text" and _is_one_invoice(invoices)):
        raise AmbiguousError(f"{len(found)} invoices differ")
    return found[0]


def _is_one_invoice(invoices: Sequence[FoundInvoice]) -> bool:
    keys = [
        {key for how, key in document_keys(identity(found)) if how != "xml"} for found in invoices
    ]
    return all(keys) and bool(set.intersection(*keys))


def _from_lines(
    declared: Field, source: FieldSource, text: MailText, _invoices: Sequence[FoundInvoice]
) -> Found | None:
    lines = lines_with_key(text.lines, source.keys)
    values = {_typed(declared, line.value, value_of_text) for line in lines}
    if len(values) > 1:
        raise AmbiguousError(f"{len(values)} lines differ")
    if not lines:
        return None
    line = lines[0]
    return values.pop(), f"line {line.number}: {line.key}: {line.value}"


def _from_subject(
    declared: Field, source: FieldSource, text: MailText, _invoices: Sequence[FoundInvoice]
) -> Found | None:
    texts = compile_pattern(source.pattern or "").find(text.mail.subject, declared.type)
    if len(texts) > 1:
        raise AmbiguousError(f"the subject can be read in {len(texts)} ways")
    if not texts:
        return None
    return _typed(declared, texts[0], value_of_text), f"subject: {text.mail.subject}"


def _from_sender(
    declared: Field, source: FieldSource, text: MailText, _invoices: Sequence[FoundInvoice]
) -> Found | None:
    address = text.mail.author.lower()
    if not address:
        return None
    folded = {key.lower(): value for key, value in source.map.items()}
    domain = f"@{address.rpartition('@')[2]}"
    value = folded.get(address, folded.get(domain)) if source.map else address
    return _mapped(declared, value, f"sender {address}")


def _from_plus(
    declared: Field, source: FieldSource, text: MailText, _invoices: Sequence[FoundInvoice]
) -> Found | None:
    tags = plus_tags(text.head, text.address) if text.head and text.address else []
    folded = {key.lower(): value for key, value in source.map.items()}
    known = [(tag, folded.get(tag) if source.map else tag) for tag in tags]
    values = {value for _, value in known if value is not None}
    if len(values) > 1:
        raise AmbiguousError(f"{len(values)} tags")
    tag = next((tag for tag, value in known if value is not None), "")
    return _mapped(declared, values.pop() if values else None, f"address with +{tag}")


def _from_mailbox(
    declared: Field, source: FieldSource, text: MailText, _invoices: Sequence[FoundInvoice]
) -> Found | None:
    return _mapped(declared, source.map.get(text.mail.mailbox), f"mailbox {text.mail.mailbox}")


def _from_header(
    declared: Field, source: FieldSource, text: MailText, _invoices: Sequence[FoundInvoice]
) -> Found | None:
    said = trusted_header(text.head, source.header or "", source.server or "")
    value = source.map.get(said) if said is not None and source.map else said
    return _mapped(declared, value, f"header {source.header}: {said}")


def _mapped(declared: Field, value: str | None, evidence: str) -> Found | None:
    return None if value is None else (_typed(declared, value, value_of_text), evidence)


def _typed(declared: Field, text: str, parse: Callable[[Field, str], str | bool]) -> str | bool:
    try:
        return parse(declared, text)
    except InvalidFieldError as error:
        raise AmbiguousError(str(error)) from error


_READERS: Mapping[
    str, Callable[[Field, FieldSource, MailText, Sequence[FoundInvoice]], Found | None]
] = {
    "invoice": _from_invoices,
    "line": _from_lines,
    "subject": _from_subject,
    "sender": _from_sender,
    "plus": _from_plus,
    "mailbox": _from_mailbox,
    "header": _from_header,
}
