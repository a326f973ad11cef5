"""What the case writer needs from outside."""

from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from typing import Protocol

from schemas.changes import Change
from schemas.mails import BlobRef
from services.case_writer.placement.snapshot import Snapshot, SnapshotQuery
from services.case_writer.reading import MailReading
from services.case_writer.recording.document_builder import DocumentBuilder
from services.case_writer.recording.documents import Documents
from services.runtime.broker.messages import Outgoing
from services.runtime.errors import PermanentError
from services.runtime.process.isolated import Pieces


class UnreadableMailError(PermanentError):
    """A mail that cannot be read within the limits. It is parked with `reason`."""

    def __init__(
        self, reason: str, text: str, *, mail_key: str | None = None, mailbox: str | None = None
    ) -> None:
        super().__init__(f"{reason}: {text}", mail_key=mail_key, mailbox=mailbox)
        self.reason = reason


class MailReader(Protocol):
    """Turns bytes into readings; `services.case_writer.isolated_reader.IsolatedReader` is the real
    one.
    """

    async def read_all(self, mails: Sequence[Pieces]) -> list[MailReading | UnreadableMailError]:
        """The reading of each mail, or its error. Raises the errors of the pieces, and
        TransientError if the machine cannot read at all.
        """


class BlobStore(Protocol):
    """Content-addressed bytes; `services.runtime.store.blobs.Blobs` is the real one."""

    async def put_all(self, contents: Iterable[bytes]) -> list[BlobRef]:
        """Store each content; safe to repeat. Raises TransientError."""

    async def put_hashed(self, by_hash: Sequence[tuple[str, bytes]]) -> list[BlobRef]:
        """As `put_all`, for contents whose SHA-256 (hex) is known."""

    async def missing(self, refs: Iterable[BlobRef]) -> list[BlobRef]:
        """Those that are missing or have another size. The others stay for at least a day. Raises
        TransientError.
        """

    async def get(self, sha256: str) -> bytes:
        """The content. Raises PermanentError if it is missing, TransientError if the store does not
        answer.
        """

    def pieces(self, sha256: str, size: int | None = None) -> AsyncIterator[bytes]:
        """The content in pieces; its size, if it is known, saves a look-up. Raises as `get` does,
        after the last piece at the latest.
        """


class Cases(Protocol):
    """The case writer's side of the database; `services.case_writer.recording.mongo.MongoCases` is
    the real one.
    """

    async def snapshot(self, query: SnapshotQuery) -> Snapshot:
        """The database's content for the keys in `query`. Raises TransientError."""

    async def write(self, build: DocumentBuilder) -> Documents:
        """Write the documents that `build` returns, all or none.

        `build` is called with the first free case number and what the transaction read. Raises
        ConflictError if another writer was first, UnclearCommitError if the documents may have been
        written, other TransientErrors in an outage, PermanentError if they can never be written.
        """

    async def prove_majority(self) -> None:
        """Raise TransientError unless a majority of the database accepts a write."""


class HistoryPublisher(Protocol):
    """Publishes changes of cases; `services.casework.publisher.ChangePublisher` is the real one."""

    async def publish(self, changes: Sequence[Change]) -> None:
        """Publish changes that were just written. Raises TransientError."""

    async def catch_up(self, cases: Collection[int]) -> None:
        """Publish the unpublished changes of these cases. Raises TransientError."""


class Outlet(Protocol):
    """Where events and receipts go; the broker is the real one."""

    async def publish_all(self, messages: list[Outgoing]) -> None:
        """Publish with confirms. Raises TransientError."""
