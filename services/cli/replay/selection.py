"""Which mails of the archive are meant. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas.mails import RawMail
from services.runtime.errors import Mistake, SettingsError
from services.runtime.mail.headers import MailHeaders

NO_OUTCOME = "none"
OUTCOMES = ("opened", "appended", "parked", "ignored", NO_OUTCOME)

_LATE = timedelta(hours=1)  # how long after its fetching a mail may come into the archive, at most, in practice


@dataclass(frozen=True)
class Choice:
    """All of it must hold. Times are those of fetching; `mail_key` is the key or its beginning; None leaves all."""

    since: datetime | None = None
    until: datetime | None = None
    process: str | None = None
    mailbox: str | None = None
    mail_key: str | None = None
    message_id: str | None = None
    outcome: str | None = None

    def has(self, mail: RawMail) -> bool:
        """Whether the mail is meant, its outcome aside."""
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
        """`outcome` is None for a mail that has none."""
        return self.outcome in {None, outcome or NO_OUTCOME}

    def is_over(self, mail: RawMail) -> bool:
        """Whether no mail behind this one can be meant."""
        return self.until is not None and mail.fetched_at > self.until + _LATE


def checked(known: Mapping[str, str], process: str | None, mailbox: str | None, outcome: str | None) -> None:
    """Raise SettingsError for an outcome that there is none of, and for a mailbox of another process.

    `known` maps mailboxes to their processes. Other names are allowed: the archive may be older than the settings.
    """
    mistakes = []
    if outcome is not None and outcome not in OUTCOMES:
        mistakes.append(
            Mistake("--outcome", f"there is no outcome {outcome!r}", f"choose one of {', '.join(OUTCOMES)}")
        )
    if process is not None and mailbox is not None and known.get(mailbox, process) != process:
        mistakes.append(Mistake("--mailbox", f"{mailbox} belongs to process {known[mailbox]}", "leave out one of them"))
    if mistakes:
        raise SettingsError(mistakes)


def bracketed(message_id: str | None) -> str | None:
    """A Message-ID as mails write it; the shell's user may have left out the angle brackets."""
    return message_id if message_id is None or message_id.startswith("<") else f"<{message_id}>"


def _message_ids(mail: RawMail) -> list[str]:
    return MailHeaders.parse(mail.classifiable).message_ids("Message-ID")
