"""From commands to items: the mails read, their attachments in the blob store. Safe to repeat."""

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from msgspec import structs

from schemas.cases import AppendToCase, Command, OpenCase, ParkMail
from schemas.mails import BlobRef, RawMail
from services.case_writer import metrics
from services.case_writer.placement.plan import FAILURES, Plan, PreparedMail
from services.case_writer.placement.restore import CONTENT_MISSING
from services.case_writer.ports import BlobStore, MailReader, UnreadableMailError
from services.case_writer.reading import Attachment, MailReading, ReadingLimits, needs_original, read_mail
from services.runtime.errors import PermanentError, TransientError

ISOLATE_OVER_BYTES = 256 * 1024


class MailPreparer:
    """Reads mails; `keeps_original` tells for a mailbox whether the whole mail is attached to the case.

    It is attached, too, if the mail was too much for the limits of reading or its reading is doubtful, so that nothing
    is lost. A mail of more
    than `aside_bytes` is read by `aside`, which can be ended, and keeps the event loop free; where there is none, in a
    thread.
    """

    def __init__(
        self,
        blobs: BlobStore,
        keeps_original: Callable[[str], bool],
        *,
        limits: ReadingLimits | None = None,
        aside: MailReader | None = None,
        aside_bytes: int = ISOLATE_OVER_BYTES,
    ) -> None:
        self._blobs = blobs
        self._keeps_original = keeps_original
        self._limits = limits or ReadingLimits()
        self._aside = aside
        self._aside_bytes = aside_bytes

    async def with_originals(self, plan: Plan) -> Plan:
        """The plan with every mail that goes to no case kept whole, also where the rules decided so only now."""
        missing = [one for one in plan.aside if one.item.original is None and one.reason != CONTENT_MISSING]
        if missing:
            kept = await self._whole([aside.item.command.mail for aside in missing])
            originals = {aside.item.key: blob for aside, blob in zip(missing, kept, strict=True)}
            plan.aside = [
                replace(aside, item=replace(aside.item, original=originals.get(aside.item.key, aside.item.original)))
                for aside in plan.aside
            ]
        return plan

    async def prepare(self, commands: Sequence[Command], suspects: Collection[str] = ()) -> list[PreparedMail]:
        """One item a command; the mails of `suspects` are read aside.

        Raises TransientError in an outage, PermanentError where a mail cannot be read at all.
        """
        readings: list[MailReading | None] = []
        contents: list[bytes] = []
        for command in commands:
            reading = None
            if _is_read(command) and not _lacks_content(command):
                reading = await self._read(command.mail, apart=command.mail.key in suspects)
                contents += [attachment.content for attachment in reading.attachments]
                reading = structs.replace(reading, attachments=[_emptied(one) for one in reading.attachments])
            readings.append(reading)
            await asyncio.sleep(0)  # a batch takes long enough to be missed by the broker's heartbeat and by probes
        blobs = iter(await self._blobs.put_all(contents))
        del contents
        pairs = list(zip(commands, readings, strict=True))
        whole = iter(await self._whole([command.mail for command, of in pairs if self._keeps_whole(command, of)]))
        return [
            PreparedMail(
                command,
                reading,
                tuple(next(blobs) for _ in reading.attachments) if reading else (),
                next(whole) if self._keeps_whole(command, reading) else None,
            )
            for command, reading in pairs
        ]

    async def _whole(self, mails: Sequence[RawMail]) -> list[BlobRef]:
        """The mails themselves in the blob store, where the large ones are already."""
        put = iter(await self._blobs.put_all([mail.raw for mail in mails if mail.raw is not None]))
        large = {_reference(mail): mail for mail in mails if mail.raw is None}
        for gone in await self._blobs.missing(large):
            raise _lost(large[gone], f"the database has no blob {gone.sha256} of {gone.size} bytes")
        return [_reference(mail) if mail.raw is None else next(put) for mail in mails]

    def _keeps_whole(self, command: Command, reading: MailReading | None) -> bool:
        if _lacks_content(command):
            return False
        if reading is None or needs_original(reading):
            return True  # the case lacks something that the mail has, or may have
        return self._keeps_original(command.mail.mailbox)

    async def _raw(self, mail: RawMail) -> bytes:
        if mail.raw is not None:
            return mail.raw
        reference = _reference(mail)
        try:
            return await self._blobs.get(reference.sha256)
        except PermanentError as error:
            raise _lost(mail, str(error)) from error

    async def _read(self, mail: RawMail, *, apart: bool) -> MailReading:
        raw = await self._raw(mail)
        started = time.monotonic()
        try:
            reading = await self._reading(raw, apart=apart)
        except UnreadableMailError as error:
            error.mail_key, error.mailbox = mail.key, mail.mailbox
            raise
        except TransientError:
            raise
        except Exception as error:  # whatever a mail does to the reader, it must not stop the next one
            text = repr(error)
            raise UnreadableMailError("reading-failed", text, mail_key=mail.key, mailbox=mail.mailbox) from error
        metrics.READ_SECONDS.observe(time.monotonic() - started)
        return reading

    async def _reading(self, raw: bytes, *, apart: bool) -> MailReading:
        if len(raw) <= self._aside_bytes and not apart:
            return read_mail(raw, self._limits)
        if self._aside is None:
            return await asyncio.to_thread(read_mail, raw, self._limits)
        return await self._aside.read(raw)


def _is_read(command: Command) -> bool:
    """A replayed mail may be in a case whatever the rules say of it today; but what failed here is not tried again."""
    if isinstance(command, OpenCase | AppendToCase):
        return True
    failed = isinstance(command, ParkMail) and command.reason.startswith(FAILURES)
    return command.mail.replay is not None and not failed


def _reference(mail: RawMail) -> BlobRef:
    if mail.blob is None:
        raise PermanentError("the message holds neither the mail nor a reference to it", mail_key=mail.key)
    return mail.blob


def _lost(mail: RawMail, text: str) -> PermanentError:
    """What to raise where a large mail's content is gone."""
    if mail.origin == "replay":
        return UnreadableMailError(CONTENT_MISSING, text, mail_key=mail.key, mailbox=mail.mailbox)
    return PermanentError(text, mail_key=mail.key, mailbox=mail.mailbox)  # it comes again out of its mailbox


def _emptied(attachment: Attachment) -> Attachment:
    return structs.replace(attachment, content=b"")


def _lacks_content(command: Command) -> bool:
    return isinstance(command, ParkMail) and command.reason == CONTENT_MISSING
