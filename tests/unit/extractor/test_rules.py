"""From text, headers and invoices to values: what each rule finds and ignores."""

from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.fields import FieldsRead
from services.extractor.headers import plus_tags, trusted_header
from services.extractor.mail import File, FoundInvoice, RecordedMail
from services.extractor.reading.documents import read_documents
from services.extractor.rules import MailText, apply_rules
from services.runtime.settings import Field, FieldSource, Process, Stage
from tests.e2e import fields

FILE = File("invoice.xml", "application/xml", 1, "f" * 64, "f" * 64)
HEAD = (
    b"X-Center: 200\r\n"
    b"Received: from mx.office.example by imap.office.example with LMTP; Sun, 29 Nov 2026\r\n"
    b"X-Center: 666\r\n"
    b"Received: from evil.example by imap.office.example\r\n"
    b"To: Invoices <Invoices+Acme@office.example>, invoices+235@office.example\r\n"
    b"Cc: other+x@office.example\r\n\r\nHello"
)


def mail(text: str = "", **more: Any) -> RecordedMail:
    parts: dict[str, Any] = {
        "key": "a" * 64,
        "case": 1,
        "process": "p",
        "at": datetime(2026, 11, 29, tzinfo=UTC),
        "subject": "Hello",
        "text": text,
        "author": "Jan@supplier.example",
        "mailbox": "in",
    }
    return RecordedMail(**(parts | more))


def read(
    *declared: Field,
    text: MailText | None = None,
    invoices: tuple[FoundInvoice, ...] = (),
    **process: Any,
) -> FieldsRead:
    made = Process(
        name="p", title="P", stages=(Stage(name="new", initial=True),), fields=declared, **process
    )
    return apply_rules(made, text or MailText.of(mail()), invoices)


def field(kind: Any = "text", **source: Any) -> Field:
    return Field(name="f", type=kind, sources=(FieldSource(**source),))


def value_of(result: FieldsRead) -> str | bool | None:
    return result.values[0].value if result.values else None


def found(seed: int, format_: str, **kind: Any) -> FoundInvoice:
    data, name = fields.document(fields.facts(seed, **kind), format_)
    [document] = read_documents(name, "", data)
    assert document.invoice is not None
    return FoundInvoice(document.invoice, FILE)


@pytest.mark.parametrize(
    ("text", "value", "flags"),
    [
        ("Gross: 1 234,50 zł\n\nHello", "1234.50 PLN", []),
        ("Gross: 1,234\nHello", None, ["ambiguous-value"]),
        ("Gross: 12 PLN\nGross: 13 PLN", None, ["ambiguous-value"]),
        ("Gross: 12 PLN\ngross: 12,00 zł", "12.00 PLN", []),
        ("Hello\nGross: 12 PLN", None, []),
    ],
)
def test_a_line_gives_a_value_or_a_flag(text: str, value: str | None, flags: list[str]) -> None:
    result = read(field("money", source="line", keys=("Gross",)), text=MailText.of(mail(text)))
    assert value_of(result) == value
    assert result.flags == flags


def test_a_subject_gives_the_place_of_the_fields_type() -> None:
    pattern = "faktura {text} z {date}"
    text = MailText.of(mail(subject="Re: Faktura FV/1/2026 z 29.11.2026"))
    assert value_of(read(field(source="subject", pattern=pattern), text=text)) == "FV/1/2026"
    assert (
        value_of(read(field("date", source="subject", pattern=pattern), text=text)) == "2026-11-29"
    )


@pytest.mark.parametrize(
    ("mapped", "value"),
    [
        ({"jan@supplier.example": "a", "@supplier.example": "b"}, "a"),
        ({"@Supplier.example": "b"}, "b"),
        ({"@other.example": "c"}, None),
        ({}, "jan@supplier.example"),
    ],
)
def test_a_sender_is_mapped_by_address_then_by_domain(
    mapped: dict[str, str], value: str | None
) -> None:
    assert value_of(read(field(source="sender", map=mapped))) == value


def test_a_mailbox_is_mapped() -> None:
    assert value_of(read(field(source="mailbox", map={"in": "x"}))) == "x"
    assert value_of(read(field(source="mailbox", map={"out": "x"}))) is None


def test_a_tag_of_our_address_counts_and_a_case_number_does_not() -> None:
    assert plus_tags(HEAD, "invoices@office.example") == ["acme"]
    text = MailText.of(mail(), "invoices@office.example", HEAD)
    assert value_of(read(field(source="plus"), text=text)) == "acme"
    assert value_of(read(field(source="plus", map={"ACME": "x"}), text=text)) == "x"
    two = MailText.of(mail(), "in@o.example", b"To: in+a@o.example, in+b@o.example\r\n\r\n")
    assert read(field(source="plus"), text=two).flags == ["ambiguous-value"]


@pytest.mark.parametrize(
    ("head", "server", "value"),
    [
        (HEAD, "imap.office.example", "200"),
        (HEAD, "IMAP.office.example", "200"),
        (HEAD, "mx.office.example", None),
        (HEAD, "office.example", None),
        (HEAD.replace(b"X-Center: 200\r\n", b""), "imap.office.example", None),
        (b"X-Center: 1\r\n\r\n", "imap.office.example", None),
    ],
)
def test_a_header_counts_only_if_the_named_server_added_it(
    head: bytes, server: str, value: str | None
) -> None:
    assert trusted_header(head, "X-Center", server) == value


def test_an_invoice_gives_values_with_the_place_of_their_elements() -> None:
    declared = [
        Field(name=name, type=kind, sources=(FieldSource(source="invoice", value=name),))  # type: ignore[arg-type]
        for name, kind in fields.INVOICE_FIELDS.items()
    ]
    facts = fields.facts(1)
    result = read(*declared, invoices=(found(1, "ksef-fa3"),))
    values = {value.field: value for value in result.values}
    assert values["number"].value == facts.number
    assert values["number"].evidence == f"invoice.xml /Faktura/Fa/P_2 sha256:{'f' * 64}"
    assert result.invoices[0].number == facts.number


def test_the_same_invoice_in_two_formats_is_one_and_another_is_ambiguous() -> None:
    number = field(source="invoice", value="number")
    name = Field(name="n", sources=(FieldSource(source="invoice", value="seller_name"),))
    same = read(number, name, invoices=(found(1, "ksef-fa3"), found(1, "cii")))
    assert (len(same.values), same.flags) == (2, [])
    two = read(number, invoices=(found(1, "cii"), found(2, "cii")))
    assert (two.values, two.flags) == ([], ["ambiguous-value"])


def test_an_invoice_to_someone_else_is_flagged() -> None:
    invoice = found(1, "ksef-fa3")
    assert read(field(source="sender"), invoices=(invoice,)).flags == []
    ours = read(field(source="sender"), invoices=(invoice,), own_tax_ids=("5261040828",))
    assert ours.flags == ["buyer-is-other"]


def test_values_come_in_the_order_of_precedence() -> None:
    sources = (
        FieldSource(source="invoice", value="number"),
        FieldSource(source="line", keys=("Number",)),
    )
    text = MailText.of(mail("Number: from the line"))
    result = read(Field(name="f", sources=sources), text=text, invoices=(found(1, "cii"),))
    assert [value.value for value in result.values] == [fields.facts(1).number, "from the line"]
