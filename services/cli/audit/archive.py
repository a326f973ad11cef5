"""The archives held against the database: each mail has an outcome, and is in the case that was told."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

from schemas.archived_events import decode_archived_events
from schemas.codec import UnreadableMessageError
from schemas.events import CaseAppended, CaseMoved, CaseOpened
from services.cli.audit.findings import Finding
from services.cli.replay.archive_reader import archived, begin_at, mails
from services.runtime.broker.configured import topology_of
from services.runtime.broker.connection import Broker
from services.runtime.broker.streams import last_offset
from services.runtime.broker.topology import EVENT_ARCHIVE, MAIL_ARCHIVE
from services.runtime.settings import Settings
from services.runtime.store.mongo import Store

ON_ITS_WAY = timedelta(minutes=10)


async def unrecorded(broker: Broker, store: Store, since: datetime | None, now: datetime) -> AsyncIterator[Finding]:
    """Mails of the archive that no outcome is recorded of, though there was time. Raises TransientError."""
    recorded = store.collection("mails")
    waiting: set[str] = set()
    async for batch in mails(broker, begin_at(since), await last_offset(broker, MAIL_ARCHIVE)):
        keys = {
            one.mail.key
            for one in batch
            if one.mail is not None
            and one.mail.fetched_at < now - ON_ITS_WAY
            and (since is None or one.mail.fetched_at >= since)
        }
        found = await recorded.find({"_id": {"$in": list(keys)}}, ["_id"])
        waiting |= keys - {one["_id"] for one in found}
    for one in await recorded.find({"_id": {"$in": list(waiting)}}, ["_id"]):
        waiting.discard(one["_id"])
    for key in sorted(waiting):
        yield Finding("archived-mail-without-outcome", f"mail {key}; see the queues, then `mailcase replay`")


async def told_otherwise(broker: Broker, store: Store, since: datetime | None) -> AsyncIterator[Finding]:
    """Mails that are not in the case that was last told of them. Raises TransientError."""
    recorded = store.collection("mails")
    doubtful: dict[str, int] = {}
    async for batch in archived(broker, EVENT_ARCHIVE, begin_at(since), await last_offset(broker, EVENT_ARCHIVE)):
        told: dict[str, int] = {}
        for one in batch:
            try:
                events = decode_archived_events(one.body)
            except UnreadableMessageError:
                continue
            in_cases = [event for event in events if isinstance(event, CaseOpened | CaseAppended | CaseMoved)]
            told |= {event.mail_key: event.case for event in in_cases}
        places = {one["_id"]: one["case"] for one in await recorded.find({"_id": {"$in": list(told)}}, ["case"])}
        for key, case in told.items():
            doubtful.pop(key, None)
            if places.get(key) != case:
                doubtful[key] = case
    for key, case in sorted(doubtful.items()):
        now = await recorded.find_one({"_id": key}, ["case", "outcome"])
        if now is None:
            yield Finding("told-mail-without-outcome", f"mail {key} was told to be in case {case}; `mailcase replay`")
        elif now["case"] != case:
            where = f"case {now['case']}" if now["case"] else now["outcome"]
            yield Finding("told-another-case", f"mail {key} was told to be in case {case}, and is in {where}")


async def in_flight(broker: Broker, settings: Settings) -> dict[str, int]:
    """Messages that wait in each queue, dead letters too. Raises TransientError."""
    queues = [one.name for one in topology_of(settings).queues if one.essential]
    return {f"in {name}": await broker.length(name) for name in queues}
