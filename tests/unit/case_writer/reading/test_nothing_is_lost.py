"""Whatever is damaged in a mail, each word of its author is in the text or a file, or the original
is kept.
"""

import base64
import binascii
import random
from dataclasses import dataclass, field

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.case_writer.reading import MailReading, needs_original, read_mail

ENCODINGS = ("", "7bit", "8bit", "base64", "quoted-printable", "x-uuencode", "x-unknown")
DENSE = ("base64", "x-uuencode", "x-unknown")  # declared otherwise, they are shown as letters
TYPES = ("text/plain", "text/plain; format=flowed", "text/html", "text/csv", "application/pdf", "")
MULTIPARTS = ("mixed", "alternative", "related", "signed", "digest", "report")


@dataclass
class Damage:
    """Draws damage to a mail, and the words in its leaves."""

    chance: random.Random
    markers: list[bytes] = field(default_factory=list)
    boundaries: int = 0

    def marker(self) -> bytes:
        """A new, unique word, in letters that HTML and every encoding keep."""
        self.markers.append(b"word%dq" % (len(self.markers) + 1000))
        return self.markers[-1]

    def now(self, percent: int = 12) -> bool:
        return self.chance.randrange(100) < percent


def leaf(damage: Damage) -> bytes:
    """A part with headers that may lie about it."""
    chance, content_type = damage.chance, damage.chance.choice(TYPES)
    before = chance.choice(
        (b"", b"", b"Dear Sir, ", b"Note: this\nSum: 12 EUR\n\n", b"begin 644 x\n")
    )
    text = before + damage.marker() + chance.choice((b"", b" and more\n", b"\nSubject: none\n"))
    if content_type == "text/html":
        text = b"<p>" + text.replace(b"\n", b"<br>\n") + b"</p>"
    declared = chance.choice(ENCODINGS)
    likely = ENCODINGS if declared in DENSE else ("", "quoted-printable")
    true = chance.choice(likely) if damage.now() else declared
    lines = [f"Content-Type: {content_type}"] if content_type else []
    lines += [f"Content-Transfer-Encoding: {declared}"] if declared else []
    if damage.now():
        lines.append(f"Content-Transfer-Encoding: {chance.choice(ENCODINGS)}")
    if damage.now(25):
        lines.append('Content-Disposition: attachment; filename="a.txt"')
    if damage.now():
        lines.insert(chance.randrange(len(lines) + 1), f"no field {damage.marker().decode()}")
    head = "".join(f"{line}\n" for line in lines).encode()
    return head + (b"" if damage.now(5) else b"\n") + encoded(text, true, damage)


def encoded(text: bytes, encoding: str, damage: Damage) -> bytes:
    if encoding == "base64":
        content = base64.encodebytes(text)
        if damage.now():
            content += (
                b"\n" * damage.chance.randrange(2)
                + b"Footer of a list, "
                + damage.marker()
                + b".\n"
            )
        return content
    if encoding == "quoted-printable":
        return binascii.b2a_qp(text)
    if encoding == "x-uuencode":
        around = damage.marker() + b"\n" if damage.now() else b""
        return (
            around
            + b"begin 644 a.txt\n"
            + binascii.b2a_uu(text[:45])
            + binascii.b2a_uu(text[45:90])
            + b"`\nend\n"
        )
    return text


def part(damage: Damage, depth: int) -> bytes:
    """A leaf, a multipart, or an attached message."""
    kind = damage.chance.randrange(10)
    if depth == 0 or kind < 5:
        return leaf(damage)
    if kind == 5:
        return b"Content-Type: message/rfc822\n\nFrom: a@x.example\nSubject: inner\n" + part(
            damage, depth - 1
        )
    chance = damage.chance
    damage.boundaries += 1
    true = b"bound%d" % (
        chance.randrange(damage.boundaries) if damage.now(5) else damage.boundaries
    )
    declared = b"another" if damage.now() else true
    head = (
        b"Content-Type: multipart/"
        + chance.choice(MULTIPARTS).encode()
        + b'; boundary="'
        + declared
        + b'"\n'
    )
    if damage.now():
        head += b'Content-Type: multipart/mixed; boundary="third"\n'
    pieces = [head, b"\n", damage.marker() + b"\n" if damage.now() else b""]
    for _ in range(chance.randrange(1, 4)):
        pieces.append(
            b"--"
            + true
            + (b" some words" if damage.now(5) else b"")
            + b"\n"
            + part(damage, depth - 1)
        )
        pieces.append(b"\n--" + true + b"--\n" if damage.now(8) else b"\n")
    if not damage.now():
        pieces.append(b"--" + true + b"--\n")
    pieces.append(damage.marker() + b"\n" if damage.now() else b"")
    return b"".join(pieces)


def mail(damage: Damage) -> bytes:
    head = b"From: Anna <anna@x.example>\nDate: Mon, 23 Nov 2026 10:11:12 +0100\n"
    head = b"" if damage.now(8) else head
    blank = b"\n" * damage.chance.randrange(1, 3) if damage.now(8) else b""
    raw = blank + head + part(damage, 3)
    if not damage.now(5):
        return raw
    raw = raw[: damage.chance.randrange(len(raw))]
    damage.markers = [marker for marker in damage.markers if marker in raw]
    return raw


def holds(reading: MailReading, marker: bytes) -> bool:
    word = marker.decode()
    if word in reading.full_text or word in (reading.html or "") or word in reading.subject:
        return True
    if any(marker in attachment.content for attachment in reading.attachments):
        return True
    messages = [
        attachment.content
        for attachment in reading.attachments
        if attachment.content_type == "message/rfc822"
    ]
    return any(needs_original(inner) or holds(inner, marker) for inner in map(read_mail, messages))


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32))
def test_each_word_is_in_the_reading_or_the_original_is_kept(seed: int) -> None:
    damage = Damage(random.Random(seed))
    raw = mail(damage)
    reading = read_mail(raw)
    lost = [marker for marker in damage.markers if not holds(reading, marker)]
    assert not lost or needs_original(reading), (reading.defects, lost, raw.decode("latin-1"))
