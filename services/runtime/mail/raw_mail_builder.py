"""Builds the message that carries a mail. `mailcase ingest` and retries also use it."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from schemas.mails import BlobRef, RawMail, mail_key
from services.runtime.broker.messages import Outgoing
from services.runtime.broker.topology import MAIL, raw_key
from services.runtime.mail.headers import MAX_HEADER_BYTES

# Enough to classify a mail, even if a delivery report follows the headers; more than is read of
# headers, so that longer ones are known to be longer.
HEAD_BYTES = MAX_HEADER_BYTES + 64 * 1024


class RawMailBuilder:
    """Wraps mails of one mailbox. A mail over `inline_bytes` is stored in the blob store first."""

    def __init__(
        self,
        process: str,
        mailbox: str,
        *,
        inline_bytes: int,
        put_blob: Callable[[bytes], Awaitable[BlobRef]],
        ping_store: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._process = process
        self._mailbox = mailbox
        self._inline_bytes = inline_bytes
        self._put_blob = put_blob
        self._ping_store = ping_store

    async def check_store_for(self, size: int) -> None:
        """Ping the database if a mail of `size` bytes must be stored there, so that it is not
        fetched unnecessarily.

        Raises TransientError if the database is unavailable.
        """
        if size > self._inline_bytes and self._ping_store is not None:
            await self._ping_store()

    async def message(
        self,
        raw: bytes,
        received_at: datetime | None,
        origin: str = "fetch",
        *,
        whole_size: int | None = None,
    ) -> Outgoing:
        """The message for `mailcase.mail`; its `message_id` is the mail key.

        `whole_size` is the size in bytes of the whole mail if `raw` is only its beginning. Raises
        TransientError if the blob store fails.
        """
        inline = len(raw) <= self._inline_bytes
        mail = RawMail(
            key=mail_key(self._mailbox, raw),
            process=self._process,
            mailbox=self._mailbox,
            size=len(raw),
            fetched_at=datetime.now(UTC),
            received_at=received_at,
            raw=raw if inline else None,
            blob=None if inline else await self._put_blob(raw),
            head=None if inline else raw[:HEAD_BYTES],
            origin=origin,
            whole_size=whole_size,
        )
        return Outgoing.of(mail, mail.key, raw_key(self._process, self._mailbox), exchange=MAIL)
