"""The payload of a webhook, and the times of its retries. Pure."""

import random
from datetime import datetime, timedelta

import msgspec

from schemas.case_events import CaseEvent
from schemas.mails import Moment
from schemas.stored.webhooks import Delivery, Webhook, delivery_id

KEPT_FOR = timedelta(days=30)
# The pauses that Standard Webhooks recommends; ten attempts in about three days.
_PAUSES_S = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
MAX_ATTEMPTS = len(_PAUSES_S) + 1
_JITTER = 0.1
_MAX_RETRY_AFTER_S = 86_400


class _Data(msgspec.Struct, frozen=True, kw_only=True):
    case: int
    revision: int
    process: str


class _Payload(msgspec.Struct, frozen=True, kw_only=True):
    """A thin payload: the receiver requests the case, and gets what it is then allowed to see."""

    type: str
    timestamp: Moment
    data: _Data


def payload(delivery: Delivery) -> bytes:
    """The body: the same bytes at each attempt."""
    data = _Data(case=delivery.case, revision=delivery.revision, process=delivery.process)
    return msgspec.json.encode(_Payload(type=delivery.type, timestamp=delivery.time, data=data))


def wants(webhook: Webhook, event: CaseEvent) -> bool:
    """Whether a webhook subscribes to an event. What its owner may see is checked elsewhere."""
    if webhook.events and event.what not in webhook.events:
        return False
    return not webhook.processes or event.data.process in webhook.processes


def new_delivery(webhook: Webhook, event: CaseEvent, now: datetime) -> Delivery:
    return Delivery(
        id=delivery_id(webhook.id, event.id),
        webhook=webhook.id,
        event=event.id,
        type=event.type,
        case=event.data.case,
        revision=event.data.revision,
        process=event.data.process,
        time=event.time,
        due_at=now,
        created_at=now,
        expires_at=now + KEPT_FOR,
    )


def pause_after(tries: int, retry_after_s: int | None = None) -> timedelta | None:
    """The pause after this many attempts; None if there is no further attempt.

    If the receiver requests a longer pause (`Retry-After`), that applies, up to a day.
    """
    if tries >= MAX_ATTEMPTS:
        return None
    pause_s = _PAUSES_S[tries - 1] * random.uniform(1, 1 + _JITTER)  # noqa: S311 - no secret
    asked_s = min(retry_after_s or 0, _MAX_RETRY_AFTER_S)
    return timedelta(seconds=max(pause_s, asked_s))
