"""Shortcuts that build values for tests of the case writer and router. All people are invented."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from schemas.cases import AppendToCase, Command, Decision, IgnoreMail, OpenCase, ParkMail
from schemas.codec import decode_case_message
from schemas.fields import FieldsRead
from schemas.mails import BlobRef, RawMail, mail_key
from schemas.sending import AnswerCase
from schemas.stored import BlobId, Mail
from services.case_writer.placement.plan import Plan, PreparedMail
from services.case_writer.placement.planner import plan
from services.case_writer.placement.snapshot_query import query
from services.case_writer.ports import Cases
from services.case_writer.reading import MailReading
from services.case_writer.recording.document_builder import DocumentBuilder, OpeningRules
from services.case_writer.recording.documents import Documents
from services.runtime.mail.headers import Address

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
DATE = "Date: Wed, 04 Mar 2026 05:06:07 +0000"
ANNA = Address("Anna Nowak", "anna@customer.example")
JAN = Address("Jan Kowalski", "jan@supplier.example")
EVE = Address("", "eve@stranger.example")
OFFICE = Address("", "invoices@office.example")
STAGES = {"invoices": "registration", "claims": "intake"}


def raw_bytes(
    text: str = "Hello", *, subject: str = "Invoice 17", sender: Address = ANNA, headers: str = ""
) -> bytes:
    """A small complete mail; `headers` are more header lines, each with its CRLF."""
    lines = [
        f"From: {sender.name} <{sender.address}>",
        f"To: {OFFICE.address}",
        f"Subject: {subject}",
        DATE,
    ]
    return ("\r\n".join(lines) + "\r\n" + headers + "\r\n" + text + "\r\n").encode()


def raw_mail(
    raw: bytes = b"", /, *, mailbox: str = "invoices", process: str = "invoices", **more: Any
) -> RawMail:
    content = raw or raw_bytes()
    fields: dict[str, Any] = {
        "key": mail_key(mailbox, content),
        "process": process,
        "mailbox": mailbox,
        "size": len(content),
        "fetched_at": NOW,
        "raw": content,
    }
    return RawMail(**(fields | more))


def parked_spam(key: str, raw: BlobId, now: datetime) -> Mail:
    """The record of a mail of the process invoices that was parked as spam."""
    return Mail(
        id=key,
        mailbox="invoices",
        process="invoices",
        outcome="parked",
        case=None,
        reason="spam",
        decision=Decision(rule="spam", evidence=["X-Spam-Flag: YES"]),
        deliveries=1,
        raw=raw,
        received_at=now,
        recorded_at=now,
        written_by="test",
    )


def command_in(body: bytes) -> Command:
    """Decode a command of the router, as the case writer does."""
    message = decode_case_message(body)
    assert not isinstance(message, AnswerCase | FieldsRead)
    return message


def reading(message_id: str | None = None, *, author: Address = ANNA, **more: Any) -> MailReading:
    fields: dict[str, Any] = {
        "subject": "Invoice 17",
        "author": author,
        "reply_to": [],
        "recipients": [OFFICE],
        "sent_at": NOW,
        "message_id": message_id,
        "in_reply_to": None,
        "references": [],
        "text": "Hello",
        "full_text": "Hello",
        "html": None,
        "attachments": [],
        "defects": [],
    }
    return MailReading(**(fields | more))


def opening(name: str, *, thread_ids: Sequence[str] = (), **mail: Any) -> OpenCase:
    """A command to open a case for a mail with the text `name`; equal names make equal mails."""
    decision = Decision(rule="new-case", thread_ids=list(thread_ids))
    return OpenCase(mail=raw_mail(raw_bytes(name), **mail), decision=decision)


def appending(
    name: str, *cases: int, thread_ids: Sequence[str] = (), signed: Sequence[int] = (), **mail: Any
) -> AppendToCase:
    """A command to append a mail; `signed` are the cases whose mails from us it replies to."""
    decision = Decision(
        rule="case-reference", cases=list(cases), thread_ids=list(thread_ids), signed=list(signed)
    )
    return AppendToCase(mail=raw_mail(raw_bytes(name), **mail), decision=decision)


def parking(name: str, reason: str = "virus", **mail: Any) -> ParkMail:
    return ParkMail(
        mail=raw_mail(raw_bytes(name), **mail), decision=Decision(rule=reason), reason=reason
    )


def ignoring(name: str, reason: str = "loop") -> IgnoreMail:
    return IgnoreMail(mail=raw_mail(raw_bytes(name)), decision=Decision(rule=reason), reason=reason)


def item(command: Command, message_id: str | None = None, **read: Any) -> PreparedMail:
    """A command with an invented reading. A parked or ignored mail has no reading, and is kept
    whole.
    """
    if isinstance(command, ParkMail | IgnoreMail):
        return PreparedMail(
            command, None, original=BlobRef(sha256="f" * 64, size=command.mail.size)
        )
    return PreparedMail(command, reading(message_id, **read))


def opened(
    name: str, message_id: str | None = None, *, thread_ids: Sequence[str] = (), **read: Any
) -> PreparedMail:
    """A prepared mail that opens a case unless its thread is known."""
    return item(opening(name, thread_ids=thread_ids), message_id, **read)


async def planned(cases: Cases, items: Sequence[PreparedMail], attempt: str = "attempt") -> Plan:
    """The plan that a case writer would make for these mails now."""
    return plan(items, await cases.snapshot(query(items)), attempt=attempt)


async def write_plan(
    cases: Cases,
    done: Plan,
    attempt: str = "attempt",
    originals: Mapping[str, BlobRef] | None = None,
) -> Documents:
    """Write a plan, as a case writer does."""
    return await cases.write(DocumentBuilder(done, attempt, OpeningRules(STAGES), originals or {}))
