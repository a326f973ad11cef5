"""The ports of the sender, and the values that pass through them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from schemas.stored import Comment, OutgoingMail, OutgoingState
from services.sender.rate_limits import SendingHistory


@dataclass(frozen=True)
class DeliveryResult:
    """The outcome of one attempt, by recipient address.

    The mail server accepted the mail for `accepted`, rejected it for good for `rejected` (SMTP
    5xx), and deferred it for `deferred` (SMTP 4xx); the values of both are its responses. `session`
    is `failed` if there was no session or it broke: then the mail is not at fault.
    """

    accepted: Sequence[str] = ()
    rejected: Mapping[str, str] = field(default_factory=dict)
    deferred: Mapping[str, str] = field(default_factory=dict)
    session: Literal["held", "failed"] = "held"

    @property
    def deferred_answers(self) -> list[str]:
        """The responses for the deferred recipients, each after its address."""
        return [f"{address}: {answer}" for address, answer in self.deferred.items()]


def without_addresses(answer: str | None) -> str | None:
    """A mail server's response with addresses redacted, for a log."""
    return re.sub(r"\S*@\S*", "…", answer)[:300] if answer else None


@dataclass(frozen=True)
class Backlog:
    """How many outgoing mails are unfinished; `oldest` is when the oldest was written, None if
    there is none.
    """

    count: int
    oldest: datetime | None


@dataclass(frozen=True)
class Addressed:
    """What decides which lane an outgoing mail goes to."""

    id: str
    process: str
    is_answer: bool


@dataclass(frozen=True)
class Share:
    """A selection of outgoing mails.

    Those of `processes`, or of all other processes if `others` is true. `answers` selects answers
    only, or everything else only; None selects both.
    """

    processes: Sequence[str] = ()
    others: bool = False
    answers: bool | None = None
    created_before: datetime | None = None


EVERYTHING = Share(others=True)


@dataclass(frozen=True)
class Ending:
    """How an outgoing mail ended; `comment` shows it in the case, None if it is not shown."""

    state: OutgoingState
    at: datetime
    failure: str | None = None
    comment: Comment | None = None


class Outbox(Protocol):
    """The outbox as the sender uses it; `services.sender.outbox.MongoOutbox` implements it.

    Every method raises TransientError in an outage. A *claim* names one attempt. A method that
    takes a claim does nothing and returns False if the mail is no longer claimed by it.
    """

    async def now(self) -> datetime:
        """The time by the database's clock."""

    async def due(self, now: datetime, limit: int, share: Share = EVERYTHING) -> list[str]:
        """Ids of at most `limit` mails that are due, the one that is due longest first."""

    async def addressed(self, mail_ids: Sequence[str]) -> list[Addressed]:
        """Those of `mail_ids` that are unfinished, in the same order."""

    async def claim(
        self, mail_id: str, claim: str, now: datetime, until: datetime
    ) -> OutgoingMail | None:
        """Claim the mail until `until`; None if it is not due or is claimed by another attempt."""

    async def extend(self, mail_id: str, claim: str, until: datetime) -> bool:
        """Extend the claim to `until`."""

    async def store_text(self, mail_id: str, claim: str, subject: str, text: str) -> bool:
        """Store the subject and text that every attempt sends."""

    async def histories(self, keys: Sequence[str]) -> dict[str, SendingHistory]:
        """The sending history for every key; an empty one if nothing is known."""

    async def count(
        self,
        histories: Mapping[str, SendingHistory],
        now: datetime,
        counted: tuple[str, str] | None,
    ) -> None:
        """Write sending histories by their keys.

        The same transaction records that the mail `counted` (its id and claim) has passed the
        limits. Raises ConflictError if another sender wrote one of them first.
        """

    async def release(self, mail: OutgoingMail, claim: str) -> bool:
        """End the claim, and store the mail's `due_at`, `remaining`, `refused`, `failure` and
        `attempts`.
        """

    async def end(self, mail: OutgoingMail, claim: str, ending: Ending) -> bool:
        """Write the ending, its comment and the Message-ID's thread in one transaction."""

    async def prove_majority(self) -> None:
        """Raise TransientError unless a majority of the replica set accepts a write."""

    async def backlog(self) -> Backlog:
        """How many mails are unfinished, and since when."""


class Transport(Protocol):
    """A mail server; `services.sender.smtp.SmtpTransport` implements it."""

    async def send(self, sender: str, recipients: Sequence[str], message: bytes) -> DeliveryResult:
        """Make one attempt. Failures are in the result; nothing is raised for them."""


class Files(Protocol):
    """The contents of attachments; `services.runtime.store.blobs.Blobs` implements it."""

    async def get(self, sha256: str) -> bytes:
        """Raises PermanentError if the content is missing, TransientError if the store does not
        answer.
        """
