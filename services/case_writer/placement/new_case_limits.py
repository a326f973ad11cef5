"""Rate limits for new cases: how many a sender and a mailbox may open in a time window. Pure."""

from dataclasses import replace
from datetime import datetime, timedelta

from schemas.reasons import ParkReason
from schemas.stored import LimitAlert
from services.case_writer.placement.plan import LimitCheck, Plan, PreparedMail
from services.case_writer.placement.snapshot import SenderHistory, Snapshot
from services.case_writer.reading import MailReading
from services.runtime.mail.addresses import base_address
from services.runtime.settings.schema.processes import Rules

_REASONS = {
    "sender": ParkReason.TOO_MANY_NEW_CASES,
    "mailbox": ParkReason.MAILBOX_LIMIT_REACHED,
}


class NewCaseLimits:
    """Counts the new cases of a batch on top of those in the snapshot."""

    def __init__(self, snapshot: Snapshot, plan: Plan) -> None:
        self._snapshot = snapshot
        self._plan = plan

    def check(self, mail: PreparedMail, reading: MailReading, rules: Rules) -> LimitCheck:
        """Whether the mail may open one more case. If so, also the histories that count it."""
        address = reading.author.address
        limits = (
            (
                sender_id(mail, reading),
                rules.max_new_cases_per_sender,
                LimitAlert("sender", address),
            ),
            (mailbox_id(mail), rules.max_new_cases_per_mailbox, LimitAlert("mailbox", address)),
        )
        window, at = timedelta(seconds=rules.new_cases_window_s), _time(mail)
        counted: dict[str, SenderHistory] = {}
        for key, limit, alert in limits:
            if not limit:
                continue
            history = self._history(key)
            if sum(abs(at - opened_at) < window for opened_at in history.times) >= limit:
                return _exceeded(key, history, alert, at, window)
            times = tuple(sorted([*history.times, at])[-limit:])
            counted[key] = replace(history, times=times)
        return LimitCheck(None, counted)

    def _history(self, key: str) -> SenderHistory:
        return self._plan.senders.get(key) or self._snapshot.senders.get(key) or SenderHistory()


def _exceeded(
    key: str, history: SenderHistory, alert: LimitAlert, at: datetime, window: timedelta
) -> LimitCheck:
    """The check of a mail beyond a limit, with an alert unless there was one within the window."""
    reason = _REASONS[alert.limit]
    if history.alerted_at is not None and abs(at - history.alerted_at) < window:
        return LimitCheck(reason, {})
    return LimitCheck(reason, {key: replace(history, alerted_at=at)}, alert)


def opening_ids(mail: PreparedMail, reading: MailReading) -> tuple[str, str]:
    """The keys that the limits count a mail under."""
    return sender_id(mail, reading), mailbox_id(mail)


def sender_id(mail: PreparedMail, reading: MailReading) -> str:
    """The key of a sender. The addresses of an account with and without `+tag` (RFC 5233) are one
    sender. All mails without an author's address count as one sender, too.

    Mails that failed authentication as the author's are counted separately: otherwise, whoever
    forges them could keep the author from opening cases.
    """
    mark = "unproven " if mail.decision.authentication == "fail" else ""
    return f"{mail.process} {mark}{base_address(reading.author.address.lower())}"


def mailbox_id(mail: PreparedMail) -> str:
    """The key of a mailbox. No process has a colon in its name."""
    return f"mailbox: {mail.raw.mailbox}"


def _time(mail: PreparedMail) -> datetime:
    return mail.raw.received_at or mail.raw.fetched_at
