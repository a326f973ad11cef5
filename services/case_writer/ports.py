"""What the case writer needs from the outside."""

from collections.abc import Collection, Iterable, Sequence
from typing import Protocol

from schemas.changes import Change
from schemas.mails import BlobRef
from services.case_writer.placement.plan import Plan
from services.case_writer.placement.snapshot import Snapshot, SnapshotQuery
from services.case_writer.reading import MailReading
from services.case_writer.recording.documents import Documents
from services.runtime.broker.messages import Outgoing
from services.runtime.errors import PermanentError


class UnreadableMailError(PermanentError):
    """A mail that cannot be read within the limits; `reason` is the constant name that it is parked with."""

    def __init__(self, reason: str, text: str, *, mail_key: str | None = None, mailbox: str | None = None) -> None:
        super().__init__(f"{reason}: {text}", mail_key=mail_key, mailbox=mailbox)
        self.reason = reason


class MailReader(Protocol):
    """What turns bytes into a reading; `services.case_writer.isolated_reader.IsolatedReader` is for doubtful mails."""

    async def read(self, raw: bytes) -> MailReading:
        """Raises UnreadableMailError."""


class BlobStore(Protocol):
    """Content-addressed bytes; `services.runtime.store.blobs.Blobs` is the real one."""

    async def put_all(self, contents: Iterable[bytes]) -> list[BlobRef]:
        """Keep each content; safe to repeat. Raises TransientError."""

    async def missing(self, refs: Iterable[BlobRef]) -> list[BlobRef]:
        """Those that are not there as they say; the others stay for whoever refers to them. Raises TransientError."""

    async def get(self, sha256: str) -> bytes:
        """Raises PermanentError where the content is missing, TransientError where the store does not answer."""


class Cases(Protocol):
    """The case writer's side of the database; `services.case_writer.recording.mongo.MongoCases` is the real one."""

    async def known(self, query: SnapshotQuery) -> Snapshot:
        """What is there of the things asked about. Raises TransientError."""

    async def write(self, plan: Plan, attempt: str) -> Documents:
        """Write a plan whole or not at all.

        Raises ConflictError where another writer was first, UnclearCommitError where it may have been written all the
        same, other TransientErrors in an outage, PermanentError where this plan can never be written.
        """

    async def prove_majority(self) -> None:
        """Raise TransientError unless a majority of the database takes a write."""


class HistoryPublisher(Protocol):
    """Publishes changes of cases; `services.casework.publisher.ChangePublisher` is the real one."""

    async def publish(self, changes: Sequence[Change]) -> None:
        """Publish changes that were just written. Raises TransientError."""

    async def catch_up(self, cases: Collection[int]) -> None:
        """Publish what is unpublished of these cases. Raises TransientError."""


class Outlet(Protocol):
    """Where events and receipts go; the broker is the real one."""

    async def publish_all(self, messages: list[Outgoing]) -> None:
        """Publish with confirms. Raises TransientError."""
