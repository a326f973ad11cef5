"""A process that reads its fields from mails, and values that were read."""

from datetime import timedelta
from typing import Any

from schemas.fields import FieldsRead, InvoiceRead, ReadValue
from services.casework.decisions.field_merge import MailFacts
from services.runtime.settings import Field, FieldSource, Process, Stage
from tests.unit.casework.builders import NOW

FROM_INVOICE = FieldSource(source="invoice", value="number")
FROM_LINE = FieldSource(source="line", keys=("Invoice number",))
SELLER, BUYER = "5261040828", "5265877635"
ACCOUNT, OTHER_ACCOUNT = "PL61109010140000071219812874", "PL27114020040000300201355387"

NUMBER = Field(
    name="invoice_number",
    unique_with=("seller_tax_id",),
    sources=(FROM_INVOICE, FROM_LINE),
)
SELLER_FIELD = Field(
    name="seller_tax_id",
    type="nip",
    sources=(
        FieldSource(source="invoice", value="seller_tax_id"),
        FieldSource(source="line", keys=("NIP",)),
    ),
)
ACCOUNT_FIELD = Field(
    name="account",
    type="iban",
    sources=(
        FieldSource(source="invoice", value="account"),
        FieldSource(source="line", keys=("Account",)),
    ),
)
GROSS = Field(
    name="gross",
    type="money",
    sources=(FieldSource(source="line", keys=("Gross",)),),
)
LISTED = Field(
    name="urgent",
    type="bool",
    sources=(
        FieldSource(source="line", keys=("Urgent",), who="listed", listed=("@office.example",)),
    ),
)
OPEN = Field(name="remark", sources=(FieldSource(source="line", keys=("Remark",), who="anyone"),))

PROCESS = Process(
    name="invoices",
    title="Invoices",
    stages=(Stage(name="registration", initial=True), Stage(name="paid", final=True)),
    fields=(NUMBER, SELLER_FIELD, ACCOUNT_FIELD, GROSS, LISTED, OPEN),
)
OTHER = Process(
    name="claims",
    title="Claims",
    stages=(Stage(name="new", initial=True),),
    fields=(NUMBER, SELLER_FIELD),
)


def value(field: Field, text: str | bool, source: str = "line") -> ReadValue:
    """A value as the rule for this source of the field reads it."""
    rule = next(rule for rule, known in field.rules() if known.source == source)
    return ReadValue(
        field=field.name, value=text, source=source, evidence=f"{source} of {field.name}", rule=rule
    )


def read(*values: ReadValue, key: str = "a" * 64, **more: Any) -> FieldsRead:
    return FieldsRead(mail_key=key, process="invoices", at=NOW, values=list(values), **more)


def invoice(number: str = "12/2026", **more: Any) -> InvoiceRead:
    parts: dict[str, Any] = {
        "xml_sha256": f"{number:0>64}",
        "format": "ksef-fa3",
        "seller": SELLER,
        "kind": "VAT",
        "number": number,
    }
    return InvoiceRead(**(parts | more))


def facts(key: str = "a" * 64, minutes: int = 0, **more: Any) -> MailFacts:
    parts: dict[str, Any] = {
        "key": key,
        "at": NOW + timedelta(minutes=minutes),
        "author": "jan@supplier.example",
        "is_opening": True,
    }
    return MailFacts(**(parts | more))
