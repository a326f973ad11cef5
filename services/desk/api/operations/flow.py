"""The flow of mail: the messages in each queue, and the outcomes of the last day by the hour."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, get_args

import msgspec

from schemas.stored import Mail, Outcome, OutgoingMail
from services.desk.access import Permission
from services.desk.http.endpoint import Call, Endpoint, NoQuery, Reply
from services.runtime.broker.topology import EXTRACTOR_WORK, MAIL_QUEUES, dead_name, newer_name
from services.runtime.errors import TransientError
from services.runtime.store.collection import Collection

HOURS = 24
RATED = timedelta(minutes=5)
OUTCOMES = list(get_args(Outcome))
QUEUES = tuple(
    name
    for queue in (*MAIL_QUEUES, EXTRACTOR_WORK)
    for name in (queue, newer_name(queue), dead_name(queue))
)


class QueueView(msgspec.Struct, frozen=True, kw_only=True):
    """A queue of the broker; `messages` is null while the broker does not answer."""

    name: str
    messages: int | None


class HourView(msgspec.Struct, frozen=True, kw_only=True):
    """The outcomes of one hour; `begins_at` is its first moment, in UTC."""

    begins_at: datetime
    opened: int
    appended: int
    ignored: int
    parked: int


class FlowView(msgspec.Struct, frozen=True, kw_only=True):
    """The pipeline now. `outgoing` counts mails that are due and not sent, `parked` those that wait
    for a person; the oldest of each is as old as `outgoing_since` and `parked_since`, null without
    one. `recorded_per_minute` and `sent_per_minute` are rates of the last five minutes. `hours` are
    the last 24, oldest first. Numbers of mails are those of the caller's processes.
    """

    at: datetime
    queues: list[QueueView]
    outgoing: int
    outgoing_since: datetime | None
    parked: int
    parked_since: datetime | None
    recorded_per_minute: float
    sent_per_minute: float
    hours: list[HourView]


async def show_flow(call: Call[NoQuery, None]) -> Reply:
    """The messages that wait, and the outcomes of the last day."""
    desk, now = call.desk, call.desk.clock()
    visible = desk.access.filter(call.principal, Permission.PARKED)
    due = {**visible, "state": {"$in": ["pending", "claimed"]}, "due_at": {"$lte": now}}
    parked = {**visible, "outcome": "parked", "discarded": None}
    lately = {"$gte": now - RATED}
    recorded = {**visible, "outcome": {"$in": OUTCOMES}, "recorded_at": lately}
    # A sender's claim ends later than the mail was sent, and has an index.
    sent = {**visible, "state": "sent", "due_at": lately, "ended_at": lately}
    outbox = desk.store.collection(OutgoingMail.COLLECTION)
    mails = desk.store.collection(Mail.COLLECTION)
    queues, hours, *counts = await asyncio.gather(
        _queues(call),
        _hours(call, visible, now),
        outbox.count(due),
        mails.count(parked),
        mails.count(recorded),
        outbox.count(sent),
    )
    outgoing_since, parked_since = await asyncio.gather(
        _oldest(outbox, due, "due_at"), _oldest(mails, parked, "recorded_at")
    )
    minutes = RATED.total_seconds() / 60
    view = FlowView(
        at=now,
        queues=queues,
        outgoing=counts[0],
        outgoing_since=outgoing_since,
        parked=counts[1],
        parked_since=parked_since,
        recorded_per_minute=counts[2] / minutes,
        sent_per_minute=counts[3] / minutes,
        hours=hours,
    )
    return Reply(view)


async def _oldest(collection: Collection, query: Mapping[str, Any], field: str) -> datetime | None:
    for document in await collection.find(query, [field], sort=field, limit=1):
        since: datetime = document[field]
        return since
    return None


async def _queues(call: Call[Any, Any]) -> list[QueueView]:
    async def view(name: str) -> QueueView:
        try:
            return QueueView(name=name, messages=await call.desk.events.length(name))
        except TransientError:
            return QueueView(name=name, messages=None)

    return await asyncio.gather(*map(view, QUEUES))


async def _hours(call: Call[Any, Any], visible: dict[str, Any], now: datetime) -> list[HourView]:
    this_hour = now.replace(minute=0, second=0, microsecond=0)
    first = this_hour - timedelta(hours=HOURS - 1)
    hour = {"$dateTrunc": {"date": "$recorded_at", "unit": "hour"}}
    recent = {"outcome": {"$in": OUTCOMES}, "recorded_at": {"$gte": first}}
    group = {"_id": {"hour": hour, "outcome": "$outcome"}, "mails": {"$sum": 1}}
    rows = await call.desk.store.collection(Mail.COLLECTION).aggregate(
        [{"$match": {**visible, **recent}}, {"$group": group}]
    )
    counts = {(row["_id"]["hour"], row["_id"]["outcome"]): row["mails"] for row in rows}
    hours = [first + timedelta(hours=number) for number in range(HOURS)]
    return [
        HourView(
            begins_at=begins_at,
            opened=counts.get((begins_at, "opened"), 0),
            appended=counts.get((begins_at, "appended"), 0),
            ignored=counts.get((begins_at, "ignored"), 0),
            parked=counts.get((begins_at, "parked"), 0),
        )
        for begins_at in hours
    ]


ROUTES: tuple[Endpoint[Any, Any], ...] = (
    Endpoint(
        method="GET",
        path="/flow",
        name="show_flow",
        summary="Show how mail flows",
        handler=show_flow,
        permission=Permission.PARKED,
        response=FlowView,
        tag="operations",
    ),
)
