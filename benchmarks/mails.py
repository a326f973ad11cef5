"""Seeded mail sets. Every mail of a set is different: its headers, its text and its attachment
contain a token.

A mail is built by filling a token into a sample, so that sets of any size cost almost nothing.
"""

import base64
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from functools import cache, partial

ADDRESS = "bench@example.test"
# The bare programs find this in the bytes of a mail: its set, the number of its sample, and its
# token.
MARK = b"X-Sample: "
_TOKEN = "T0KEN0000000"
TOKEN_BYTES = len(_TOKEN)
_TOKEN_BASE64 = base64.b64encode(_TOKEN.encode())

_WORDS = (
    "zamówienie", "faktura", "proszę", "dziękuję", "pozdrawiam", "załącznik", "termin", "płatności", "kwota", "netto",
    "umowa", "invoice", "please", "find", "attached", "order", "number", "delivery", "Rechnung", "Grüße", "month",
)  # fmt: skip


@dataclass(frozen=True)
class MailSet:
    """`samples` are mails with a placeholder for the token. A sample occurs in them as often as its
    kind occurs in the set.
    """

    name: str
    title: str
    samples: tuple[bytes, ...]

    @property
    def mean_bytes(self) -> int:
        return sum(map(len, self.samples)) // len(self.samples)

    def mails(self, count: int, *, first: int = 0) -> Iterator[bytes]:
        """Mails number `first` to `first + count - 1` of the set; the same numbers are the same
        bytes.
        """
        for number in range(first, first + count):
            yield filled(self.samples[number % len(self.samples)], number)


def filled(sample: bytes, number: int) -> bytes:
    """The sample as mail `number`."""
    token = f"{number:0{TOKEN_BYTES}d}".encode()
    return sample.replace(_TOKEN.encode(), token).replace(_TOKEN_BASE64, base64.b64encode(token))


@cache
def mail_set(name: str) -> MailSet:
    """One of `names`."""
    title, make = _SETS[name]
    return MailSet(name, title, tuple(make(random.Random(f"mailcase {name}"))))


def names() -> Sequence[str]:
    return list(_SETS)


def _text_set(chance: random.Random) -> list[bytes]:
    return [_mail(chance, "text", index, text=3_600) for index in range(20)]


def _html_set(chance: random.Random) -> list[bytes]:
    return [_mail(chance, "html", index, text=4_000, html=45_000) for index in range(10)]


def _pdf_set(chance: random.Random) -> list[bytes]:
    return [_mail(chance, "pdf", index, text=1_000, attached=2_200_000) for index in range(3)]


def _huge_set(chance: random.Random) -> list[bytes]:
    return [_mail(chance, "huge", index, text=1_000, attached=18_500_000) for index in range(2)]


def _mix_set(chance: random.Random) -> list[bytes]:
    """Of fifty mails: 28 short texts, 15 with HTML, 6 with a scan or a document, one with a large
    PDF; 100 kB on average.
    """
    mails = [_mail(chance, "mix", index, text=chance.randint(1_000, 6_000)) for index in range(28)]
    mails += [
        _mail(chance, "mix", 28 + index, text=3_000, html=chance.randint(15_000, 60_000))
        for index in range(15)
    ]
    mails += [
        _mail(chance, "mix", 43 + index, text=2_000, attached=chance.randint(80_000, 300_000))
        for index in range(6)
    ]
    mails.append(_mail(chance, "mix", 49, text=2_000, html=20_000, attached=2_000_000))
    chance.shuffle(mails)
    return mails


def _sized_set(size: int, chance: random.Random) -> list[bytes]:
    """Mails of about `size` bytes, most of which are an attachment in base64."""
    return [_mail(chance, "sized", 0, text=1_000, attached=(size - 3_000) * 73 // 100)]


_SETS: dict[str, tuple[str, Callable[[random.Random], list[bytes]]]] = {
    "text": ("5 kB text", _text_set),
    "html": ("60 kB HTML with text", _html_set),
    "pdf": ("3 MB with a PDF", _pdf_set),
    "mix": ("mix, 100 kB in the mean", _mix_set),
    "huge": ("25 MB with an archive", _huge_set),
    "5kB": ("5 kB with an attachment", partial(_sized_set, 5_000)),
    "50kB": ("50 kB with an attachment", partial(_sized_set, 50_000)),
    "500kB": ("500 kB with an attachment", partial(_sized_set, 500_000)),
    "5MB": ("5 MB with an attachment", partial(_sized_set, 5_000_000)),
}


def _mail(
    chance: random.Random, kind: str, index: int, *, text: int, html: int = 0, attached: int = 0
) -> bytes:
    """A mail. Sizes are those of the parts' contents, in bytes or characters."""
    mail = EmailMessage()
    mail["Return-Path"] = f"<person.{_TOKEN}@customers.example>"
    for hop in range(4):
        mail["Received"] = (
            f"from mx{hop}.customers.example (mx{hop}.customers.example [192.0.2.{hop + 1}]) by "
            f"relay{hop}.example.test with ESMTPS id {chance.getrandbits(64):016x}; Mon, 23 Nov 2026 10:00:0{hop} +0100"
        )
    mail["DKIM-Signature"] = (
        f"v=1; a=rsa-sha256; d=customers.example; b={_folded(f'{chance.getrandbits(1024):x}')}"
    )
    mail["From"] = f"Person {_TOKEN} <person.{_TOKEN}@customers.example>"
    mail["To"] = f"Office <{ADDRESS}>"
    mail["Subject"] = f"{_words(chance, 4)} {_TOKEN}"
    mail["Message-ID"] = f"<{_TOKEN}@customers.example>"
    mail["Date"] = "Mon, 23 Nov 2026 10:00:00 +0100"
    mail[MARK.decode().rstrip(": ")] = f"{kind} {index:02d} {_TOKEN}"
    mail.set_content(f"{_TOKEN}\n{_paragraphs(chance, text)}", cte="8bit")
    if html:
        mail.add_alternative(_letter(chance, html), subtype="html", cte="quoted-printable")
    if attached:
        # Twelve bytes before the token, so that the token is a complete piece of base64.
        content = b"%PDF-1.7\n%%\n" + _TOKEN.encode() + chance.randbytes(attached)
        mail.add_attachment(
            content, maintype="application", subtype="pdf", filename=f"document-{index}.pdf"
        )
    for number, part in enumerate(part for part in mail.walk() if part.is_multipart()):
        # the library's would differ from run to run
        part.set_boundary(f"=_{kind}_{index}_{number}")
    return mail.as_bytes().replace(b"\n", b"\r\n")


def _folded(text: str) -> str:
    return " ".join(text[start : start + 60] for start in range(0, len(text), 60))


def _words(chance: random.Random, count: int) -> str:
    return " ".join(chance.choices(_WORDS, k=count))


def _paragraphs(chance: random.Random, size: int) -> str:
    lines: list[str] = []
    length = 0
    while length < size:
        lines.append(_words(chance, 9) if len(lines) % 4 else "")
        length += len(lines[-1].encode()) + 2
    return "\n".join(lines)


def _letter(chance: random.Random, size: int) -> str:
    """A letter in HTML as an office program writes it."""
    styles = "".join(f"p.Para{index}{{margin:0cm;font-size:11.0pt}}\n" for index in range(60))
    pieces = [f"<html><head><style><!--{styles}--></style></head><body lang=PL><div>"]
    length = len(pieces[0])
    while length < size:
        pieces.append(
            "<p class=Para1><span style='font-size:11.0pt;font-family:\"Calibri\",sans-serif;color:#1F497D'>"
            f'{_words(chance, 14)} <a href="https://www.example.com/x?id={chance.randint(1, 9999)}">'
            f"{_words(chance, 2)}</a><o:p></o:p></span></p>\n"
        )
        length += len(pieces[-1])
    return "".join(pieces) + "</div></body></html>"
