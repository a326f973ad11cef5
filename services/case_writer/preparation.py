"""Turns commands into prepared mails: reads them and stores their attachments in the blob store.
Safe to repeat.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
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
from services.case_writer.reading import MailReading, ReadingLimits, needs_original, read_mail
from services.runtime.errors import PermanentError, TransientError

ISOLATE_OVER_BYTES = 256 * 1024


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

    A mail larger than `aside_bytes` is read by `isolated`, which can be killed and keeps the event
    loop free; without one, it is read in a thread.
    """

    def __init__(
        self,
        blobs: BlobStore,
        keeps_original: Callable[[str], bool],
        *,
        limits: ReadingLimits | None = None,
        isolated: MailReader | None = None,
        aside_bytes: int = ISOLATE_OVER_BYTES,
    ) -> None:
        self._blobs = blobs
        self._originals = Originals(blobs)
        self._keeps_original = keeps_original
        self._limits = limits or ReadingLimits()
        self._isolated = isolated
        self._aside_bytes = aside_bytes

    async def prepare(
        self, commands: Sequence[Command], suspects: Collection[str] = ()
    ) -> list[PreparedMail]:
        """One prepared mail per command. Mails whose keys are in `suspects` are read in isolation.

        Raises TransientError in an outage, PermanentError if a mail cannot be read at all.
        """
        reads: list[_ReadMail] = []
        async with BlobUploads(self._blobs) as uploads:
            for command in commands:
                read = await self._read_if_needed(command, suspects)
                await uploads.add([file.content for file in read.files])
                files = [structs.replace(file, content=b"") for file in read.files]
                reads.append(replace(read, files=files))
                # A whole batch would block the event loop for longer than heartbeats and probes
                # allow.
                await asyncio.sleep(0)
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

    async def _read_if_needed(self, command: Command, suspects: Collection[str]) -> _ReadMail:
        mail = command.mail
        if isinstance(command, ParkMail) and command.reason == ParkReason.CONTENT_MISSING:
            return _ReadMail(command, None, [], keeps_whole=False)
        if not _is_read(command):
            return _ReadMail(command, None, [], keeps_whole=True)
        reading = await self._read(mail, apart=mail.key in suspects)
        # The comment may lack something that the mail has.
        keeps_whole = needs_original(reading) or self._keeps_original(mail.mailbox)
        files = reading.attachments
        return _ReadMail(command, structs.replace(reading, attachments=[]), files, keeps_whole)

    async def _read(self, mail: RawMail, *, apart: bool) -> MailReading:
        started = time.monotonic()
        try:
            reading = await self._reading(mail, apart=apart)
        except UnreadableMailError as error:
            error.mail_key, error.mailbox = mail.key, mail.mailbox
            raise
        except (TransientError, PermanentError):
            raise
        except Exception as error:  # a mail must never stop the next one
            raise UnreadableMailError(
                ParkReason.READING_FAILED, repr(error), mail_key=mail.key, mailbox=mail.mailbox
            ) from error
        metrics.READ_SECONDS.observe(time.monotonic() - started)
        return reading

    async def _reading(self, mail: RawMail, *, apart: bool) -> MailReading:
        if mail.size > self._aside_bytes or apart:
            if self._isolated is not None:
                return await self._isolated.read(partial(self._originals.pieces, mail))
            return await asyncio.to_thread(
                read_mail, await self._originals.read(mail), self._limits
            )
        return read_mail(await self._originals.read(mail), self._limits)


def _is_read(command: Command) -> bool:
    """Whether the mail is read.

    A replayed mail may be in a case, whatever the current rules decide. A mail whose reading or
    writing failed is not read again.
    """
    if isinstance(command, OpenCase | AppendToCase):
        return True
    failed = isinstance(command, ParkMail) and command.reason.startswith(FAILURES)
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
