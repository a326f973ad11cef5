"""The port to a mailbox on a mail server, whatever its protocol, and its failures."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from schemas.reasons import MailboxProblem
from services.runtime.errors import TransientError


class FailureKind(StrEnum):
    """Kinds of failure of a mailbox, as logs and metrics name them."""

    CONNECTION = "connection"
    CERTIFICATE = "certificate"  # also if the server does not offer the configured encryption
    LOGIN = "login"
    FOLDER = "folder"
    PASSWORD = "password"  # noqa: S105 - a kind of failure: the secret or its token is unavailable
    PROTOCOL = "protocol"
    FAULT = "fault"  # a bug in our own code
    # The mailbox works, but the broker or the database does not accept its mail.
    DEPENDENCY = "dependency"


class MailboxError(TransientError):
    """A mailbox cannot be read now. It is retried. `hint` says how a person can fix it.

    `problem` is the same for pages in other languages, `answer` the text that came from the mail
    server or from a library, empty if there is none.
    """

    def __init__(
        self,
        message: str,
        *,
        mailbox: str,
        failure_kind: FailureKind,
        hint: str,
        problem: MailboxProblem = MailboxProblem.PROTOCOL,
        answer: str = "",
    ) -> None:
        super().__init__(message, mailbox=mailbox)
        self.failure_kind = failure_kind
        self.hint = hint
        self.problem = problem
        self.answer = answer


def fault(mailbox: str, error: Exception) -> MailboxError:
    """The report of a bug in our own code."""
    hint = (
        "report it with the traceback logged as mailbox_fault, and go back to the previous version"
    )
    return MailboxError(
        f"internal error: {error!r}",
        mailbox=mailbox,
        failure_kind=FailureKind.FAULT,
        hint=hint,
        problem=MailboxProblem.FAULT,
        answer=repr(error),
    )


@dataclass(frozen=True)
class ListedMail:
    """A mail in the mailbox, not fetched yet.

    `id` identifies it for as long as the mailbox exists; `size` is in bytes. `received_at` is the
    server's time, None if its listing has none.
    """

    id: str
    size: int
    received_at: datetime | None = None


@dataclass(frozen=True)
class FetchedMail:
    """A mail's exact bytes. `received_at` is the server's time, None if the protocol has none."""

    id: str
    raw: bytes
    received_at: datetime | None


class MailSource(Protocol):
    """One mailbox, one session at a time.

    Blocking: one thread makes all calls except `wake` and `abort`.

    Every method raises MailboxError if the server refuses or the session breaks; `connect` may be
    called again then. In `wait` a source may open a new session by itself; it then hands out again
    the mails still in the mailbox.
    """

    def connect(self) -> None:
        """Log in and open the folder. Every mail in it is new to this session."""

    def describe(self) -> str:
        """The connected server, its folder and its capabilities, for a person."""

    def list_new(self, limit: int) -> list[ListedMail]:
        """At most `limit` mails that this session has not handed out yet, oldest first."""

    def refresh(self, known: Collection[str]) -> None:
        """Poll while the window is full. `list_new` will not return the `known` ids."""

    def count_unlisted(self, known: Collection[str]) -> int:
        """How many mails of the last poll are neither `known` nor handed out yet.

        Sends no request; callable from any thread.
        """

    def fetch(self, ids: Sequence[str]) -> list[FetchedMail]:
        """The mails, with unchanged flags.

        A mail that is gone, or that the server cannot read, is left out.
        """

    def remove(self, ids: Sequence[str]) -> None:
        """Delete, move or flag exactly these mails, as the settings say.

        Missing mails are not an error.
        """

    def flag_oversized(self, ids: Sequence[str]) -> list[FetchedMail]:
        """Flag these mails, which are over the size limit, for a person to notice them.

        A server without flags returns the first HEAD_BYTES of each instead, to be recorded in its
        place. `remove` then only records that this is done and leaves the mail in the mailbox.
        """

    def wait(self, timeout_s: float) -> None:
        """Return if there may be new mail, if `wake` is called, or after `timeout_s` seconds."""

    def wake(self) -> None:
        """End the current `wait`, or else the next one at once. From any thread."""

    def close(self) -> None:
        """Log out, if there is a session. Never raises."""

    def abort(self) -> None:
        """Cut the connection, so that the current call fails soon.

        From any thread; never raises.
        """
