"""Reading a mail against the standard library's parse of the same bytes: medians, and the ratio between them.

    .venv/bin/python benchmarks/reading.py [--rounds N]

Both are timed in turns, so that a busy machine slows both. The standard library's side parses the mail, decodes every
part's transfer encoding and decodes text to str; it neither repairs, sanitises, trims quotes nor names files.
"""

import argparse
import email
import random
import statistics
import time
from collections.abc import Callable
from email.message import EmailMessage, Message

from services.case_writer.reading import read_mail

_WORDS = (
    "zamówienie", "faktura", "proszę", "dziękuję", "pozdrawiam", "załącznik", "termin", "płatności", "kwota", "netto",
    "umowa", "the", "invoice", "please", "find", "attached", "order", "number", "delivery", "Grüße", "Rechnung",
)  # fmt: skip
_LIMIT = 1.5


def _words(random_: random.Random, count: int) -> str:
    return " ".join(random_.choice(_WORDS) for _ in range(count))


def _plain(random_: random.Random, size: int) -> str:
    lines: list[str] = []
    while sum(map(len, lines)) < size:
        lines += [_words(random_, 9) for _ in range(random_.randint(2, 5))] + [""]
    return "\n".join(lines)


def _correspondence(random_: random.Random, size: int) -> str:
    """HTML as an office program writes a letter."""
    styles = "".join(
        f"p.Para{index}{{margin:0cm;font-size:11.0pt;font-family:'Calibri',sans-serif}}\n" for index in range(60)
    )
    pieces = [f"<html><head><style><!--{styles}--></style></head><body lang=PL><div>"]
    while sum(map(len, pieces)) < size:
        pieces.append(
            "<p class=Para1><span style='font-size:11.0pt;font-family:\"Calibri\",sans-serif;color:#1F497D'>"
            f'{_words(random_, 14)} <a href="https://www.example.com/x?id={random_.randint(1, 9999)}">'
            f"{_words(random_, 2)}</a><o:p></o:p></span></p>\n"
        )
    return "".join(pieces) + "</div></body></html>"


def _newsletter(random_: random.Random, size: int) -> str:
    """HTML as a shop sends it: tables, long links, pictures."""
    pieces = ["<!DOCTYPE html><html><body><center>"]
    while sum(map(len, pieces)) < size:
        pieces.append(
            '<table width="600" cellpadding="0" style="border-collapse:collapse;width:600px"><tr><td align="left" '
            'style="padding:10px 20px;font-family:Arial,sans-serif;font-size:14px;line-height:20px;color:#333333">'
            f'<a href="https://click.example.com/{random_.getrandbits(256):x}" style="color:#0066cc">'
            f'<img src="https://img.example.com/{random_.randint(1, 999)}.png" alt="{_words(random_, 2)}"></a><br>'
            f"{_words(random_, 25)}</td></tr></table>\n"
        )
    return "".join(pieces) + "</center></body></html>"


def _mail(plain: str | None, html: str | None, encoding: str) -> bytes:
    mail = EmailMessage()
    mail["From"] = "Jan Kowalski <jan.kowalski@firma.example>"
    mail["To"] = "Faktury <faktury@example.com>, anna@firma.example"
    mail["Subject"] = "Faktura za październik [#235]"
    mail["Date"] = "Mon, 23 Nov 2026 10:11:12 +0100"
    mail["Message-ID"] = "<0123456789@firma.example>"
    for index in range(12):
        mail[f"X-Header-{index}"] = "value " * 10
    if plain is not None:
        mail.set_content(plain, cte=encoding)
    if html is not None:
        add = mail.set_content if plain is None else mail.add_alternative
        add(html, subtype="html", cte=encoding)
    return mail.as_bytes().replace(b"\n", b"\r\n")


def standard_library(raw: bytes) -> list[str | bytes]:
    """What the standard library gives of a mail: each part's decoded content."""
    contents: list[str | bytes] = []
    for part in email.message_from_bytes(raw).walk():
        if part.is_multipart():
            continue
        content = part.get_payload(decode=True)
        assert isinstance(part, Message)
        assert isinstance(content, bytes)
        is_text = part.get_content_maintype() == "text"
        contents.append(content.decode(part.get_content_charset() or "ascii", "replace") if is_text else content)
    return contents


def _once(function: Callable[[bytes], object], raw: bytes) -> float:
    started = time.perf_counter()
    function(raw)
    return time.perf_counter() - started


def measure(raw: bytes, rounds: int) -> tuple[float, float]:
    """The medians in milliseconds of the standard library and of `read_mail`."""
    theirs: list[float] = []
    ours: list[float] = []
    for _ in range(rounds):
        theirs.append(_once(standard_library, raw))
        ours.append(_once(read_mail, raw))
    return statistics.median(theirs) * 1000, statistics.median(ours) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=200, help="timings of each side for each mail (default 200)")
    rounds = parser.parse_args().rounds
    random_ = random.Random(235)
    plain, letter, shop = _plain(random_, 5000), _correspondence(random_, 60_000), _newsletter(random_, 60_000)
    mails = [("5 kB text, quoted-printable", _mail(plain, None, "quoted-printable"))]
    mails.append(("5 kB text, 8bit", _mail(plain, None, "8bit")))
    for name, html in (("letter", letter), ("newsletter", shop)):
        mails.extend(
            (f"60 kB HTML with text, {name}, {encoding}", _mail(plain, html, encoding))
            for encoding in ("quoted-printable", "base64")
        )
        mails.append((f"60 kB HTML alone, {name}, quoted-printable", _mail(None, html, "quoted-printable")))
    print(f"{'mail':52} {'library ms':>10} {'read ms':>8} {'ratio':>6}")
    for name, raw in mails:
        theirs, ours = measure(raw, rounds)
        note = "" if ours <= _LIMIT * theirs else f"  over {_LIMIT}"
        print(f"{name:52} {theirs:10.3f} {ours:8.3f} {ours / theirs:6.2f}{note}")


if __name__ == "__main__":
    main()
