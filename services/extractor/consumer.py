"""Decodes the messages of the queue, reads the mails, and reports the values to the case writer."""

import time
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any, Protocol

import msgspec

from schemas.codec import UnreadableMessageError, decode_read_fields
from schemas.fields import FieldsRead
from schemas.mails import Moment
from schemas.reasons import DeadLetterReason
from services.extractor import metrics
from services.extractor.service import UnknownProcessError
from services.runtime.broker.connection import Broker
from services.runtime.broker.dead_letters import dead_letter, reject_unreadable
from services.runtime.broker.defer import defer, is_out_of_time
from services.runtime.broker.messages import Delivery, Outgoing
from services.runtime.broker.topology import CASE, EXTRACTOR_WORK, fields_key
from services.runtime.errors import TransientError
from services.runtime.logs import get_logger
from services.runtime.metrics import RETRIES
from services.runtime.process.health import Health
from services.runtime.process.lifecycle import Stop
from services.runtime.retry import Backoff
from services.runtime.store.contention import until_written

log = get_logger(__name__)


class _Changed(msgspec.Struct):
    mail_key: str | None = None
    details: dict[str, Any] = {}


class _CaseEvent(msgspec.Struct):
    """The parts of `schemas.cloud_events.CloudEvent` that the extractor needs."""

    type: str
    time: Moment
    data: _Changed


_event = msgspec.json.Decoder(_CaseEvent)


class FieldReader(Protocol):
    """`services.extractor.service.Extractor` is the real one."""

    async def read(self, mail_key: str) -> FieldsRead | None:
        """Raises UnknownProcessError, TransientError."""


def decode_work(body: bytes) -> tuple[str | None, datetime | None]:
    """The key of the mail to read, and when it was recorded; None if the event names no mail.

    Raises UnreadableMessageError.
    """
    if not body.startswith(b"{"):
        return decode_read_fields(body).mail_key, None
    try:
        event = _event.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise UnreadableMessageError(f"not an event of a case: {error}") from error
    comment = event.data.details.get("comment")
    key = event.data.mail_key or (comment if isinstance(comment, str) else None)
    return key, event.time


class WorkConsumer:
    """Handles the messages of the queue. If our own code fails on a mail, its message goes to the
    dead letters and does not delay others.
    """

    def __init__(
        self, extractor: FieldReader, broker: Broker, *, health: Health, stop: Stop
    ) -> None:
        self._extractor = extractor
        self._broker = broker
        self._health = health
        self._stop = stop

    async def handle(self, deliveries: Sequence[Delivery]) -> None:
        """Handle a batch; afterwards all of it may be acknowledged. Raises TransientError."""
        reports: list[Outgoing] = []
        recorded: list[datetime] = []
        for delivery in deliveries:
            try:
                key, at = decode_work(delivery.body)
            except UnreadableMessageError as error:
                await reject_unreadable(self._broker, EXTRACTOR_WORK, delivery, error)
                continue
            read = await self._read(key, delivery) if key is not None else None
            if read is not None:
                reports.append(_report(read))
                recorded += [at] if at is not None else []
        await self._broker.publish_all(reports)
        for at in recorded:
            metrics.EXTRACTION_LAG_SECONDS.observe(max(0.0, time.time() - at.timestamp()))

    async def _read(self, key: str, delivery: Delivery) -> FieldsRead | None:
        """What was read; None if nothing was, or if the message was deferred or went to the dead
        letters.
        """
        try:
            read = await until_written(
                partial(self._extractor.read, key),
                self._stop,
                Backoff(initial_s=0.2, maximum_s=10.0),
                on_outage=partial(self._report_outage, key),
            )
        except TransientError:
            raise
        except UnknownProcessError as error:
            if is_out_of_time(delivery.headers):
                return None
            await defer(self._broker, EXTRACTOR_WORK, delivery, f"process {error.process}")
            return None
        except Exception as error:
            log.exception("extraction_failed", mail_key=key)
            await dead_letter(
                self._broker,
                EXTRACTOR_WORK,
                delivery,
                f"{DeadLetterReason.UNEXPECTED}: {error!r}",
                error,
            )
            return None
        self._health.up("store")
        if read is not None:
            log.info("fields_read", mail_key=key, values=len(read.values), flags=read.flags)
        return read

    def _report_outage(self, key: str, error: TransientError, pause_s: float) -> None:
        RETRIES.labels("extract").inc()
        self._health.down("store", str(error))
        log.warning("extraction_postponed", mail_key=key, error=error, retry_in_s=round(pause_s, 1))


def _report(read: FieldsRead) -> Outgoing:
    return Outgoing.of(read, read.mail_key, fields_key(read.process), exchange=CASE)
