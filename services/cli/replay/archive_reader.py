"""From the broker's archives to mails and to what was told of them, up to what was last there at the start."""

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
NONE_S = 10.0  # after so long nothing is behind a time
_CLOCKS_S = 300  # how far the clocks of fetchers and broker may be apart
_BEHIND_THE_END = 2000


@dataclass(frozen=True)
class ArchivedMail:
    """A mail and its place; `mail` is None where the message breaks its contract."""

    offset: int
    mail: RawMail | None


def begin_at(since: datetime | None) -> Start:
    """Where to begin so that nothing fetched since then is missed; what is older comes along and has to be left out."""
    return "first" if since is None else since - timedelta(seconds=_CLOCKS_S)


async def archived(broker: Broker, name: str, start: Start, end: int | None) -> AsyncIterator[list[Archived]]:
    """Messages from `start` to the offset `end`, and what follows on its heels. Raises TransientError."""
    if end is None or (isinstance(start, int) and start > end):
        return
    stream = await read_stream(broker, name, start)
    silent_s, behind, last = 0.0, 0, -1
    while behind < _BEHIND_THE_END:
        batch = await stream.next_batch(QUIET_S)
        if batch:
            silent_s, last = 0.0, batch[-1].offset
            behind += len(batch) if last > end else 0
            yield batch
            continue
        silent_s += QUIET_S
        # A time may lie behind everything that there is; then nothing comes at all.
        if last >= end or (last < 0 and isinstance(start, datetime) and silent_s > NONE_S):
            break
        if silent_s > SILENCE_S:
            raise TransientError(f"{name} delivers nothing behind offset {last}, and should up to {end}")
    await stream.close()


async def mails(broker: Broker, start: Start, end: int | None) -> AsyncIterator[list[ArchivedMail]]:
    """The archive's mails in order; a mail may come more than once."""
    async for batch in archived(broker, MAIL_ARCHIVE, start, end):
        yield [ArchivedMail(one.offset, _mail(one)) for one in batch]


async def learn_past(broker: Broker, store: Store, since: datetime | None) -> CaseHistory:
    """Where the mails were that the database has no outcome of."""
    past = CaseHistory()
    end = await last_offset(broker, EVENT_ARCHIVE)
    async for batch in archived(broker, EVENT_ARCHIVE, begin_at(since), end):
        keys = []
        for one in batch:
            try:
                events = decode_archived_events(one.body)
            except UnreadableMessageError as error:
                log.warning("event_unreadable", offset=one.offset, error=error)
                continue
            for event in events:
                past.note(event)
                keys.append(event.mail_key)
        recorded = await store.collection("mails").find({"_id": {"$in": keys}}, ["_id"])
        past.forget(document["_id"] for document in recorded)
    return past


def _mail(one: Archived) -> RawMail | None:
    try:
        return decode_raw_mail(one.body)
    except UnreadableMessageError as error:
        log.warning("archived_mail_unreadable", offset=one.offset, error=error)
        return None
