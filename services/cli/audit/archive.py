"""Checks the archives against the database: every mail has an outcome, and is in the case that its
last event names.
"""

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

IN_FLIGHT = timedelta(minutes=10)


async def unrecorded(
    broker: Broker, store: Store, since: datetime | None, now: datetime
) -> AsyncIterator[Finding]:
    """Archived mails older than `IN_FLIGHT` without a recorded outcome. Raises TransientError."""
    recorded = store.collection("mails")
    waiting: set[str] = set()
    async for batch in mails(broker, begin_at(since), await last_offset(broker, MAIL_ARCHIVE)):
        keys = {
            entry.mail.key
            for entry in batch
            if entry.mail is not None
            and entry.mail.fetched_at < now - IN_FLIGHT
            and (since is None or entry.mail.fetched_at >= since)
        }
        found = await recorded.find({"_id": {"$in": list(keys)}}, ["_id"])
        waiting |= keys - {mail["_id"] for mail in found}
    for mail in await recorded.find({"_id": {"$in": list(waiting)}}, ["_id"]):
        waiting.discard(mail["_id"])
    for key in sorted(waiting):
        yield Finding(
            "archived-mail-without-outcome", f"mail {key}; see the queues, then `mailcase replay`"
        )


async def mails_in_other_cases(
    broker: Broker, store: Store, since: datetime | None
) -> AsyncIterator[Finding]:
    """Mails that are not in the case that their last event names. Raises TransientError."""
    recorded = store.collection("mails")
    doubtful: dict[str, int] = {}
    async for batch in archived(
        broker, EVENT_ARCHIVE, begin_at(since), await last_offset(broker, EVENT_ARCHIVE)
    ):
        reported: dict[str, int] = {}
        for message in batch:
            try:
                events = decode_archived_events(message.body)
            except UnreadableMessageError:
                continue
            in_cases = [
                event
                for event in events
                if isinstance(event, CaseOpened | CaseAppended | CaseMoved)
            ]
            reported |= {event.mail_key: event.case for event in in_cases}
        places = {
            mail["_id"]: mail["case"]
            for mail in await recorded.find({"_id": {"$in": list(reported)}}, ["case"])
        }
        for key, case in reported.items():
            doubtful.pop(key, None)
            if places.get(key) != case:
                doubtful[key] = case
    for key, case in sorted(doubtful.items()):
        now = await recorded.find_one({"_id": key}, ["case", "outcome"])
        if now is None:
            yield Finding(
                "reported-without-outcome",
                f"mail {key} was reported in case {case} and has no outcome; run `mailcase replay`",
            )
        elif now["case"] != case:
            place = f"case {now['case']}" if now["case"] else now["outcome"]
            yield Finding(
                "reported-in-another-case",
                f"mail {key} was reported in case {case}, and is in {place}",
            )


async def in_flight(broker: Broker, settings: Settings) -> dict[str, int]:
    """The number of messages in each queue, with dead letters. Raises TransientError."""
    queues = [queue.name for queue in topology_of(settings).queues if queue.essential]
    return {f"in {name}": await broker.length(name) for name in queues}
