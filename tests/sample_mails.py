"""Generated mails for tests: seeded, all different, from invented people."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage

from schemas.case_ref import CaseReference

WORDS = [
    "invoice",
    "letter",
    "request",
    "order",
    "delivery",
    "paper",
    "lamp",
    "chair",
    "account",
    "answer",
    "question",
    "month",
    "total",
]
POLISH = [
    "faktura",
    "zażalenie",
    "prośba",
    "zamówienie",
    "dostawa",
    "papier",
    "lampa",
    "krzesło",
    "konto",
    "odpowiedź",
    "pytanie",
    "miesiąc",
    "suma",
]


@dataclass(frozen=True)
class Sample:
    """A mail as it is in the mailbox, and its attachments."""

    raw: bytes
    attachments: dict[str, bytes]


def new_mails(count: int, *, seed: int = 1, to: str = "invoices@example.test") -> list[Sample]:
    """Mails that each open a case. Every third has attachments; every fifth is Polish."""
    chance = random.Random(seed)
    return [_sample(chance, f"n{seed}-{index}", index, to, None) for index in range(count)]


def replies(
    cases: list[int], count: int, *, seed: int = 2, to: str = "invoices@example.test"
) -> list[Sample]:
    """Replies to `cases` in turn, each with the number of its case in the subject."""
    chance = random.Random(seed)
    return [
        _sample(chance, f"r{seed}-{index}", index, to, cases[index % len(cases)])
        for index in range(count)
    ]


def _sample(chance: random.Random, name: str, index: int, to: str, case: int | None) -> Sample:
    words = POLISH if index % 5 == 0 else WORDS
    mail = EmailMessage()
    mail["From"] = f"Person {index} <person{index}@customers.test>"
    mail["To"] = to
    subject = " ".join(chance.choices(words, k=4))
    mail["Subject"] = (
        f"{subject} {name}"
        if case is None
        else f"RE: Case {CaseReference().write(case)} was accepted"
    )
    mail["Message-ID"] = f"<{name}@customers.test>"
    mail["Date"] = "Mon, 23 Nov 2026 10:00:00 +0100"
    mail.set_content("\n".join(_lines(chance, words)) + f"\n{name}\n")
    attachments = dict(_attachments(chance, name)) if index % 3 == 0 else {}
    for file, content in attachments.items():
        mail.add_attachment(content, maintype="application", subtype="octet-stream", filename=file)
    return Sample(mail.as_bytes().replace(b"\n", b"\r\n"), attachments)


def _lines(chance: random.Random, words: list[str]) -> Iterator[str]:
    for _ in range(chance.randint(3, 30)):
        yield " ".join(chance.choices(words, k=chance.randint(2, 10)))


def _attachments(chance: random.Random, name: str) -> Iterator[tuple[str, bytes]]:
    for number in range(chance.randint(1, 3)):
        yield f"{name}-{number}.bin", chance.randbytes(chance.choice([1, 100, 5_000, 40_000]))
