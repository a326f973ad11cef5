"""Webhooks and deliveries as the API shows them: without secrets and claims."""

from datetime import datetime

import msgspec
from msgspec import structs

from schemas.stored.webhooks import Attempt, Delivery, DeliveryState, Webhook, WebhookState

UNREACHABLE = (
    "the host name leads to no address that webhooks may reach: a manager sees the reason here"
)


class WebhookView(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook. Empty `events` and `processes` stand for all. `disabled_reason` is empty while it
    is active.
    """

    id: str
    url: str
    events: list[str]
    processes: list[str]
    state: WebhookState
    disabled_reason: str
    owner: str
    created_at: datetime
    updated_at: datetime


class WebhookList(msgspec.Struct, frozen=True, kw_only=True):
    """All webhooks that the caller manages, in the order of their creation."""

    items: list[WebhookView]


class NewWebhook(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook and its secret, which is shown this once."""

    webhook: WebhookView
    secret: str


class RotatedSecret(msgspec.Struct, frozen=True, kw_only=True):
    """The new secret, which is shown this once; the former one signs too until
    `previous_valid_until`.
    """

    secret: str
    previous_valid_until: datetime


class DeliveryView(msgspec.Struct, frozen=True, kw_only=True):
    """An event for a webhook. `id` is sent as `webhook-id`. `next_attempt_at` is null once it
    ended; `attempts` are the latest, the oldest first.
    """

    id: str
    event: str
    type: str
    case: int
    revision: int
    process: str
    state: DeliveryState
    tries: int
    next_attempt_at: datetime | None
    created_at: datetime
    ended_at: datetime | None
    attempts: list[Attempt]


class DeliveryList(msgspec.Struct, frozen=True, kw_only=True):
    """A page of deliveries. `next` is the cursor of the next page, null on the last."""

    items: list[DeliveryView]
    next: str | None
    has_more: bool


def webhook_view(webhook: Webhook) -> WebhookView:
    return WebhookView(**{name: getattr(webhook, name) for name in WebhookView.__struct_fields__})


def delivery_view(delivery: Delivery, *, with_addresses: bool) -> DeliveryView:
    """A delivery. Without addresses, a name that does not exist cannot be distinguished from one
    that must not be reached.
    """
    waiting = delivery.due_at if delivery.state == "pending" else None
    names = set(DeliveryView.__struct_fields__) - {"next_attempt_at"}
    shown = {name: getattr(delivery, name) for name in names}
    if not with_addresses:
        shown["attempts"] = [_without_address(attempt) for attempt in delivery.attempts]
    return DeliveryView(next_attempt_at=waiting, **shown)


def _without_address(attempt: Attempt) -> Attempt:
    if not attempt.address_refused:
        return attempt
    return structs.replace(attempt, error=UNREACHABLE, duration_ms=0)
