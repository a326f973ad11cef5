"""The mails of the demo, from fictional people."""

import struct
import zlib
from base64 import b64encode
from email.message import EmailMessage
from email.utils import formatdate

INVOICES = "invoices@demo.example"
COMPLAINTS = "complaints@demo.example"
NADIA = "nadia.okoye@paperworks.example"
ANSWERED_SUBJECT = "Invoice INV-2041 for November"


def first_mails() -> dict[str, list[bytes]]:
    """Address → the mails in its mailbox before the services start."""
    return {
        INVOICES: [_polish_invoice(), _english_invoice(), _scanner()],
        COMPLAINTS: [_polish_complaint(), _html_complaint(), _raw_latin2()],
    }


def answer(subject: str, message_id: str) -> bytes:
    """Nadia's answer: RE: before the subject, the id of the mail it answers, and that mail quoted
    below.
    """
    mail = _mail(f"Nadia Okoye <{NADIA}>", INVOICES, f"RE: {subject}")
    mail["Message-ID"] = "<answer-1@paperworks.example>"
    mail["In-Reply-To"] = message_id
    mail.set_content(
        "Thank you, that was quick. The purchase order is PO-7715.\n\n"
        "On Monday, Accounts wrote:\n> Your invoice was accepted.\n> Which purchase order does it belong to?\n"
    )
    return _bytes(mail)


def mangled_answer(subject: str) -> bytes:
    """An answer from a phone that sends no reference headers, and splits the encoded subject within
    the number.
    """
    text = f"Odp: {subject}"
    cut = text.index("#") + 1
    words = [
        f"=?utf-8?b?{b64encode(part.encode()).decode()}?=" for part in (text[:cut], text[cut:])
    ]
    lines = [
        f"From: {NADIA}",
        f"To: {INVOICES}",
        f"Subject: {words[0]}",
        f" {words[1]}",
        f"Date: {formatdate()}",
        "Message-ID: <phone-1@paperworks.example>",
        "",
        "One more thing: please pay before Friday.",
        "",
    ]
    return "\r\n".join(lines).encode()


def _polish_invoice() -> bytes:
    mail = _mail(
        "Żaneta Świątek <zaneta@drukarnia-lisia.example>",
        INVOICES,
        "Faktura 12/2026 za październik, Łódź",
    )
    mail.set_content(
        "Dzień dobry,\n\nw załączeniu faktura nr 12/2026 za druk materiałów.\n"
        "Termin płatności: 14 dni.\n\nPozdrawiam\nŻaneta Świątek\n"
    )
    mail.add_attachment(
        _pdf("Faktura 12/2026"),
        maintype="application",
        subtype="pdf",
        filename="faktura-łódź-12.pdf",
    )
    return _bytes(mail)


def _english_invoice() -> bytes:
    mail = _mail(f"Nadia Okoye <{NADIA}>", INVOICES, ANSWERED_SUBJECT)
    mail["Message-ID"] = "<inv-2041@paperworks.example>"
    mail.set_content(
        "Hello,\n\nplease find our invoice INV-2041 over 1,250.00 EUR attached.\n\nKind regards\nNadia\n"
    )
    mail.add_attachment(
        _pdf("Invoice INV-2041"), maintype="application", subtype="pdf", filename="INV-2041.pdf"
    )
    mail.add_attachment(
        "item;net\npaper;980.00\ndelivery;270.00\n", subtype="csv", filename="items.csv"
    )
    return _bytes(mail)


def _scanner() -> bytes:
    mail = _mail("scanner@office.example", INVOICES, "")
    mail.set_content("")
    mail.add_attachment(
        _pdf("Scanned page"), maintype="application", subtype="pdf", filename="scan 0007.pdf"
    )
    return _bytes(mail)


def _polish_complaint() -> bytes:
    mail = _mail(
        "Bogumił Wrzesień <bogumil@poczta.example>", COMPLAINTS, "Reklamacja: pęknięty wazon"
    )
    mail.set_content(
        "Szanowni Państwo,\n\nwazon dotarł pęknięty. Proszę o wymianę.\n\n-- \nBogumił Wrzesień\ntel. 000 000 000\n",
        cte="quoted-printable",
    )
    mail.add_attachment(_png(), maintype="image", subtype="png", filename="wazon.png")
    return _bytes(mail)


def _html_complaint() -> bytes:
    mail = _mail(
        '"Lindqvist, Astrid" <astrid@lindqvist.example>', COMPLAINTS, "The lamp hums & flickers"
    )
    mail.set_content(
        '<p>Dear team,</p><p>the <b>lamp</b> hums. See the picture:<br><img src="cid:lamp"></p>'
        '<script>alert("never shown")</script><p>Astrid</p>',
        subtype="html",
    )
    mail.add_related(_png(), maintype="image", subtype="png", cid="<lamp>", filename="lamp.png")
    return _bytes(mail)


def _raw_latin2() -> bytes:
    """As old office programs send: 8-bit ISO-8859-2 without MIME headers for it, and no final
    newline.
    """
    lines = [
        b"From: biuro@stolarnia.example",
        b"To: " + COMPLAINTS.encode(),
        b"Subject: =?iso-8859-2?Q?Krzes=B3o_bez_jednej_=B6ruby?=",
        b"Date: " + formatdate().encode(),
        b"Message-ID: <krzeslo@stolarnia.example>",
        b"",
        "Brakuje jednej śruby do krzesła, proszę ją dosłać.".encode("iso-8859-2"),
    ]
    return b"\r\n".join(lines)


def _mail(author: str, to: str, subject: str) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"], mail["Date"] = author, to, subject, formatdate()
    return mail


def _bytes(mail: EmailMessage) -> bytes:
    return mail.as_bytes().replace(b"\n", b"\r\n")


def _pdf(text: str) -> bytes:
    """A page with a line on it."""
    content = f"BT /F1 24 Tf 72 720 Td ({text}) Tj ET".encode("latin-1")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        (
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R "
            b"/Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>"
        ),
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
    ]
    body = b"%PDF-1.4\n"
    offsets = []
    for number, pdf_object in enumerate(objects, 1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, pdf_object)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1,
        len(body),
    )
    return body + b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, table) + trailer


def _png() -> bytes:
    """A square of one colour."""
    side = 16
    rows = b"".join(b"\0" + bytes((200, 90, 60)) * side for _ in range(side))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
