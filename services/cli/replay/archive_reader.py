"""Reads mails and events from the broker's archives, up to their ends at the start."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas.archived_events import decode_archived_events
from schemas.codec import UnreadableMessageError, decode_raw_mail
from schemas.mails import RawMail
from services.cli.replay.case_history import CaseHistory
from services.runtime.broker.connection import Broker
from services.runtime.broker.streams import SILENCE_S, Archived, Start, last_offset, read_stream
from services.runtime.broker.topology import EVENT_ARCHIVE, MAIL_ARCHIVE
from services.runtime.errors import TransientError
from services.runtime.logs import get_logger
from services.runtime.store.mongo import Store

log = get_logger(__name__)

QUIET_S = 1.0
EMPTY_S = 10.0  # without a message after a start time, the stream has none
_CLOCK_SKEW_S = 300  # between fetchers and broker
_MAX_AFTER_END = 2000


@dataclass(frozen=True)
class ArchivedMail:
    """A mail and its offset; `mail` is None if the message is unreadable."""

    offset: int
    mail: RawMail | None


def begin_at(since: datetime | None) -> Start:
    """Where to start so that no mail fetched since then is missed; the caller skips older mails."""
    return "first" if since is None else since - timedelta(seconds=_CLOCK_SKEW_S)


async def archived(
    broker: Broker, name: str, start: Start, end: int | None
) -> AsyncIterator[list[Archived]]:
    """Messages from `start` to the offset `end`, and some that follow. Raises TransientError."""
    if end is None or (isinstance(start, int) and start > end):
        return
    stream = await read_stream(broker, name, start)
    silent_s, after_end, last = 0.0, 0, -1
    while after_end < _MAX_AFTER_END:
        batch = await stream.next_batch(QUIET_S)
        if batch:
            silent_s, last = 0.0, batch[-1].offset
            after_end += len(batch) if last > end else 0
            yield batch
            continue
        silent_s += QUIET_S
        # If the start time is after every message, none comes.
        if last >= end or (last < 0 and isinstance(start, datetime) and silent_s > EMPTY_S):
            break
        if silent_s > SILENCE_S:
            raise TransientError(
                f"{name} delivers nothing after offset {last}, but its end is {end}"
            )
    await stream.close()


async def mails(broker: Broker, start: Start, end: int | None) -> AsyncIterator[list[ArchivedMail]]:
    """The archived mails in order; a mail can occur more than once."""
    async for batch in archived(broker, MAIL_ARCHIVE, start, end):
        yield [ArchivedMail(message.offset, _mail(message)) for message in batch]


async def read_case_history(broker: Broker, store: Store, since: datetime | None) -> CaseHistory:
    """The cases of mails without an outcome in the database, by the archived events."""
    history = CaseHistory()
    end = await last_offset(broker, EVENT_ARCHIVE)
    async for batch in archived(broker, EVENT_ARCHIVE, begin_at(since), end):
        keys = []
        for message in batch:
            try:
                events = decode_archived_events(message.body)
            except UnreadableMessageError as error:
                log.warning("event_unreadable", offset=message.offset, error=error)
                continue
            for event in events:
                history.note(event)
                keys.append(event.mail_key)
        recorded = await store.collection("mails").find({"_id": {"$in": keys}}, ["_id"])
        history.forget(document["_id"] for document in recorded)
    return history


def _mail(message: Archived) -> RawMail | None:
    try:
        return decode_raw_mail(message.body)
    except UnreadableMessageError as error:
        log.warning("archived_mail_unreadable", offset=message.offset, error=error)
        return None
