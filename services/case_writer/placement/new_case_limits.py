"""How many cases a sender and a mailbox may open within a time. Pure."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from schemas.stored import LimitAlert
from services.case_writer.placement.plan import Alert, Plan, PreparedMail
from services.case_writer.placement.snapshot import SenderHistory, Snapshot
from services.case_writer.reading import MailReading
from services.runtime.mail.addresses import base_address
from services.runtime.settings.schema import Rules

TOO_MANY_NEW_CASES: Final = "too-many-new-cases"
MAILBOX_LIMIT_REACHED: Final = "mailbox-limit-reached"


class NewCaseLimits:
    """Counts the new cases of a batch on top of what is known, and notes alerts and counts in the plan."""

    def __init__(self, known: Snapshot, plan: Plan, rules_of: Callable[[str], Rules]) -> None:
        self._known = known
        self._plan = plan
        self._rules_of = rules_of

    def exceeded(self, item: PreparedMail, reading: MailReading) -> str | None:
        """The reason to park a mail that would open one case too many; else None, and the case is counted."""
        rules = self._rules_of(item.command.mail.process)
        address = reading.author.address
        limits = (
            (sender_id(item, reading), rules.max_new_cases_per_sender, LimitAlert("sender", address)),
            (mailbox_id(item), rules.max_new_cases_per_mailbox, LimitAlert("mailbox", address)),
        )
        window, at = timedelta(seconds=rules.new_cases_window_s), _time(item)
        counted: dict[str, SenderHistory] = {}
        for key, limit, alert in limits:
            if not limit:
                continue
            openings = self._plan.senders.get(key) or self._known.senders.get(key) or SenderHistory()
            if sum(abs(at - one) < window for one in openings.times) >= limit:
                self._alert_once(item, key, openings, alert, window)
                return TOO_MANY_NEW_CASES if alert.limit == "sender" else MAILBOX_LIMIT_REACHED
            counted[key] = replace(openings, times=tuple(sorted([*openings.times, at])[-limit:]))
        self._plan.senders.update(counted)
        return None

    def _alert_once(
        self, item: PreparedMail, key: str, openings: SenderHistory, alert: LimitAlert, window: timedelta
    ) -> None:
        at = _time(item)
        if openings.alerted_at is None or abs(at - openings.alerted_at) >= window:
            self._plan.alerts.append(Alert(item, alert))
            self._plan.senders[key] = replace(openings, alerted_at=at)


def opening_ids(item: PreparedMail, reading: MailReading) -> tuple[str, str]:
    """What the limits of a mail are counted under."""
    return sender_id(item, reading), mailbox_id(item)


def sender_id(item: PreparedMail, reading: MailReading) -> str:
    """One person's addresses with and without `+tag` (RFC 5233) are one sender.

    So are all mails without an author's address.
    """
    return f"{item.command.mail.process} {base_address(reading.author.address.lower())}"


def mailbox_id(item: PreparedMail) -> str:
    """No process has a colon in its name."""
    return f"mailbox: {item.command.mail.mailbox}"


def _time(item: PreparedMail) -> datetime:
    mail = item.command.mail
    return mail.received_at or mail.fetched_at
