"""What can go wrong, sorted by the one question a caller has: again, or never?

`TransientError`: the same call may succeed later, so hold the mail and try again for as long as it takes.
`PermanentError`: the same call fails in the same way for ever, so park what caused it and go on.
Adapters translate their driver's errors into these two, chain the cause (`raise ... from error`) and name the
mail.
"""

from collections.abc import Iterable
from dataclasses import dataclass


class MailcaseError(Exception):
    """Every error that Mailcase raises on purpose.

    `mail_key` (64 hex digits) and `mailbox` (its name) say which mail it was about; each is None where no mail
    is meant. The message itself holds no password, address or text of a mail: it may be logged as it is.
    """

    def __init__(self, message: str = "", *, mail_key: str | None = None, mailbox: str | None = None) -> None:
        super().__init__(message)
        self.mail_key = mail_key
        self.mailbox = mailbox

    @property
    def identifiers(self) -> dict[str, str]:
        """The known ones of `mail_key` and `mailbox`, ready for a log line; empty if neither is known."""
        known = {"mail_key": self.mail_key, "mailbox": self.mailbox}
        return {name: value for name, value in known.items() if value is not None}


class TransientError(MailcaseError):
    """Try again later: a lost connection, no primary, a full queue. Nothing is wrong with the mail."""


class PermanentError(MailcaseError):
    """Never try this again unchanged: a refused log-in, a mail over every limit."""


class CommandRefusedError(PermanentError):
    """A command that was read and cannot be carried out: no such case, no recipient, a text too long."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake in the settings: where, what, and how to mend it.

    `path` is written as in the file, `process.invoices.mailbox[0].server`; it is empty if the whole file is
    meant. `mend` is empty where the problem says it all.
    """

    path: str
    problem: str
    hint: str = ""

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path else ""
        hint = f"; {self.hint}" if self.hint else ""
        return f"{where}{self.problem}{hint}"


class SettingsError(MailcaseError):
    """The settings cannot be used; `mistakes` lists every reason at once.

    Not a `PermanentError`, because no mail is at fault and none may be parked for it. `str()` gives one line
    for each mistake, beginning with the file's name where that is known.
    """

    def __init__(self, mistakes: Iterable[Mistake], *, file: str = "", mailbox: str | None = None) -> None:
        self.mistakes = tuple(mistakes)
        self.file = file
        super().__init__(mailbox=mailbox)
        self.args = (self.mistakes,)  # what repr() and pickle go by

    def __str__(self) -> str:
        where = f"{self.file}: " if self.file else ""
        return "\n".join(f"{where}{mistake}" for mistake in self.mistakes)
