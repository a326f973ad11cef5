"""One message of each tag and version that Mailcase has ever sent, with the bytes that were stored
at the time.

A sample never changes. For a new tag or version, add the message to `SAMPLES` and run

    python -m tests.contract.samples

This writes the missing files, changes no existing file, and prints what it wrote. Commit both
together. When a struct grows, its old sample stays as it is; the value below is what the current
code must read from the old bytes.
"""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from schemas.cases import AppendToCase, Decision, IgnoreMail, OpenCase, ParkMail
from schemas.codec import encode, encode_json, tag_of
from schemas.events import (
    AccessChanged,
    CaseAppended,
    CaseMoved,
    CaseOpened,
    FetcherPresent,
    MailboxLimited,
    MailIgnored,
    MailParked,
    MailsRecorded,
    MailsReplayed,
    ReplayEffect,
    SenderLimited,
)
from schemas.fields import CorrectedInvoice, FieldsRead, InvoiceRead, ReadFields, ReadValue
from schemas.mails import BlobRef, RawMail, Replay
from schemas.sending import AnswerCase, AnswerFile, SendMail

FOLDER = Path(__file__).parent / "samples"
_FETCHED = datetime(2026, 11, 23, 8, 15, 30, 250_000, tzinfo=UTC)
_RECEIVED = datetime(2026, 11, 23, 8, 15, 12, tzinfo=UTC)
_RAW = b"From: Anna Nowak <anna@customer.example>\r\nSubject: Faktura 17/2026\r\n\r\nDzie\xc5\x84 dobry\r\n"
_INLINE = RawMail(
    key="0f" * 32,
    process="invoices",
    mailbox="invoices-pl",
    size=len(_RAW),
    fetched_at=_FETCHED,
    received_at=_RECEIVED,
    raw=_RAW,
    origin="ingest",
)
_AS_BLOB = RawMail(
    key="1e" * 32,
    process="invoices",
    mailbox="invoices-pl",
    size=5_000_000,
    fetched_at=_FETCHED,
    blob=BlobRef(sha256="2d" * 32, size=5_000_000),
    head=_RAW[:60],
)
_DECISION = Decision(
    rule="case-reference",
    evidence=["[#235]", "<a1@customer.example>"],
    cases=[235, 17],
    thread_ids=["<b2@office.example>", "<a1@customer.example>"],
    resolution="no-such-case",
)
_ABOUT: dict[str, Any] = {
    "mail_key": "0f" * 32,
    "process": "invoices",
    "mailbox": "invoices-pl",
    "at": _RECEIVED,
}

SAMPLES: dict[str, msgspec.Struct] = {
    "FieldsRead.v1": FieldsRead(
        mail_key="0f" * 32,
        process="invoices",
        at=_RECEIVED,
        values=[
            ReadValue(
                field="invoice_number",
                value="FV 17/11/2026",
                source="invoice",
                evidence="faktura.xml /Faktura/Fa/P_2",
                rule="e0b509b01cba8dea",
            ),
            ReadValue(
                field="urgent",
                value=True,
                source="line",
                evidence="Urgent: yes",
                rule="0f06f42d6786fe43",
            ),
        ],
        flags=["sum-mismatch"],
        invoices=[
            InvoiceRead(
                xml_sha256="3c" * 32,
                format="ksef-fa3",
                seller="5261040828",
                kind="KOR",
                number="FV 17/11/2026",
                ksef_number="5261040828-20261129-0100001AF629-AF",
                accounts=["PL61109010140000071219812874"],
                is_correction=True,
                corrects=[CorrectedInvoice(number="FV 16/11/2026")],
            )
        ],
        complete=False,
    ),
    "ReadFields.v1": ReadFields(mail_key="0f" * 32),
    "RawMail.v1": _INLINE,
    "RawMail.v1.blob": _AS_BLOB,
    "RawMail.v1.replay": msgspec.structs.replace(
        _INLINE,
        origin="replay",
        replay=Replay(
            run="20261125-0815-ab12", case=235, opener="1e" * 32, rederive=True, move=True
        ),
    ),
    "RawMail.v1.too-large": msgspec.structs.replace(_INLINE, origin="fetch", whole_size=60_000_000),
    "OpenCase.v1": OpenCase(
        mail=_AS_BLOB, decision=Decision(rule="new-case", thread_ids=["<a1@customer.example>"])
    ),
    "AppendToCase.v1": AppendToCase(mail=_INLINE, decision=_DECISION),
    "AppendToCase.v1.bounce": AppendToCase(
        mail=_INLINE,
        decision=Decision(rule="delivery-report", cases=[235], flags=["undeliverable"]),
        kind="bounce",
        otherwise="park",
        reason="delivery-report",
    ),
    "ParkMail.v1": ParkMail(mail=_INLINE, decision=Decision(rule="too-deep"), reason="too-deep"),
    "IgnoreMail.v1": IgnoreMail(
        mail=_INLINE, decision=Decision(rule="own-mail"), reason="mail-loop"
    ),
    "AnswerCase.v1": AnswerCase(
        id="7c9e6679-7425-40de-944b-e07fc1f90ae7",
        case=235,
        text="Dzień dobry,\n\nproszę o numer zamówienia.\n",
        at=_RECEIVED,
        subject="Faktura 17/2026",
        to=["anna@customer.example"],
        files=[
            AnswerFile(name="zamówienie.pdf", content_type="application/pdf", content=b"%PDF-1.4"),
            AnswerFile(name="scan.tiff", blob=BlobRef(sha256="2d" * 32, size=5_000_000)),
        ],
    ),
    "SendMail.v1": SendMail(id="answer 7c9e6679-7425-40de-944b-e07fc1f90ae7"),
    "CaseOpened.v1": CaseOpened(
        case=235, stage="registration", title="Faktura 17/2026 – zażółć", **_ABOUT
    ),
    "CaseAppended.v1": CaseAppended(case=235, **_ABOUT),
    "CaseAppended.v1.reopened": CaseAppended(case=235, reopened=True, **_ABOUT),
    "SenderLimited.v1": SenderLimited(address="machine@customer.example", **_ABOUT),
    "MailboxLimited.v1": MailboxLimited(**_ABOUT),
    "CaseMoved.v1": CaseMoved(case=235, was=17, **_ABOUT),
    "MailParked.v1": MailParked(reason="too-deep", **_ABOUT),
    "MailIgnored.v1": MailIgnored(reason="mail-loop", **_ABOUT),
    "MailIgnored.v1.copy": MailIgnored(reason="copy", case=235, **_ABOUT),
    "AccessChanged.v1": AccessChanged(subjects=["0f" * 32]),
    "FetcherPresent.v1": FetcherPresent(
        replica="9a0b1c2d3e4f5061", mailboxes=["invoices-pl", "orders"], room=98
    ),
    "MailsRecorded.v1": MailsRecorded(mailbox="invoices-pl", keys=["0f" * 32, "1e" * 32]),
    "MailsReplayed.v1": MailsReplayed(
        run="20261125-0815-ab12",
        effects=[
            ReplayEffect(mail_key="0f" * 32, effect="moved", case=235, was=17),
            ReplayEffect(mail_key="1e" * 32, effect="parked", detail="case-not-restored"),
        ],
    ),
}

MESSAGEPACK = (
    *(RawMail, OpenCase, AppendToCase, ParkMail, IgnoreMail, AnswerCase, SendMail),
    *(FieldsRead, ReadFields),
)


def path_of(name: str) -> Path:
    """The file of a sample. Its name is the tag, and a word if the tag has several samples."""
    return FOLDER / f"{name}.{'msgpack' if isinstance(SAMPLES[name], MESSAGEPACK) else 'json'}"


def encoded(name: str) -> bytes:
    """The sample as the current code encodes it."""
    message = SAMPLES[name]
    return encode(message) if isinstance(message, MESSAGEPACK) else encode_json(message)


def write_missing() -> list[Path]:
    """Store the samples that have no file yet, and return the new files."""
    missing = [name for name in SAMPLES if not path_of(name).exists()]
    for name in missing:
        assert name.startswith(tag_of(SAMPLES[name])), f"{name} is not named by its tag"
        path_of(name).write_bytes(encoded(name))
    return [path_of(name) for name in missing]


if __name__ == "__main__":
    for path in write_missing():
        sys.stdout.write(f"{path}\n")
