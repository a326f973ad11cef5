"""Compares reading a mail with the standard library's parsing of the same bytes: medians, and their
ratios.

    .venv/bin/python benchmarks/reading.py [--rounds N]

All are timed in turns, in processor time, so that a busy machine slows all equally. The ratios are
the median of five runs, followed by the lowest and the highest. The standard library is measured
twice. `read` parses as its documentation recommends (`policy.default`) and returns subject, people,
time and ids, the bodies as text, and attachments. `cut` only splits the mail into parts and decodes
their content, with the old policy that leaves headers unchanged. Neither repairs, sanitizes,
converts HTML to text, removes quotes, or names files.
"""

import argparse
import email
import email.policy
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
_FIELDS = (
    "Subject",
    "From",
    "Reply-To",
    "To",
    "Cc",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
)
_LIMIT = 1.5
_RUNS = 5


def _words(random_: random.Random, count: int) -> str:
    return " ".join(random_.choice(_WORDS) for _ in range(count))


def _plain(random_: random.Random, size: int) -> str:
    lines: list[str] = []
    while sum(map(len, lines)) < size:
        lines += [_words(random_, 9) for _ in range(random_.randint(2, 5))] + [""]
    return "\n".join(lines)


def _correspondence(random_: random.Random, size: int) -> str:
    """A letter in HTML as an office program writes it."""
    styles = "".join(
        f"p.Para{index}{{margin:0cm;font-size:11.0pt;font-family:'Calibri',sans-serif}}\n"
        for index in range(60)
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
    """A shop's newsletter in HTML: tables, long links, pictures."""
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


def library_cuts(raw: bytes) -> list[str | bytes]:
    """The decoded content of each part."""
    contents: list[str | bytes] = []
    for part in email.message_from_bytes(raw).walk():
        if part.is_multipart():
            continue
        content = part.get_payload(decode=True)
        assert isinstance(part, Message)
        assert isinstance(content, bytes)
        is_text = part.get_content_maintype() == "text"
        contents.append(
            content.decode(part.get_content_charset() or "ascii", "replace") if is_text else content
        )
    return contents


def library_reads(raw: bytes) -> list[object]:
    """The parts of a mail that a case needs, as far as the library supplies them."""
    mail = email.message_from_bytes(raw, policy=email.policy.default)
    found: list[object] = [mail[name] for name in _FIELDS]
    bodies = {
        id(body): body for kind in ("plain", "html") if (body := mail.get_body((kind,))) is not None
    }
    found += [body.get_content() for body in bodies.values()]
    found += [part.get_content() for part in mail.iter_attachments()]
    return found


def _once(function: Callable[[bytes], object], raw: bytes) -> float:
    started = time.thread_time()
    function(raw)
    return time.thread_time() - started


def measure(raw: bytes, rounds: int) -> dict[str, float]:
    """The medians in milliseconds."""
    functions = {"read": library_reads, "cut": library_cuts, "ours": read_mail}
    times: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            times[name].append(_once(function, raw))
    return {name: statistics.median(found) * 1000 for name, found in times.items()}


def _ratio(runs: list[dict[str, float]], baseline: str) -> tuple[float, str]:
    ratios = sorted(run["ours"] / run[baseline] for run in runs)
    middle = statistics.median(ratios)
    return middle, f"{middle:5.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"


def _mails() -> list[tuple[str, bytes]]:
    random_ = random.Random(235)
    plain, letter, shop = (
        _plain(random_, 5000),
        _correspondence(random_, 60_000),
        _newsletter(random_, 60_000),
    )
    mails = [
        (f"5 kB text, {encoding}", _mail(plain, None, encoding))
        for encoding in ("quoted-printable", "8bit")
    ]
    for name, html in (("letter", letter), ("newsletter", shop)):
        for encoding in ("quoted-printable", "base64"):
            mails.append(
                (f"60 kB HTML with text, {name}, {encoding}", _mail(plain, html, encoding))
            )
            mails.append((f"60 kB HTML alone, {name}, {encoding}", _mail(None, html, encoding)))
    return mails


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--rounds", type=int, default=200, help="timings of each side for each mail (default 200)"
    )
    rounds = parser.parse_args().rounds
    print(f"{'mail':50} {'read ms':>8} {'cut ms':>7} {'ours ms':>8}   {'ours/read':21} ours/cut")
    for name, raw in _mails():
        runs = [measure(raw, max(1, rounds // _RUNS)) for _ in range(_RUNS)]
        ms = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        ratio, to_read = _ratio(runs, "read")
        note = "" if ratio <= _LIMIT else f"  over {_LIMIT}"
        print(
            f"{name:50} {ms['read']:8.3f} {ms['cut']:7.3f} {ms['ours']:8.3f}   {to_read:21}"
            f" {_ratio(runs, 'cut')[1]}{note}"
        )


if __name__ == "__main__":
    main()
