"""Settings and mails for tests of fields: an office that receives invoices."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

from tests.invoices.documents import FORMATS, encode, markup
from tests.invoices.facts import Facts, random_facts
from tests.invoices.pdf import embed
from tests.pipeline import Pipeline

INVOICE_FIELDS = {
    "number": "text",
    "issued": "date",
    "seller_tax_id": "text",
    "gross": "money",
    "account": "text",
}
SUPPLIER = "jan@supplier.example"
_XML, _PDF = ("application", "xml"), ("application", "pdf")


def declare_fields(pipeline: Pipeline, *processes: str) -> None:
    """Add the fields to the settings of a pipeline."""
    lines: list[str] = []
    for process in processes:
        for name, kind in INVOICE_FIELDS.items():
            lines += [f"[[process.{process}.field]]", f'name = "{name}"', f'type = "{kind}"']
            lines += _source(process, f'source = "invoice"\nvalue = "{name}"')
            if name in {"number", "gross"}:
                lines += _source(process, f'source = "line"\nkeys = ["{name}"]')
        lines += [f"[[process.{process}.field]]", 'name = "remark"']
        lines += _source(process, 'source = "line"\nkeys = ["Remark"]')
    text = pipeline.config.read_text()
    pipeline.config.write_text(text + "\n".join(lines) + "\n")


def _source(process: str, body: str) -> list[str]:
    return [f"[[process.{process}.field.from]]", body]


def facts(seed: int, kind: str = "invoice") -> Facts:
    made = random_facts(random.Random(seed), lines=2, kind=kind)
    return replace(made, number=f"FV/{seed}/2026", currency="PLN")


def document(made: Facts, format_: str, *, as_pdf: bool = False) -> tuple[bytes, str]:
    """An invoice as a file, and the name of the file."""
    xml = encode(markup(made, format_), random.Random(1))
    return (embed(("factur-x.xml", xml)), "invoice.pdf") if as_pdf else (xml, "invoice.xml")


def mail(
    to: str,
    subject: str,
    text: str = "Hello",
    files: Sequence[tuple[bytes, str]] = (),
    *,
    sender: str = SUPPLIER,
    **headers: str,
) -> bytes:
    """A mail with attached files."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, to, subject
    message["Message-ID"] = f"<{abs(hash((to, subject, text, sender)))}@supplier.example>"
    message["Date"] = "Sun, 29 Nov 2026 09:00:00 +0000"
    for name, value in headers.items():
        del message[name.replace("_", "-")]
        message[name.replace("_", "-")] = value
    message.set_content(text)
    for data, name in files:
        maintype, subtype = _PDF if name.endswith(".pdf") else _XML
        message.add_attachment(data, maintype=maintype, subtype=subtype, filename=name)
    return message.as_bytes(policy=SMTP)


def formats() -> Iterator[tuple[str, bool]]:
    """Each format as XML, then embedded in a PDF."""
    for as_pdf in (False, True):
        for format_ in FORMATS:
            if format_ != "ubl-credit-note":
                yield format_, as_pdf


def values(case: dict[str, Any]) -> dict[str, Any]:
    return {name: value["value"] for name, value in case["fields"].items()}
