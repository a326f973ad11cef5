"""What the extractor needs from outside."""

from typing import Protocol

from services.extractor.mail import RecordedMail
from services.extractor.reading.invoice import ReadDocument


class Mails(Protocol):
    """Recorded mails; `services.extractor.recorded_mails.MongoMails` is the real one."""

    async def find(self, mail_key: str) -> RecordedMail | None:
        """The mail; None if it is in no case, or was not written by a person. Raises
        TransientError."""

    async def content(self, blob: str) -> bytes | None:
        """A blob's content; None if it is gone. Raises TransientError."""


class Documents(Protocol):
    """`services.extractor.isolated_documents.IsolatedDocuments` does it safely."""

    async def read(
        self, name: str, content_type: str, data: bytes, *, max_seconds: float
    ) -> list[ReadDocument]:
        """The invoices in a file. Raises TooSlowError, ChildFailedError, TransientError."""
