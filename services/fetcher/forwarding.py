"""Publishes fetched mails with publisher confirms."""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol

from services.fetcher import metrics
from services.fetcher.backpressure import wait_for_broker
from services.fetcher.in_flight import InFlight
from services.fetcher.ports import FetchedMail
from services.runtime.broker.messages import Outgoing
from services.runtime.logs import get_logger
from services.runtime.mail.raw_mail_builder import RawMailBuilder

log = get_logger(__name__)


class Publisher(Protocol):
    """The part of the broker that the fetcher uses."""

    async def publish_all(self, messages: list[Outgoing]) -> None:
        """Publish with confirms. Raises TransientError if the broker fails."""


class Forwarding:
    """Forwards one mailbox's mails to the broker."""

    def __init__(
        self, mailbox: str, message_builder: RawMailBuilder, publisher: Publisher, window: InFlight
    ) -> None:
        self._mailbox = mailbox
        self._message_builder = message_builder
        self._publisher = publisher
        self._window = window

    async def check_store_for(self, size: int) -> None:
        """Raises TransientError if a mail of `size` bytes could not be stored now."""
        await self._message_builder.check_store_for(size)

    async def build_messages(
        self, fetched: Sequence[FetchedMail], whole_sizes: Mapping[str, int]
    ) -> list[Outgoing]:
        """The mails as messages; they are in flight from now on.

        `whole_sizes` maps ids to sizes in bytes, for mails of which only the beginning was fetched.
        Raises TransientError if the blob store fails.
        """
        messages = [
            await self._message_builder.message(
                mail.raw, mail.received_at, whole_size=whole_sizes.get(mail.id)
            )
            for mail in fetched
        ]
        now_s, now = time.monotonic(), datetime.now(UTC)
        for mail, message in zip(fetched, messages, strict=True):
            since_s = (mail.received_at or now).timestamp()
            self._window.add(mail.id, message.message_id, len(mail.raw), now_s, since_s)
        return messages

    async def publish(self, fetched: Sequence[FetchedMail], messages: list[Outgoing]) -> None:
        """Publish with confirms. If it raises TransientError, the mails are no longer in flight."""
        try:
            await self._publish_confirmed(messages)
        except BaseException:
            self._window.forget(mail.id for mail in fetched)
            raise
        for message in messages:
            log.info("mail_published", mail_key=message.message_id, mailbox=self._mailbox)
        metrics.FETCHED.labels(self._mailbox).inc(len(fetched))
        metrics.FETCHED_BYTES.labels(self._mailbox).inc(sum(len(mail.raw) for mail in fetched))

    async def _publish_confirmed(self, messages: list[Outgoing]) -> None:
        def report_pause() -> None:
            log.warning(
                "confirms_late",
                mailbox=self._mailbox,
                mails=len(messages),
                hint="see the broker's alarms",
            )

        await wait_for_broker(self._mailbox, self._publisher.publish_all(messages), report_pause)
