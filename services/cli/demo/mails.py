"""The mails of the demo, from fictional people."""

from base64 import b64encode
from email.message import EmailMessage
from email.utils import formatdate

from services.cli.demo import invoices
from services.cli.demo.files import pdf, png

INVOICES = "invoices@demo.example"
COMPLAINTS = "complaints@demo.example"
NADIA = "nadia.okoye@paperworks.example"
PRINTER = "zaneta@drukarnia-lisia.example"
SENT_TWICE = "Fwd: faktura z drukarni"
ACCOUNT_CHANGED = "Faktura 13/2026, nowy numer konta"
POLISH_INVOICE = "Faktura 12/2026 za październik, Łódź"
ANSWERED_SUBJECT = "Invoice INV-2041 for November"


def first_mails() -> dict[str, list[bytes]]:
    """Address → the mails in its mailbox before the services start."""
    return {
        INVOICES: [_polish_invoice(), _english_invoice(), _scanner()],
        COMPLAINTS: [_polish_complaint(), _html_complaint(), _raw_latin2()],
    }


def later_mails() -> list[bytes]:
    """Mails to the mailbox of invoices, after the first ones are read: the Polish invoice once
    more, in another format and from someone else, and a second invoice of the same seller with
    another account.
    """
    again = _mail("Biuro <biuro@rachunki-jenot.example>", INVOICES, SENT_TWICE)
    again.set_content("W załączeniu faktura z drukarni.\n")
    again.add_attachment(
        invoices.ubl(invoices.PRINTING),
        maintype="application",
        subtype="xml",
        filename="printing.xml",
    )
    other = _mail(f"Żaneta Świątek <{PRINTER}>", INVOICES, ACCOUNT_CHANGED)
    other.set_content("Dzień dobry,\n\nproszę o przelew na nowe konto.\n\nŻaneta Świątek\n")
    other.add_attachment(
        invoices.fa3(invoices.POSTERS),
        maintype="application",
        subtype="xml",
        filename="faktura-13.xml",
    )
    return [_bytes(again), _bytes(other)]


def answer(subject: str, message_id: str) -> bytes:
    """Nadia's answer, with RE: before the subject, the id of the answered mail, and that mail
    quoted below.
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


def first_of_your_own(address: str) -> bytes:
    """What waits in the mailbox that a person sets up next to the demo."""
    mail = _mail(f"Nadia Okoye <{NADIA}>", address, "Invoice INV-2042 for December")
    mail["Message-ID"] = "<inv-2042@paperworks.example>"
    mail.set_content("Hello,\n\nthis is invoice INV-2042 over 310.00 EUR.\n\nNadia\n")
    return _bytes(mail)


def _polish_invoice() -> bytes:
    mail = _mail(
        f"Żaneta Świątek <{PRINTER}>",
        INVOICES,
        POLISH_INVOICE,
    )
    mail.set_content(
        "Dzień dobry,\n\nw załączeniu faktura nr 12/2026 za druk materiałów.\n"
        "Termin płatności: 14 dni.\n\nPozdrawiam\nŻaneta Świątek\n"
    )
    mail.add_attachment(
        pdf("Faktura 12/2026"),
        maintype="application",
        subtype="pdf",
        filename="faktura-łódź-12.pdf",
    )
    mail.add_attachment(
        invoices.fa3(invoices.PRINTING),
        maintype="application",
        subtype="xml",
        filename="faktura-12.xml",
    )
    return _bytes(mail)


def _english_invoice() -> bytes:
    mail = _mail(f"Nadia Okoye <{NADIA}>", INVOICES, ANSWERED_SUBJECT)
    mail["Message-ID"] = "<inv-2041@paperworks.example>"
    mail.set_content(
        "Hello,\n\nplease find our invoice INV-2041 over 1,250.00 EUR attached.\n\nKind regards\nNadia\n"
    )
    mail.add_attachment(
        pdf("Invoice INV-2041", ("factur-x.xml", invoices.cii(invoices.PAPER))),
        maintype="application",
        subtype="pdf",
        filename="INV-2041.pdf",
    )
    mail.add_attachment(
        "item;net\npaper;980.00\ndelivery;270.00\n", subtype="csv", filename="items.csv"
    )
    return _bytes(mail)


def _scanner() -> bytes:
    mail = _mail("scanner@office.example", INVOICES, "")
    mail.set_content("")
    mail.add_attachment(
        pdf("Scanned page"), maintype="application", subtype="pdf", filename="scan 0007.pdf"
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
    mail.add_attachment(png(), maintype="image", subtype="png", filename="wazon.png")
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
    mail.add_related(png(), maintype="image", subtype="png", cid="<lamp>", filename="lamp.png")
    return _bytes(mail)


def _raw_latin2() -> bytes:
    """A mail as sent by old office programs: 8-bit ISO-8859-2 without MIME headers, and no final
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
