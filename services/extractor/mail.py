"""A recorded mail as the rules for fields see it, and what was read in its attachments. Pure."""

from dataclasses import dataclass

from schemas.mails import Moment
from services.extractor.reading.invoice import Invoice


@dataclass(frozen=True)
class File:
    """An attachment: its name as shown, what it claims to be, and where its content is."""

    name: str
    content_type: str
    size: int
    sha256: str
    blob: str


@dataclass(frozen=True)
class RecordedMail:
    """A mail that is in a case of `process`; `author` is an address, empty if it has none.

    `text` is the author's own new text. `mailbox` and its `address` are those that the mail came
    to, empty if the settings no longer have it. `original` is the blob of the whole mail, None if
    it was not kept. `is_known` is true if the case has values of this mail already.
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
    """An invoice, and the place of its XML: the attachment, and the file embedded in it."""

    invoice: Invoice
    file: File
    embedded: str = ""

    def evidence(self, path: str) -> str:
        """Where a value stands: file, element and the file's digest."""
        inner = f" > {self.embedded}" if self.embedded and self.embedded != self.file.name else ""
        return f"{self.file.name}{inner} {path} sha256:{self.file.sha256}"
