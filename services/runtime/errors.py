"""Errors, by whether a caller should try again.

`TransientError`: the same call may succeed later, so keep the mail and retry for as long as it
takes. `PermanentError`: the same call always fails in the same way, so park the mail that caused it
and continue. Adapters translate their driver's errors into these two, chain the cause (`raise ...
from error`) and name the mail.
"""

from collections.abc import Iterable
from dataclasses import dataclass


class MailcaseError(Exception):
    """Every error that Mailcase raises on purpose.

    `mail_key` (64 hex digits) and `mailbox` (its name) identify the mail; each is None if no mail
    is concerned. The message contains no password, address or text of a mail, so it may be logged.
    """

    def __init__(
        self, message: str = "", *, mail_key: str | None = None, mailbox: str | None = None
    ) -> None:
        super().__init__(message)
        self.mail_key = mail_key
        self.mailbox = mailbox

    @property
    def identifiers(self) -> dict[str, str]:
        """`mail_key` and `mailbox`, if they are known, as fields of a log line."""
        known = {"mail_key": self.mail_key, "mailbox": self.mailbox}
        return {name: value for name, value in known.items() if value is not None}


class TransientError(MailcaseError):
    """Try again later: a lost connection, no primary, a full queue. Nothing is wrong with the
    mail.
    """


class PermanentError(MailcaseError):
    """Do not retry this unchanged: a rejected log-in, a mail over every limit."""


class CommandRefusedError(PermanentError):
    """A decoded command that cannot be executed: no such case, no recipient, a text too long."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake in the settings: where, what, and how to fix it.

    `path` is written as in the file, such as `process.invoices.mailbox[0].server`; it is empty for
    a mistake of the whole file. `hint` is empty if the problem explains itself. `line` is the line
    in the file, None if it is unknown.
    """

    path: str
    problem: str
    hint: str = ""
    line: int | None = None

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path else ""
        hint = f"; {self.hint}" if self.hint else ""
        return f"{where}{self.problem}{hint}"


class SettingsError(MailcaseError):
    """The settings are invalid; `mistakes` lists every reason at once.

    This is not a `PermanentError`: no mail is at fault, and none may be parked for it. `str()`
    gives one line per mistake, which begins with the file's name if that is known.
    """

    def __init__(
        self, mistakes: Iterable[Mistake], *, file: str = "", mailbox: str | None = None
    ) -> None:
        self.mistakes = tuple(mistakes)
        self.file = file
        super().__init__(mailbox=mailbox)
        self.args = (self.mistakes,)  # used by repr() and pickle

    def __str__(self) -> str:
        where = f"{self.file}: " if self.file else ""
        return "\n".join(
            f"{where}line {mistake.line}: {mistake}" if mistake.line else f"{where}{mistake}"
            for mistake in self.mistakes
        )
