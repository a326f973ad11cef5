"""Selects the archived mails of a replay. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas.mails import RawMail
from services.runtime.errors import Mistake, SettingsError
from services.runtime.mail.headers import MailHeaders

NO_OUTCOME = "none"
OUTCOMES = ("opened", "appended", "parked", "ignored", NO_OUTCOME)

_LATE = timedelta(hours=1)  # maximum time from fetching to archiving a mail, in practice


@dataclass(frozen=True)
class Choice:
    """Criteria, all of which must match; None matches all.

    Times are those of fetching. `mail_key` is the first digits of a key.
    """

    since: datetime | None = None
    until: datetime | None = None
    process: str | None = None
    mailbox: str | None = None
    mail_key: str | None = None
    message_id: str | None = None
    outcome: str | None = None

    def has(self, mail: RawMail) -> bool:
        """Whether the mail matches, regardless of its outcome."""
        if self.since is not None and mail.fetched_at < self.since:
            return False
        if self.until is not None and mail.fetched_at >= self.until:
            return False
        if self.process not in {None, mail.process} or self.mailbox not in {None, mail.mailbox}:
            return False
        if self.mail_key is not None and not mail.key.startswith(self.mail_key):
            return False
        return self.message_id is None or self.message_id in _message_ids(mail)

    def has_outcome(self, outcome: str | None) -> bool:
        """Whether the outcome matches; `outcome` is None for a mail without one."""
        return self.outcome in {None, outcome or NO_OUTCOME}

    def is_over(self, mail: RawMail) -> bool:
        """Whether no later mail of the archive can match."""
        return self.until is not None and mail.fetched_at > self.until + _LATE


def check_selection(
    processes: Mapping[str, str], process: str | None, mailbox: str | None, outcome: str | None
) -> None:
    """Raise SettingsError for an unknown outcome, and for a mailbox of another process.

    `processes` maps mailboxes to their processes. Unknown names are allowed: the archive may be
    older than the settings.
    """
    mistakes = []
    if outcome is not None and outcome not in OUTCOMES:
        mistakes.append(
            Mistake(
                "--outcome",
                f"there is no outcome {outcome!r}",
                f"choose one of {', '.join(OUTCOMES)}",
            )
        )
    if process is not None and mailbox is not None and processes.get(mailbox, process) != process:
        mistakes.append(
            Mistake(
                "--mailbox",
                f"{mailbox} belongs to process {processes[mailbox]}",
                "leave out one of them",
            )
        )
    if mistakes:
        raise SettingsError(mistakes)


def bracketed(message_id: str | None) -> str | None:
    """A Message-ID with angle brackets, which may be missing on the command line."""
    return message_id if message_id is None or message_id.startswith("<") else f"<{message_id}>"


def _message_ids(mail: RawMail) -> list[str]:
    return MailHeaders.parse(mail.classifiable).message_ids("Message-ID")
