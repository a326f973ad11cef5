"""Turns commands into prepared mails: reads them and stores their attachments in the blob store.
Safe to repeat.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from msgspec import structs

from schemas.cases import AppendToCase, Command, OpenCase, ParkMail
from schemas.mails import BlobRef, RawMail
from schemas.reasons import ParkReason
from schemas.stored import Attachment
from services.case_writer import metrics
from services.case_writer.blob_uploads import BlobUploads
from services.case_writer.originals import Originals
from services.case_writer.placement.plan import FAILURES, PreparedMail
from services.case_writer.ports import BlobStore, MailReader, UnreadableMailError
from services.case_writer.reading import Attachment as ReadAttachment
from services.case_writer.reading import MailReading, needs_original
from services.runtime.errors import PermanentError
from services.runtime.logs import get_logger

log = get_logger(__name__)

# What the reader gets at a time. Meanwhile, the next mails wait, and the service does other work.
READ_TOGETHER_MAILS = 50
READ_TOGETHER_BYTES = 1024 * 1024


@dataclass(frozen=True)
class _ReadMail:
    """A mail that was read, without its attachments. `keeps_whole` is true if the whole mail is
    stored.
    """

    command: Command
    reading: MailReading | None
    files: list[ReadAttachment]
    keeps_whole: bool


class MailPreparer:
    """Reads mails and stores what the cases keep of them.

    The whole mail is attached to the case if `keeps_original` is true for its mailbox, if the mail
    exceeds the limits of reading, or if its reading is doubtful, so that nothing is lost.

    Small mails are passed to the reader together.
    """

    def __init__(
        self,
        blobs: BlobStore,
        reader: MailReader,
        keeps_original: Callable[[str], bool] = lambda _mailbox: False,
    ) -> None:
        self._blobs = blobs
        self._originals = Originals(blobs)
        self._reader = reader
        self._keeps_original = keeps_original

    async def prepare(
        self, commands: Sequence[Command], all_read: Callable[[], None] = lambda: None
    ) -> list[PreparedMail]:
        """One prepared mail per command; that of a mail that cannot be read is parked.

        `all_read` is called when the mails are read, before the last files are stored.
        Raises TransientError in an outage, PermanentError if the content of a mail is missing.
        """
        reads: list[_ReadMail] = []
        async with BlobUploads(self._blobs) as uploads:
            for together in _read_together(commands):
                for read in await self._read_if_needed(together):
                    await uploads.add(read.files)
                    files = [structs.replace(file, content=b"") for file in read.files]
                    reads.append(replace(read, files=files))
            all_read()
            blobs = iter(await uploads.all_stored())
        attachments = [
            tuple(stored_attachment(file, next(blobs)) for file in read.files) for read in reads
        ]
        originals = await self._originals.keep(
            [read.command.mail for read in reads if read.keeps_whole]
        )
        return [
            PreparedMail(
                read.command,
                read.reading,
                of_mail,
                originals[read.command.mail.key] if read.keeps_whole else None,
            )
            for read, of_mail in zip(reads, attachments, strict=True)
        ]

    async def _read_if_needed(self, commands: Sequence[Command]) -> list[_ReadMail]:
        readings = iter(
            await self._read([command.mail for command in commands if _is_read(command)])
        )
        return [
            self._read_mail(command, next(readings) if _is_read(command) else None)
            for command in commands
        ]

    def _read_mail(
        self, command: Command, reading: MailReading | UnreadableMailError | None
    ) -> _ReadMail:
        if isinstance(reading, UnreadableMailError):
            mail = command.mail
            log.error("mail_cannot_be_read", mail_key=mail.key, mailbox=mail.mailbox, error=reading)
            return _ReadMail(parked(command, reading), None, [], keeps_whole=True)
        if reading is None:
            lost = isinstance(command, ParkMail) and command.reason == ParkReason.CONTENT_MISSING
            return _ReadMail(command, None, [], keeps_whole=not lost)
        # The comment may lack something that the mail has.
        keeps_whole = needs_original(reading) or self._keeps_original(command.mail.mailbox)
        files = reading.attachments
        return _ReadMail(command, structs.replace(reading, attachments=[]), files, keeps_whole)

    async def _read(self, mails: Sequence[RawMail]) -> Sequence[MailReading | UnreadableMailError]:
        if not mails:
            return []
        started = time.monotonic()
        readings = await self._reader.read_all(
            [partial(self._originals.pieces, mail) for mail in mails]
        )
        seconds_each = (time.monotonic() - started) / len(mails)
        for _ in mails:
            metrics.READ_SECONDS.observe(seconds_each)
        return readings


def parked(command: Command, error: PermanentError) -> ParkMail:
    """The command for a mail that fails by itself: keep it whole for a person."""
    reason: str = ParkReason.CANNOT_BE_WRITTEN
    if isinstance(error, UnreadableMailError):
        reason = error.reason
    evidence = [*command.decision.evidence, str(error)]
    decision = structs.replace(command.decision, evidence=evidence)
    return ParkMail(mail=command.mail, decision=decision, reason=reason)


def _read_together(commands: Sequence[Command]) -> Iterator[Sequence[Command]]:
    """Split the commands so that the mails of each part fit in one question to the reader."""
    together: list[Command] = []
    size = 0
    for command in commands:
        size += command.mail.size
        if together and (size > READ_TOGETHER_BYTES or len(together) == READ_TOGETHER_MAILS):
            yield together
            together, size = [], command.mail.size
        together.append(command)
    if together:
        yield together


def _is_read(command: Command) -> bool:
    """Whether the mail is read.

    A replayed mail may be in a case, whatever the current rules decide. A mail whose reading or
    writing failed is not read again.
    """
    if isinstance(command, OpenCase | AppendToCase):
        return True
    failed = isinstance(command, ParkMail) and command.reason.startswith(
        (*FAILURES, ParkReason.CONTENT_MISSING)
    )
    return command.mail.replay is not None and not failed


def stored_attachment(file: ReadAttachment, blob: BlobRef) -> Attachment:
    """The attachment of a comment; its content is in the blob store."""
    return Attachment(
        name=file.name,
        content_type=file.content_type,
        size=blob.size,
        sha256=blob.sha256,
        inline=file.inline,
        content_id=file.content_id,
        blob=blob.sha256,
        original_name=file.original_name,
        flags=list(file.flags),
    )
