"""Webhooks and their latest deliveries."""

from typing import Any

from starlette.responses import Response

from schemas.cloud_events import CHANGE_NAMES
from services.desk.api.webhooks.webhook_views import DeliveryList, DeliveryView, WebhookList
from services.desk.pages.views.lists import Option
from services.desk.pages.views.people import DeliveryRow, WebhookRow, WebhooksView
from services.desk.pages.visit import Visit

MAX_DELIVERIES = 10


async def show_webhooks(visit: Visit) -> Response:
    """Shows the webhooks that the reader manages."""
    return await _webhooks(visit)


async def add_webhook(visit: Visit) -> Response:
    """Adds a webhook, and shows its secret, this time only."""
    body: dict[str, Any] = {"url": visit.text("url").strip(), "events": visit.texts("event")}
    added = (await visit.api("add_webhook", body=body)).body
    return await _webhooks(visit, secret=added.secret)


async def change_webhook(visit: Visit) -> Response:
    """Enables, disables or removes a webhook."""
    match visit.text("do"):
        case "delete":
            await visit.api("remove_webhook")
        case "disable":
            await visit.api("patch_webhook", body={"state": "disabled"})
        case "enable":
            await visit.api("patch_webhook", body={"state": "active"})
    return visit.redirect("/webhooks")


async def redeliver(visit: Visit) -> Response:
    """Delivers an event again."""
    await visit.api("redeliver")
    return visit.redirect("/webhooks")


async def _webhooks(visit: Visit, *, secret: str | None = None) -> Response:
    found: WebhookList = (await visit.api("list_webhooks")).body
    rows = []
    for webhook in found.items:
        deliveries: DeliveryList = (
            await visit.api(
                "list_deliveries", query={"limit": MAX_DELIVERIES}, path={"webhook": webhook.id}
            )
        ).body
        rows.append(
            WebhookRow(
                id=webhook.id,
                url=webhook.url,
                events=tuple(webhook.events),
                is_active=webhook.state == "active",
                is_gone="410" in webhook.disabled_reason,
                deliveries=tuple(_delivery(delivery) for delivery in deliveries.items),
            )
        )
    view = WebhooksView(
        rows=tuple(rows),
        events=tuple(
            Option(value=name, title=visit.t.people.event_names[name]) for name in CHANGE_NAMES
        ),
        secret=secret,
    )
    page = visit.page(visit.t.people.webhooks, "people")
    return await visit.html("people/webhooks.html", page, view=view)


def _delivery(delivery: DeliveryView) -> DeliveryRow:
    last = delivery.attempts[-1] if delivery.attempts else None
    return DeliveryRow(
        id=delivery.id,
        event=delivery.type,
        state=delivery.state,
        at=delivery.ended_at or delivery.created_at,
        status=last.status if last else None,
        problem=last.problem if last else "",
        answer=last.answer if last and last.problem else "",
    )
