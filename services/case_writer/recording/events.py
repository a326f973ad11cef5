"""The events of a batch. Pure."""

from typing import Any

from schemas.cloud_events import MailEvent
from schemas.events import MailboxLimited, MailIgnored, MailParked, SenderLimited
from schemas.mails import RawMail
from schemas.stored import LimitAlert, Outcome
from services.case_writer.placement.snapshot import RecordedMail


def aside_event(mail: RawMail, outcome: Outcome, reason: str, refers_to: int | None) -> MailParked | MailIgnored:
    """`refers_to` is where the mail is of which this one is a copy."""
    if outcome == "parked":
        return MailParked(reason=reason, **about(mail))
    return MailIgnored(reason=reason, case=refers_to, **about(mail))


def limited_event(mail: RawMail, alert: LimitAlert) -> SenderLimited | MailboxLimited:
    if alert.limit == "sender":
        return SenderLimited(address=alert.address, **about(mail))
    return MailboxLimited(**about(mail))


def events_again(mail: RawMail, recorded: RecordedMail) -> list[MailEvent]:
    """The events of a mail recorded before that went to no case, and of the limit that it met.

    For a mail that is delivered again because its writer died, or whose commit was unclear: its events may never have
    gone out. Where a mail is derived again, it is news only that this replay gave it another outcome. What happened to
    cases is in their histories, from which it is published.
    """
    if mail.replay is not None and mail.replay.rederive and recorded.placed_by != mail.replay.run:
        return []
    events: list[MailEvent] = []
    if recorded.outcome in {"parked", "ignored"}:
        events.append(aside_event(mail, recorded.outcome, recorded.reason or "", recorded.refers_to))
    if recorded.alert is not None:
        events.append(limited_event(mail, recorded.alert))
    return events


def about(mail: RawMail) -> dict[str, Any]:
    """What every event tells of its mail."""
    at = mail.received_at or mail.fetched_at
    return {"mail_key": mail.key, "process": mail.process, "mailbox": mail.mailbox, "at": at}
