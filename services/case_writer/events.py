"""The events of a batch. Pure."""

from typing import Any

from schemas.events import (
    CaseAppended,
    CaseMoved,
    CaseOpened,
    Event,
    MailboxLimited,
    MailIgnored,
    MailParked,
    SenderLimited,
)
from schemas.mails import RawMail
from schemas.stored import LimitAlert, Outcome
from services.case_writer.known import KnownCase, RecordedMail


def opened_event(mail: RawMail, case: int, stage: str, title: str) -> CaseOpened:
    return CaseOpened(case=case, stage=stage, title=title, **about(mail))


def appended_event(mail: RawMail, case: int, process: str, *, reopened: bool = False) -> CaseAppended:
    """`process` is the case's, which a mail sent to another process's mailbox may refer to."""
    return CaseAppended(case=case, reopened=reopened, **(about(mail) | {"process": process}))


def moved_event(mail: RawMail, case: int, was: int, process: str) -> CaseMoved:
    """`process` is that of the case where the mail is now."""
    return CaseMoved(case=case, was=was, **(about(mail) | {"process": process}))


def aside_event(mail: RawMail, outcome: Outcome, reason: str, refers_to: int | None) -> MailParked | MailIgnored:
    """`refers_to` is where the mail is of which this one is a copy."""
    if outcome == "parked":
        return MailParked(reason=reason, **about(mail))
    return MailIgnored(reason=reason, case=refers_to, **about(mail))


def limited_event(mail: RawMail, alert: LimitAlert) -> SenderLimited | MailboxLimited:
    if alert.limit == "sender":
        return SenderLimited(address=alert.address, **about(mail))
    return MailboxLimited(**about(mail))


def events_again(mail: RawMail, recorded: RecordedMail, case: KnownCase | None) -> list[Event]:
    """The events of a mail recorded before; none where its case is gone.

    For a mail that is delivered again because its writer died, or whose commit was unclear: its events may never have
    gone out. Where a mail is derived again, its move is news, or that this replay gave it another outcome.
    """
    placed = _placed_again(mail, recorded, case)
    alert = limited_event(mail, recorded.alert) if recorded.alert is not None else None
    if mail.replay is None or not mail.replay.rederive:
        return [event for event in (placed, alert) if event is not None]
    moved = None
    if mail.replay.move and recorded.case is not None and recorded.moved_from is not None and case is not None:
        moved = moved_event(mail, recorded.case, recorded.moved_from, case.process)
    is_news = recorded.placed_by == mail.replay.run or (moved is not None and recorded.outcome == "opened")
    news = (placed, alert) if is_news else ()
    return [event for event in (*news, moved) if event is not None]


def _placed_again(mail: RawMail, recorded: RecordedMail, case: KnownCase | None) -> Event | None:
    if recorded.outcome in {"parked", "ignored"}:
        return aside_event(mail, recorded.outcome, recorded.reason or "", recorded.refers_to)
    if recorded.case is None or case is None:
        return None
    if recorded.outcome == "appended":
        return appended_event(mail, recorded.case, case.process, reopened=recorded.reopened)
    return opened_event(mail, recorded.case, case.stage, case.title)


def about(mail: RawMail) -> dict[str, Any]:
    """What every event tells of its mail."""
    at = mail.received_at or mail.fetched_at
    return {"mail_key": mail.key, "process": mail.process, "mailbox": mail.mailbox, "at": at}
