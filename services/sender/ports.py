"""What the sender needs from the outside, and the values that pass through."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from schemas.stored import Comment, OutgoingMail, OutgoingState
from services.sender.limits import SendingHistory


@dataclass(frozen=True)
class DeliveryResult:
    """What a mail server said of a mail, by recipient: taken, refused for ever, or to be tried again, in its words."""

    taken: Sequence[str] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    again: Mapping[str, str] = field(default_factory=dict)
    # `failed`: no session with the server, or it broke, so that no mail is at fault.
    session: Literal["held", "failed"] = "held"

    @property
    def again_words(self) -> list[str]:
        """The last, with the addresses."""
        return [f"{address}: {answer}" for address, answer in self.again.items()]


def without_addresses(answer: str | None) -> str | None:
    """A mail server's words without the addresses in them, for a log."""
    return re.sub(r"\S*@\S*", "…", answer)[:300] if answer else None


@dataclass(frozen=True)
class Waiting:
    """How many outgoing mails are not at their end, and when the oldest of them was written; None without one."""

    count: int
    oldest: datetime | None


@dataclass(frozen=True)
class Addressed:
    """An outgoing mail by what decides on its queue."""

    id: str
    process: str
    is_answer: bool


@dataclass(frozen=True)
class Share:
    """Which outgoing mails: of these processes, or of all `others`; only answers, or only what is none."""

    processes: Sequence[str] = ()
    others: bool = False
    answers: bool | None = None
    created_before: datetime | None = None


EVERYTHING = Share(others=True)


@dataclass(frozen=True)
class Ending:
    """How an outgoing mail ended; `comment` shows it on the case, None where nobody need see it."""

    state: OutgoingState
    at: datetime
    failure: str | None = None
    comment: Comment | None = None


class Outbox(Protocol):
    """The sender's side of the database; `services.sender.outbox.MongoOutbox` is the real one.

    Every method raises TransientError in an outage. A *claim* is a name for one attempt; methods that take one do
    nothing, and say so, where the mail is not claimed by it any more.
    """

    async def now(self) -> datetime:
        """The database's time."""

    async def due(self, now: datetime, most: int, share: Share = EVERYTHING) -> list[str]:
        """Ids of mails that are due, longest first."""

    async def addressed(self, mail_ids: Sequence[str]) -> list[Addressed]:
        """Those of some mails that are not at their end, in the same order."""

    async def claim(self, mail_id: str, claim: str, now: datetime, until: datetime) -> OutgoingMail | None:
        """The mail, which is the claim's until then; None where it is not due, or someone else's."""

    async def extend(self, mail_id: str, claim: str, until: datetime) -> bool:
        """Keep the claim for longer."""

    async def settle(self, mail_id: str, claim: str, subject: str, text: str) -> bool:
        """Write down what every attempt shall say."""

    async def pasts(self, keys: Sequence[str]) -> dict[str, SendingHistory]:
        """What is known of automatic mails, for every key."""

    async def count(self, pasts: Mapping[str, SendingHistory], now: datetime, counted: tuple[str, str] | None) -> None:
        """Write pasts, and in the same transaction that the mail `counted` (its id and claim) has passed the limits.

        Raises ConflictError where another sender wrote one of them first.
        """

    async def release(self, mail: OutgoingMail, claim: str) -> bool:
        """Give the mail back as it is now, with its `due_at`, `remaining`, `refused` and `failure`."""

    async def end(self, mail: OutgoingMail, claim: str, ending: Ending) -> bool:
        """Write how the mail ended, with the comment and the Message-ID's thread, in one transaction."""

    async def prove_majority(self) -> None:
        """Raise TransientError unless a majority of the database takes a write."""

    async def waiting(self) -> Waiting:
        """How much waits."""


class Transport(Protocol):
    """Where mail is handed to; `services.sender.smtp.SmtpTransport` is the real one."""

    async def send(self, sender: str, recipients: Sequence[str], message: bytes) -> DeliveryResult:
        """One attempt. Whatever goes wrong is in the answer; nothing is raised for it."""


class Files(Protocol):
    """Contents of attachments; `services.runtime.store.blobs.Blobs` is the real one."""

    async def get(self, sha256: str) -> bytes:
        """Raises PermanentError where the content is missing, TransientError where the store does not answer."""
