"""Whole mails in the blob store, for the cases and outcomes that keep them. Safe to repeat."""

from collections.abc import AsyncIterator, Mapping, Sequence

from schemas.mails import BlobRef, RawMail
from schemas.reasons import ParkReason
from services.case_writer.ports import BlobStore, UnreadableMailError
from services.runtime.errors import PermanentError


class Originals:
    """Stores whole mails, and reads those that travel as a reference.

    Methods raise TransientError in an outage. If the content of a large mail is gone, they raise
    UnreadableMailError for a replayed mail, which is then parked, and PermanentError for other
    mails, which are still in their mailboxes.
    """

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs

    async def keep(self, mails: Sequence[RawMail]) -> Mapping[str, BlobRef]:
        """The mails' blobs by mail key. Large mails are already in the store."""
        small = [mail for mail in mails if mail.raw is not None]
        put = await self._blobs.put_all([mail.raw for mail in small if mail.raw is not None])
        kept = {mail.key: blob for mail, blob in zip(small, put, strict=True)}
        large = {_reference(mail): mail for mail in mails if mail.raw is None}
        for gone in await self._blobs.missing(large):
            raise _lost(large[gone], f"the database has no blob {gone.sha256} of {gone.size} bytes")
        return kept | {mail.key: _reference(mail) for mail in mails if mail.raw is None}

    async def read(self, mail: RawMail) -> bytes:
        """The bytes of a mail."""
        if mail.raw is not None:
            return mail.raw
        try:
            return await self._blobs.get(_reference(mail).sha256)
        except PermanentError as error:
            raise _lost(mail, str(error)) from error

    async def pieces(self, mail: RawMail) -> AsyncIterator[bytes]:
        """The bytes of a mail, in pieces; a large mail is never in memory as a whole."""
        if mail.raw is not None:
            yield mail.raw
            return
        try:
            blob = _reference(mail)
            async for piece in self._blobs.pieces(blob.sha256, blob.size):
                yield piece
        except PermanentError as error:
            raise _lost(mail, str(error)) from error


def _reference(mail: RawMail) -> BlobRef:
    if mail.blob is None:
        raise PermanentError(
            "the message contains neither the mail nor a reference to it", mail_key=mail.key
        )
    return mail.blob


def _lost(mail: RawMail, text: str) -> PermanentError:
    about = {"mail_key": mail.key, "mailbox": mail.mailbox}
    if mail.origin == "replay":
        return UnreadableMailError(ParkReason.CONTENT_MISSING, text, **about)
    return PermanentError(text, **about)
