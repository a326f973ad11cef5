"""Webhooks and their deliveries in MongoDB. Field names are the contract; times are aware UTC."""

from datetime import datetime
from typing import ClassVar, Literal

import msgspec

WebhookState = Literal["active", "disabled"]
DeliveryState = Literal["pending", "claimed", "delivered", "failed", "withheld"]


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """Collection `webhooks`: whom to notify of changes of cases.

    `events` are kinds of changes such as `stage-moved`, empty for all. `processes` are those it is
    limited to, empty for all that its owner may see. `owner` is the actor's id, of a user or a
    token as `owner_kind` says; what the owner may not see is not delivered. `account` is the person
    behind a token, or the owner: whose limits apply. `previous_secret` also signs until
    `previous_until`, None for most. `disabled_reason` is empty while it is active.
    """

    COLLECTION: ClassVar[str] = "webhooks"

    id: str = msgspec.field(name="_id")
    url: str
    events: list[str] = []
    processes: list[str] = []
    secret: str
    previous_secret: str | None = None
    previous_until: datetime | None = None
    state: WebhookState = "active"
    disabled_reason: str = ""
    owner: str
    owner_kind: Literal["person", "token"]
    created_at: datetime
    updated_at: datetime
    account: str = ""


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt to deliver. If there was no response, `status` is None, and `error` says why.

    `answer` is the beginning of the response's body; without a response, the text of the library
    that failed. `problem` is a `DeliveryProblem`, empty after a good response. With
    `address_refused`, nothing was sent because of the host's address; the API shows `error` and
    `duration_ms` only to managers.
    """

    at: datetime
    duration_ms: int
    status: int | None = None
    error: str = ""
    answer: str = ""
    address_refused: bool = False
    problem: str = ""


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """Collection `deliveries`: an event for a webhook; `id` is the `webhook-id` that it is sent
    with.

    `event` is the event's id, `type` its type, `time` its time. `tries` counts attempts since the
    event or the latest redelivery, `attempts` are the latest. It is due at `due_at`; while it is
    claimed, that is when the claim of `claimed_by` ends, by the database's clock. `withheld`: the
    owner may not see the process. MongoDB deletes the document after `expires_at`.
    """

    COLLECTION: ClassVar[str] = "deliveries"

    id: str = msgspec.field(name="_id")
    webhook: str
    event: str
    type: str
    case: int
    revision: int
    process: str
    time: datetime
    state: DeliveryState = "pending"
    due_at: datetime
    claimed_by: str | None = None
    tries: int = 0
    attempts: list[Attempt] = []
    created_at: datetime
    ended_at: datetime | None = None
    expires_at: datetime


def delivery_id(webhook: str, event: str) -> str:
    """The key of an event's delivery: the same if the event is delivered again."""
    return f"{webhook}.{event}"
