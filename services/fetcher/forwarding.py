"""From fetched mails to messages that the broker has confirmed, each counted as under way from the first moment."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol

from services.fetcher import metrics
from services.fetcher.in_flight import InFlight
from services.fetcher.message_builder import RawMailBuilder
from services.fetcher.ports import Fetched
from services.runtime.broker.messages import Outgoing
from services.runtime.logs import get_logger

log = get_logger(__name__)

CONFIRM_PATIENCE_S = 5.0


class Publisher(Protocol):
    """The broker, as far as the fetcher needs it."""

    async def publish_all(self, messages: list[Outgoing]) -> None:
        """Publish with confirms. Raises TransientError."""


class Forwarding:
    """The way of one mailbox's mails into the broker."""

    def __init__(self, mailbox: str, dispatcher: RawMailBuilder, publisher: Publisher, window: InFlight) -> None:
        self._mailbox = mailbox
        self._dispatcher = dispatcher
        self._publisher = publisher
        self._window = window

    async def check_store_for(self, size: int) -> None:
        """Raises TransientError where a mail of `size` bytes could not be taken now."""
        await self._dispatcher.check_store_for(size)

    async def messages(self, fetched: Sequence[Fetched], whole_sizes: Mapping[str, int]) -> list[Outgoing]:
        """The mails as messages, counted as under way from now on.

        `whole_sizes` tells of mails that are here by their beginnings only how large they are, by id. Raises
        TransientError where the blob store does not take a large one.
        """
        messages = [
            await self._dispatcher.message(mail.raw, mail.received_at, whole_size=whole_sizes.get(mail.id))
            for mail in fetched
        ]
        now_s, now = time.monotonic(), datetime.now(UTC)
        for mail, message in zip(fetched, messages, strict=True):
            since_s = (mail.received_at or now).timestamp()
            self._window.add(mail.id, message.message_id, len(mail.raw), now_s, since_s)
        return messages

    async def publish(self, fetched: Sequence[Fetched], messages: list[Outgoing]) -> None:
        """Publish with confirms. What cannot be published is not under way any more, and TransientError is raised."""
        try:
            await self._confirmed(messages)
        except BaseException:
            self._window.forget(mail.id for mail in fetched)
            raise
        for message in messages:
            log.info("mail_published", mail_key=message.message_id, mailbox=self._mailbox)
        metrics.FETCHED.labels(self._mailbox).inc(len(fetched))
        metrics.FETCHED_BYTES.labels(self._mailbox).inc(sum(len(mail.raw) for mail in fetched))

    async def _confirmed(self, messages: list[Outgoing]) -> None:
        """Publish; where the broker takes nothing (an alarm of memory or disk), wait for as long as that lasts."""
        paused = metrics.PAUSED.labels(self._mailbox, "broker")
        publishing = asyncio.ensure_future(self._publisher.publish_all(messages))
        try:
            ended, _ = await asyncio.wait({publishing}, timeout=CONFIRM_PATIENCE_S)
            if not ended:
                paused.set(1)
                log.warning("confirms_late", mailbox=self._mailbox, mails=len(messages), hint="see the broker's alarms")
            await publishing
        finally:
            publishing.cancel()
            paused.set(0)
