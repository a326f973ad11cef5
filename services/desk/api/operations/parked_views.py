"""Mails without a case as the API shows them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec

from schemas.cases import AppendToCase, Command, IgnoreMail, ParkMail
from schemas.mails import RawMail
from schemas.reasons import NotRetryable
from schemas.stored import Discard, Mail
from services.casework.parked import not_retryable, why_not_retryable
from services.desk.http.endpoint import Call
from services.runtime.mail.headers import MailHeaders


class ParkedSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A mail without a case. `author` and `subject` are as its header says; anyone can write those.

    `why_not_retryable` says why a retry cannot succeed, null if it can; `not_retryable` is the same
    as a constant word.
    """

    key: str
    process: str
    mailbox: str
    outcome: Literal["parked", "ignored"]
    reason: str
    recorded_at: datetime
    author: str
    subject: str
    why_not_retryable: str | None
    not_retryable: NotRetryable | None


class TodaysDecision(msgspec.Struct, frozen=True, kw_only=True):
    """The decision of the current rules about the mail, and their evidence."""

    action: Literal["open", "append", "park", "ignore"]
    rule: str
    reason: str | None
    evidence: list[str]
    cases: list[int]


class ParkedView(ParkedSummary, frozen=True, kw_only=True):
    """A whole mail without a case: the reason, its content, and the decision of the current rules.

    `discarded` is who discarded it and why, null if nobody did. `text` and `files` are null if the
    content is not stored.
    """

    rule: str
    evidence: list[str]
    received_at: datetime | None
    size: int | None
    discarded: Discard | None
    text: str | None
    files: list[str] | None
    defects: list[str]
    today: TodaysDecision | None


def header_of(mail: Mail, heads: Mapping[str, bytes]) -> MailHeaders | None:
    """The mail's header among `heads` of stored contents; None if its content is not stored."""
    head = heads.get(mail.raw or "")
    return MailHeaders.parse(head) if head is not None else None


def summary_fields(mail: Mail, headers: MailHeaders | None) -> dict[str, Any]:
    """The fields of a `ParkedSummary`; author and subject are empty without a header."""
    authors = headers.addresses("From") if headers else []
    return {
        "key": mail.id,
        "process": mail.process,
        "mailbox": mail.mailbox,
        "outcome": mail.outcome,
        "reason": mail.reason or "",
        "recorded_at": mail.recorded_at,
        "author": authors[0].address if authors else "",
        "subject": (headers.text("Subject") or "")[:500] if headers else "",
        "why_not_retryable": why_not_retryable(mail),
        "not_retryable": not_retryable(mail),
    }


def todays_decision(call: Call[Any, Any], mail: Mail, content: bytes) -> TodaysDecision:
    """The decision of the router's rules with the settings of this desk."""
    raw = RawMail(
        key=mail.id,
        process=mail.process,
        mailbox=mail.mailbox,
        size=len(content),
        fetched_at=call.desk.clock(),
        received_at=mail.received_at,
        raw=content,
        origin="retry",
    )
    command = call.desk.tools.decide(raw)
    decision = command.decision
    return TodaysDecision(
        action=_action(command),
        rule=decision.rule,
        reason=command.reason if isinstance(command, ParkMail | IgnoreMail) else None,
        evidence=decision.evidence,
        cases=decision.cases,
    )


def _action(command: Command) -> Literal["open", "append", "park", "ignore"]:
    match command:
        case ParkMail():
            return "park"
        case IgnoreMail():
            return "ignore"
        case AppendToCase():
            return "append"
        case _:
            return "open"
