"""The events of a batch. Pure."""

from typing import Any

from schemas.cloud_events import MailEvent
from schemas.events import MailboxLimited, MailIgnored, MailParked, SenderLimited
from schemas.mails import RawMail
from schemas.stored import LimitAlert, Outcome
from services.case_writer.placement.snapshot import RecordedMail


def unassigned_event(
    mail: RawMail, outcome: Outcome, reason: str, refers_to: int | None
) -> MailParked | MailIgnored:
    """The event of a mail without a case; `refers_to` is the case with the mail that this one is a
    copy of.
    """
    if outcome == "parked":
        return MailParked(reason=reason, **about(mail))
    return MailIgnored(reason=reason, case=refers_to, **about(mail))


def limited_event(mail: RawMail, alert: LimitAlert) -> SenderLimited | MailboxLimited:
    """The event of a mail that exceeded a limit of new cases."""
    if alert.limit == "sender":
        return SenderLimited(address=alert.address, **about(mail))
    return MailboxLimited(**about(mail))


def events_again(mail: RawMail, recorded: RecordedMail) -> list[MailEvent]:
    """The events of a recorded mail without a case, and of the limit that it exceeded.

    For a mail that is delivered again because its writer died, or whose commit was unclear: its
    events may never have been published. If a mail is derived again, the only event is that this
    replay gave it another outcome. What happened to cases is published from their histories.
    """
    if mail.replay is not None and mail.replay.rederive and recorded.placed_by != mail.replay.run:
        return []
    events: list[MailEvent] = []
    if recorded.outcome in {"parked", "ignored"}:
        events.append(
            unassigned_event(mail, recorded.outcome, recorded.reason or "", recorded.refers_to)
        )
    if recorded.alert is not None:
        events.append(limited_event(mail, recorded.alert))
    return events


def about(mail: RawMail) -> dict[str, Any]:
    """What every event says about its mail."""
    at = mail.received_at or mail.fetched_at
    return {"mail_key": mail.key, "process": mail.process, "mailbox": mail.mailbox, "at": at}
