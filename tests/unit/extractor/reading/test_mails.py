"""Invoices anywhere in a mail, including in the containers whose files the case writer lists."""

import random
import struct
from collections.abc import Callable
from email.message import EmailMessage

import pytest

from services.case_writer.reading import read_mail
from services.extractor.reading.documents import read_documents
from tests.invoices.documents import FORMATS, Document, make


def mail(subject: str = "Invoice") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@office.example", "b@firm.test", subject
    message.set_content("Please find attached.")
    return message


def attached(document: Document) -> EmailMessage:
    message = mail()
    main, _, sub = document.content_type.partition("/")
    message.add_attachment(document.data, maintype=main, subtype=sub, filename=document.name)
    return message


def forwarded(document: Document) -> EmailMessage:
    message = mail("Fwd: Invoice")
    message.add_attachment(attached(document))
    return message


def forwarded_as_file(document: Document) -> EmailMessage:
    """As some programs attach a saved mail: plain data named .eml."""
    message = mail("Fwd: Invoice")
    saved = attached(document).as_bytes()
    message.add_attachment(saved, maintype="application", subtype="octet-stream", filename="a.eml")
    return message


def in_winmail(document: Document) -> EmailMessage:
    """[MS-OXTNEF]: an attachment with its title and its data."""

    def attribute(identity: int, data: bytes) -> bytes:
        checksum = struct.pack("<H", sum(data) & 0xFFFF)
        return struct.pack("<BII", 2, identity, len(data)) + data + checksum

    tnef = (
        b"\x78\x9f\x3e\x22\x01\x00"
        + attribute(0x00069002, b"\0" * 14)
        + attribute(0x00018010, document.name.encode() + b"\0")
        + attribute(0x0006800F, document.data)
    )
    message = mail()
    message.add_attachment(tnef, maintype="application", subtype="ms-tnef", filename="winmail.dat")
    return message


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("as_pdf", [False, True], ids=["xml", "pdf"])
@pytest.mark.parametrize("send", [attached, forwarded, forwarded_as_file, in_winmail])
def test_an_invoice_is_found_once_in_every_kind_of_mail(
    send: Callable[[Document], EmailMessage], format_: str, as_pdf: bool
) -> None:
    document = make(format_, random.Random(8), as_pdf=as_pdf)
    reading = read_mail(send(document).as_bytes())
    found = [
        read.invoice
        for attachment in reading.attachments
        for read in read_documents(attachment.name, attachment.content_type, attachment.content)
    ]
    assert [
        (invoice.format, invoice.number and invoice.number.text) for invoice in found if invoice
    ] == [(format_, document.facts.number)]
