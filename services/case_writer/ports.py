"""What the case writer needs from the outside, and the values that pass through."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from schemas.mails import BlobRef
from schemas.stored import CaseStatus, Outcome
from services.case_writer.reading import MailReading
from services.runtime.errors import PermanentError
from services.runtime.messages import Outgoing

if TYPE_CHECKING:  # both are built from the values below
    from services.case_writer.documents import Documents
    from services.case_writer.plan import Plan


class UnreadableMailError(PermanentError):
    """A mail that cannot be read within the limits; `reason` is the constant name that it is parked with."""

    def __init__(self, reason: str, text: str, *, mail_key: str | None = None, mailbox: str | None = None) -> None:
        super().__init__(f"{reason}: {text}", mail_key=mail_key, mailbox=mailbox)
        self.reason = reason


class MailReader(Protocol):
    """What turns bytes into a reading; `services.case_writer.reading_aside.ReaderProcess` is one for doubtful mails."""

    async def read(self, raw: bytes) -> MailReading:
        """Raises UnreadableMailError."""


@dataclass(frozen=True)
class RecordedMail:
    """A mail whose outcome is written; `written_by` is the attempt that wrote it."""

    outcome: Outcome
    process: str
    case: int | None
    reason: str | None
    written_by: str
    deliveries: int = 1


@dataclass(frozen=True)
class KnownCase:
    """A case that exists, as far as placing a mail needs it."""

    process: str
    stage: str
    status: CaseStatus
    title: str
    participants: frozenset[str]


@dataclass(frozen=True)
class Openings:
    """When a sender lately opened cases of a process; `version` is 0 where nothing is known, and grows by writing."""

    times: tuple[datetime, ...] = ()
    alerted_at: datetime | None = None
    version: int = 0


@dataclass(frozen=True)
class KnownThread:
    """A Message-ID that belongs to a case; `claimed_by` is None while no mail with that id has come."""

    case: int
    claimed_by: str | None


@dataclass(frozen=True)
class Known:
    """What the database holds of the things that a batch asks about; what is missing is in no mapping."""

    mails: dict[str, RecordedMail] = field(default_factory=dict)
    cases: dict[int, KnownCase] = field(default_factory=dict)
    threads: dict[str, KnownThread] = field(default_factory=dict)
    senders: dict[str, Openings] = field(default_factory=dict)


@dataclass(frozen=True)
class Query:
    """The identities that a batch asks about: mail keys, case numbers, thread ids, sender ids."""

    mails: Sequence[str]
    cases: Sequence[int]
    threads: Sequence[str]
    senders: Sequence[str] = ()


class BlobStore(Protocol):
    """Content-addressed bytes; `services.runtime.blobs.Blobs` is the real one."""

    async def put_all(self, contents: Iterable[bytes]) -> list[BlobRef]:
        """Keep each content; safe to repeat. Raises TransientError."""

    async def get(self, sha256: str) -> bytes:
        """Raises PermanentError where the content is missing, TransientError where the store does not answer."""


class Cases(Protocol):
    """The case writer's side of the database; `services.case_writer.mongo.MongoCases` is the real one."""

    async def known(self, query: Query) -> Known:
        """What is there of the things asked about. Raises TransientError."""

    async def write(self, plan: "Plan", attempt: str) -> "Documents":
        """Write a plan whole or not at all.

        Raises ConflictError where another writer was first, UnclearCommitError where it may have been written all the
        same, other TransientErrors in an outage, PermanentError where this plan can never be written.
        """


class Outlet(Protocol):
    """Where events and receipts go; the broker is the real one."""

    async def publish_all(self, messages: list[Outgoing]) -> None:
        """Publish with confirms. Raises TransientError."""
