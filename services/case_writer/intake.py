"""From commands to items: the mails read, their attachments in the blob store. Safe to repeat."""

import asyncio
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace

from schemas.cases import AppendToCase, Command, OpenCase, ParkMail
from schemas.mails import BlobRef, RawMail
from services.case_writer import metrics
from services.case_writer.plan import FAILURES, Item, Plan
from services.case_writer.ports import BlobStore, MailReader, UnreadableMailError
from services.case_writer.reading import SHORTENED, MailReading, ReadingLimits, read_mail
from services.case_writer.restoring import CONTENT_MISSING
from services.runtime.errors import PermanentError, TransientError

ASIDE_BYTES = 256 * 1024


class Intake:
    """Reads mails; `keeps_original` tells for a mailbox whether the whole mail is attached to the case.

    It is attached, too, where the mail was too much for the limits of reading, so that nothing is lost. A mail of more
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
        aside_bytes: int = ASIDE_BYTES,
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
            kept = await self._blobs.put_all([await self._raw(aside.item.command.mail) for aside in missing])
            originals = {aside.item.key: blob for aside, blob in zip(missing, kept, strict=True)}
            plan.aside = [
                replace(aside, item=replace(aside.item, original=originals.get(aside.item.key, aside.item.original)))
                for aside in plan.aside
            ]
        return plan

    async def items(self, commands: Sequence[Command], suspects: Collection[str] = ()) -> list[Item]:
        """One item a command; the mails of `suspects` are read aside.

        Raises TransientError in an outage, PermanentError where a mail cannot be read at all.
        """
        readings: list[MailReading | None] = []
        contents: list[bytes] = []
        for command in commands:
            if _lacks_content(command):
                readings.append(None)
                continue
            raw = await self._raw(command.mail)
            reading = (
                await self._read(command.mail, raw, apart=command.mail.key in suspects) if _is_read(command) else None
            )
            readings.append(reading)
            contents += [attachment.content for attachment in reading.attachments] if reading else []
            if self._keeps_whole(command, reading):
                contents.append(raw)
        blobs = iter(await self._blobs.put_all(contents))
        return [self._item(command, reading, blobs) for command, reading in zip(commands, readings, strict=True)]

    def _item(self, command: Command, reading: MailReading | None, blobs: Iterator[BlobRef]) -> Item:
        attachments = tuple(next(blobs) for _ in reading.attachments) if reading else ()
        original = next(blobs) if self._keeps_whole(command, reading) else None
        return Item(command, reading, attachments, original)

    def _keeps_whole(self, command: Command, reading: MailReading | None) -> bool:
        if _lacks_content(command):
            return False
        if reading is None or not SHORTENED.isdisjoint(reading.defects):
            return True  # the case lacks something that the mail has
        return self._keeps_original(command.mail.mailbox)

    async def _raw(self, mail: RawMail) -> bytes:
        if mail.raw is not None:
            return mail.raw
        if mail.blob is None:
            raise PermanentError("the message holds neither the mail nor a reference to it", mail_key=mail.key)
        try:
            return await self._blobs.get(mail.blob.sha256)
        except PermanentError as error:
            if mail.origin != "replay":
                raise  # it is in its mailbox still, and comes again with its content
            raise UnreadableMailError(CONTENT_MISSING, str(error), mail_key=mail.key, mailbox=mail.mailbox) from error

    async def _read(self, mail: RawMail, raw: bytes, *, apart: bool) -> MailReading:
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


def _lacks_content(command: Command) -> bool:
    return isinstance(command, ParkMail) and command.reason == CONTENT_MISSING
