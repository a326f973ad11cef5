"""The extractor's use case: read a recorded mail, apply the rules of its process, report the
values.
"""

import re
import time
from collections.abc import Iterable, Mapping

from schemas.fields import FieldsRead
from schemas.flags import InvoiceFlag
from services.extractor import metrics
from services.extractor.mail import File, FoundInvoice, RecordedMail
from services.extractor.ports import Documents, Mails
from services.extractor.reading.invoice import ReadDocument
from services.extractor.rules import MailText, apply_rules
from services.runtime.errors import MailcaseError, TransientError
from services.runtime.logs import get_logger
from services.runtime.process.isolated import ChildFailedError, TooSlowError
from services.runtime.settings import Process, Settings

log = get_logger(__name__)

_NO_DOCUMENTS = ("image/", "audio/", "video/")
_CLAIMS_DOCUMENT = re.compile(r"\bxml\b|\bpdf\b")
_HEAD_BYTES = 256 * 1024
_LEAST_S = 0.5  # reserved for a document, however long the database takes to return it


class TooLargeError(MailcaseError):
    """A file is larger than `extractor.max_document_bytes`."""


class UnknownProcessError(Exception):
    """The settings do not have the process of the mail's case, or not yet."""

    def __init__(self, process: str) -> None:
        super().__init__(process)
        self.process = process


class Extractor:
    """Reads mails, one at a time. Methods raise TransientError."""

    def __init__(self, mails: Mails, documents: Documents, settings: Settings) -> None:
        self._mails = mails
        self._documents = documents
        self._processes: Mapping[str, Process] = settings.processes
        self._addresses = {name: mailbox.address for name, mailbox in settings.mailboxes.items()}
        self._limits = settings.extractor

    async def read(self, mail_key: str) -> FieldsRead | None:
        """What the rules read in the mail; None if they read nothing and never did before.

        Raises UnknownProcessError.
        """
        mail = await self._mails.find(mail_key)
        if mail is None:
            return None
        process = self._processes.get(mail.process)
        if process is None:
            raise UnknownProcessError(mail.process)
        sources = {source.source for field in process.fields for source in field.sources}
        if not sources and not mail.is_known:
            return None
        started = time.monotonic()
        reading = _Documents(self._mails, self._documents, self._limits.max_seconds)
        if "invoice" in sources:
            reading.note_too_large(mail.files, self._limits.max_document_bytes)
            await reading.read(self._looked_at(mail.files))
        head = await self._head(mail) if not sources.isdisjoint({"plus", "header"}) else b""
        text = MailText.of(mail, self._addresses.get(mail.mailbox, ""), head)
        read = apply_rules(
            process, text, reading.invoices, reading.flags, complete=reading.complete
        )
        metrics.EXTRACTION_SECONDS.observe(time.monotonic() - started)
        _count(read)
        empty = not (read.values or read.flags or read.invoices)
        return None if empty and not mail.is_known else read

    def _looked_at(self, files: Iterable[File]) -> list[File]:
        """The files that may contain an invoice, without duplicate contents."""
        largest = self._limits.max_document_bytes
        kept = [
            file
            for file in files
            if file.size <= largest and not file.content_type.lower().startswith(_NO_DOCUMENTS)
        ]
        return list({file.blob: file for file in reversed(kept)}.values())[::-1]

    async def _head(self, mail: RecordedMail) -> bytes:
        """The beginning of the whole mail; empty if it was not kept."""
        content = await self._mails.content(mail.original) if mail.original is not None else None
        return (content or b"")[:_HEAD_BYTES]


class _Documents:
    """Reads the documents of one mail within its time limit."""

    def __init__(self, mails: Mails, documents: Documents, max_seconds: float) -> None:
        self._mails = mails
        self._documents = documents
        self._max_s = self._left_s = max_seconds
        self.invoices: list[FoundInvoice] = []
        self.flags: list[str] = []
        self.complete = True

    def note_too_large(self, files: Iterable[File], most: int) -> None:
        """Flag the files that are not read although they claim to be XML or PDF."""
        for file in files:
            if file.size > most and _CLAIMS_DOCUMENT.search(file.content_type.lower()):
                self._note_limit(file, TooLargeError(f"it has more than {most} bytes"))

    async def read(self, files: Iterable[File]) -> None:
        for file in files:
            if self._left_s <= 0:
                self._note_limit(file, TooSlowError("no time is left"))
                return
            started = time.monotonic()
            content = await self._mails.content(file.blob)
            self._charge_content(time.monotonic() - started)
            if content is not None:
                await self._read(file, content)

    def _charge_content(self, took_s: float) -> None:
        """Count the time that the database took. Raises TransientError if that alone used up the
        time limit: this is an outage, for which the document is not responsible.
        """
        if took_s >= self._max_s:
            raise TransientError(f"the database took {took_s:.1f} s to return a file")
        self._left_s = max(self._left_s - took_s, min(self._left_s, _LEAST_S))

    async def _read(self, file: File, content: bytes) -> None:
        started = time.monotonic()
        try:
            found = await self._documents.read(
                file.name, file.content_type, content, max_seconds=self._left_s
            )
        except (TooSlowError, ChildFailedError) as error:
            self._note_limit(file, error)
            found = []
        self._left_s -= time.monotonic() - started
        for document in found:
            self._take(file, document)

    def _take(self, file: File, document: ReadDocument) -> None:
        self.flags += [flag.value for flag in document.flags]
        result = document.flags[0].value if document.flags else "read"
        kind = document.invoice.format if document.invoice is not None else "document"
        metrics.EXTRACTIONS.labels(kind, result).inc()
        if InvoiceFlag.EXTRACTION_LIMIT in document.flags:
            log.warning(
                "document_not_read", sha256=file.sha256, size=file.size, reason=document.detail
            )
            self.complete = False
        if document.invoice is not None:
            self.invoices.append(FoundInvoice(document.invoice, file, document.name))

    def _note_limit(self, file: File, error: MailcaseError) -> None:
        log.warning("document_not_read", sha256=file.sha256, size=file.size, error=error)
        metrics.EXTRACTIONS.labels("document", InvoiceFlag.EXTRACTION_LIMIT.value).inc()
        self.flags.append(InvoiceFlag.EXTRACTION_LIMIT.value)
        self.complete = False


def _count(read: FieldsRead) -> None:
    for value in read.values:
        if value.source != "invoice":
            metrics.EXTRACTIONS.labels(value.source, "read").inc()
    if not read.values and not read.flags:
        metrics.EXTRACTIONS.labels("mail", "nothing").inc()
