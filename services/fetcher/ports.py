"""What the fetcher asks of a mail server, whatever its protocol."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from services.runtime.errors import TransientError


class FailureKind(StrEnum):
    """Kinds of failure of a mailbox, as logs and metrics name them."""

    CONNECTION = "connection"
    CERTIFICATE = "certificate"  # also where the server does not come to the agreed encryption
    LOGIN = "login"
    FOLDER = "folder"
    PASSWORD = "password"  # noqa: S105 - a kind of trouble: the secret, or the token made from it, cannot be had
    PROTOCOL = "protocol"
    FAULT = "fault"  # our own code fails on this mailbox
    DEPENDENCY = "dependency"  # the mailbox is well; the broker or the database does not take its mail


class MailboxError(TransientError):
    """A mailbox cannot be read now; `mend` tells a person what to do about it. It is tried again all the same."""

    def __init__(self, message: str, *, mailbox: str, failure_kind: FailureKind, hint: str) -> None:
        super().__init__(message, mailbox=mailbox)
        self.failure_kind = failure_kind
        self.hint = hint


def fault(mailbox: str, error: Exception) -> MailboxError:
    """What to tell of an error that our own code made."""
    hint = "its trace is in the log, with mailbox_fault: go back to the version before, and report it"
    return MailboxError(f"a fault of ours: {error!r}", mailbox=mailbox, failure_kind=FailureKind.FAULT, hint=hint)


HEAD_BYTES = 256 * 1024  # enough to classify by, also where a delivery report follows the headers


@dataclass(frozen=True)
class Waiting:
    """A mail in the mailbox: `id` names it for as long as the mailbox exists, `size` is in bytes.

    `received_at` is the server's time, None where it tells none in a listing.
    """

    id: str
    size: int
    received_at: datetime | None = None


@dataclass(frozen=True)
class Fetched:
    """A mail's exact bytes; `received_at` is the server's time, None where it keeps none."""

    id: str
    raw: bytes
    received_at: datetime | None


class MailSource(Protocol):
    """One mailbox, one session at a time. Blocking; all calls but `wake` and `abort` come from one thread.

    Every method raises MailboxError where the server does not do as asked, and `connect` may be called again then.
    A source may renew its session by itself in `wait`, and then hands out again what is still in the mailbox.
    """

    def connect(self) -> None:
        """Log in and open the folder; after this every mail in it is new to the session."""

    def describe(self) -> str:
        """The connected server, its folder and what may be done there, for a person."""

    def list_new(self, most: int) -> list[Waiting]:
        """Mails that this session has not handed out yet, oldest first; empty where there are none."""

    def refresh(self, known: Collection[str]) -> None:
        """Find what has come since the last look, though nothing can be taken; `news` leaves the `known` out of it."""

    def count_unlisted(self, known: Collection[str]) -> int:
        """How many mails the last look at the mailbox found beside the `known` ones that are not handed out yet.

        Asks the server nothing; from any thread.
        """

    def fetch(self, ids: Sequence[str]) -> list[Fetched]:
        """The mails, without changing their flags; left out is one that is gone, or that the server cannot read."""

    def remove(self, ids: Sequence[str]) -> None:
        """Delete, move or flag these mails, as the settings say, and no others. Those gone already are no error."""

    def flag_oversized(self, ids: Sequence[str]) -> list[Fetched]:
        """Make these mails, which are too large to be taken, stand out for a person where the server has a way to.

        Where it has none, the first HEAD_BYTES of each are returned, to be recorded in its place, until `remove` is
        told that this is done; that takes nothing from the mailbox then.
        """

    def wait(self, timeout_s: float) -> None:
        """Return when there may be news, when `wake` is called, or after `timeout_s` seconds."""

    def wake(self) -> None:
        """End a `wait` under way, or the next one at once; from any thread."""

    def close(self) -> None:
        """Take leave of the server, if there is a session; never raises."""

    def abort(self) -> None:
        """Cut the connection, so that a call under way fails soon; from any thread, never raises."""
