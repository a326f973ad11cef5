"""A recorded mail as the rules for fields see it, and the invoices in its attachments. Pure."""

from dataclasses import dataclass

from schemas.mails import Moment
from services.extractor.reading.invoice import Invoice


@dataclass(frozen=True)
class File:
    """An attachment: its name as shown, its declared type, and the blob with its content."""

    name: str
    content_type: str
    size: int
    sha256: str
    blob: str


@dataclass(frozen=True)
class RecordedMail:
    """A mail that is in a case of `process`; `author` is an address, empty if it has none.

    `text` is the author's own new text. `mailbox` and `address` are those of the mailbox that
    received the mail, empty if the settings no longer have it. `original` is the blob of the whole
    mail, None if it was not kept. `is_known` is true if the case already has values of this mail.
    """

    key: str
    case: int
    process: str
    at: Moment
    subject: str
    text: str
    author: str
    mailbox: str
    files: tuple[File, ...] = ()
    original: str | None = None
    is_known: bool = False


@dataclass(frozen=True)
class FoundInvoice:
    """An invoice, and where its XML is: the attachment, and the file embedded in it."""

    invoice: Invoice
    file: File
    embedded: str = ""

    def evidence(self, path: str) -> str:
        """The evidence for a value: file, element and the file's digest."""
        inner = f" > {self.embedded}" if self.embedded and self.embedded != self.file.name else ""
        return f"{self.file.name}{inner} {path} sha256:{self.file.sha256}"
