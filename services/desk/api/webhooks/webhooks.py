"""Webhooks: who is notified of changes, and the result of each delivery."""

from datetime import timedelta
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, structs

from schemas.cloud_events import CHANGE_NAMES
from schemas.stored import to_document
from schemas.stored.webhooks import Delivery, Webhook
from services.desk.access import Permission
from services.desk.api.webhooks.webhook_views import (
    DeliveryList,
    DeliveryView,
    NewWebhook,
    RotatedSecret,
    WebhookList,
    WebhookView,
    delivery_view,
    webhook_view,
)
from services.desk.http.cursors import Place, after, read_cursor, write_cursor
from services.desk.http.endpoint import Call, Endpoint, NoQuery, Reply
from services.desk.http.problems import FieldError, ProblemError, not_found
from services.desk.webhooks.signing import new_secret
from services.desk.webhooks.targets import InvalidUrlError, RefusedAddressError

MAX_OWN_WEBHOOKS = 20
BOTH_SECRETS_FOR = timedelta(hours=24)
_SORT = "created"

Url = Annotated[str, Meta(min_length=1, max_length=2_000)]
Names = Annotated[list[Annotated[str, Meta(max_length=320)]], Meta(max_length=200)]


class WebhookRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`events` are kinds of changes such as `stage-moved`; `processes` limits it to some. Empty
    lists stand for all: all events, and all processes that the owner may see.
    """

    url: Url
    events: Names = []
    processes: Names = []


class WebhookPatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A JSON merge patch (RFC 7396). `state` enables a disabled webhook, or pauses it."""

    url: Url | msgspec.UnsetType = msgspec.UNSET
    events: Names | msgspec.UnsetType = msgspec.UNSET
    processes: Names | msgspec.UnsetType = msgspec.UNSET
    state: Literal["active", "disabled"] | msgspec.UnsetType = msgspec.UNSET


class DeliveriesQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Deliveries in a state, or all of them; the latest first."""

    state: Literal["pending", "claimed", "delivered", "failed", "withheld"] | None = None
    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    cursor: Annotated[str, Meta(max_length=512)] | None = None


def _owned(call: Call[Any, Any]) -> dict[str, Any]:
    """The filter for the webhooks that the caller manages: their own, or all for an
    administrator.
    """
    if call.desk.access.may(call.principal, Permission.ADMIN):
        return {}
    actor = call.principal.acting.actor
    return {"owner": actor.id, "owner_kind": actor.kind}


async def _found(call: Call[Any, Any]) -> Webhook:
    """Raises ProblemError 404."""
    webhook = await call.desk.webhooks.get(call.path["webhook"], _owned(call))
    if webhook is None:
        raise not_found("webhook")
    return webhook


async def list_webhooks(call: Call[NoQuery, None]) -> Reply:
    """The caller's webhooks; everyone's for an administrator."""
    found = await call.desk.webhooks.all(_owned(call))
    return Reply(WebhookList(items=[webhook_view(webhook) for webhook in found]))


async def show_webhook(call: Call[NoQuery, None]) -> Reply:
    """One webhook, without its secret."""
    return Reply(webhook_view(await _found(call)))


async def add_webhook(call: Call[NoQuery, WebhookRequest]) -> Reply:
    """Subscribe a URL to events. The answer has the secret, which is shown this once."""
    asked, actor = call.body, call.principal.acting.actor
    _check_names(call, asked.events, asked.processes)
    _check_url(call, asked.url)
    account = call.principal.account
    mine = {"$or": [{"account": account}, {"owner": account}]}
    new_id = f"wh_{call.new_id()[:16]}"
    others = [each for each in await call.desk.webhooks.all(mine) if each.id != new_id]
    if len(others) >= MAX_OWN_WEBHOOKS:
        raise ProblemError(
            409,
            "too-many-webhooks",
            f"you and your tokens have {MAX_OWN_WEBHOOKS} webhooks; remove one first",
        )
    now = await call.desk.webhooks.now()
    webhook = Webhook(
        id=new_id,
        url=asked.url,
        events=_once(asked.events),
        processes=_once(asked.processes),
        secret=new_secret(),
        owner=actor.id,
        owner_kind="token" if actor.kind == "token" else "person",
        account=account,
        created_at=now,
        updated_at=now,
    )
    added = await call.desk.webhooks.add(webhook)
    if added is None:
        raise ProblemError(409, "too-many-webhooks", "there are too many webhooks; remove some")
    await call.audit("webhook-added", f"{added.id} {added.url}")
    view = NewWebhook(webhook=webhook_view(added), secret=added.secret)
    return Reply(view, headers={"Location": f"/api/v1/webhooks/{added.id}"})


async def patch_webhook(call: Call[NoQuery, WebhookPatch]) -> Reply:
    """Change a webhook. Its waiting deliveries go to the new URL."""
    webhook = await _found(call)
    given = {
        name: value
        for name, value in structs.asdict(call.body).items()
        if value is not msgspec.UNSET
    }
    changed = structs.replace(webhook, **given, updated_at=await call.desk.webhooks.now())
    _check_names(call, changed.events, changed.processes)
    if changed.url != webhook.url:
        _check_url(call, changed.url)
    if changed.state == "active":
        changed = structs.replace(changed, disabled_reason="")
    elif webhook.state == "active":
        changed = structs.replace(changed, disabled_reason="disabled by its owner")
    kept = ("url", "events", "processes", "state", "disabled_reason", "updated_at")
    document = to_document(changed)
    await call.desk.webhooks.change(webhook.id, {name: document[name] for name in kept})
    await call.audit("webhook-changed", f"{webhook.id} {changed.url}")
    return Reply(webhook_view(changed))


async def remove_webhook(call: Call[NoQuery, None]) -> Reply:
    """Remove a webhook and its deliveries."""
    webhook = await _found(call)
    await call.desk.webhooks.remove(webhook.id)
    await call.audit("webhook-removed", f"{webhook.id} {webhook.url}")
    return Reply()


async def rotate_secret(call: Call[NoQuery, None]) -> Reply:
    """Create a new secret. For a day, messages are signed with both the new and the former one."""
    webhook, now = await _found(call), await call.desk.webhooks.now()
    secret, until = new_secret(), now + BOTH_SECRETS_FOR
    fields = {
        "secret": secret,
        "previous_secret": webhook.secret,
        "previous_until": until,
        "updated_at": now,
    }
    await call.desk.webhooks.change(webhook.id, fields)
    await call.audit("webhook-secret-rotated", webhook.id)
    return Reply(RotatedSecret(secret=secret, previous_valid_until=until))


async def list_deliveries(call: Call[DeliveriesQuery, None]) -> Reply:
    """What was sent to a webhook in the last 30 days, the latest first."""
    webhook, query = await _found(call), call.query
    filters: list[dict[str, Any]] = []
    if query.state is not None:
        filters.append({"state": query.state})
    if query.cursor is not None:
        place = read_cursor(query.cursor, _SORT)
        filters.append(after(place, "created_at", descending=True))
    found = await call.desk.webhooks.deliveries(webhook.id, filters, query.limit + 1)
    page, has_more = found[: query.limit], len(found) > query.limit
    following = None
    if has_more:
        following = write_cursor(Place(sort=_SORT, at=page[-1].created_at, id=page[-1].id))
    items = [_shown(call, delivery) for delivery in page]
    return Reply(DeliveryList(items=items, next=following, has_more=has_more))


async def show_delivery(call: Call[NoQuery, None]) -> Reply:
    """One delivery with its latest attempts."""
    webhook = await _found(call)
    delivery = await call.desk.webhooks.delivery(webhook.id, call.path["delivery"])
    if delivery is None:
        raise not_found("delivery")
    return Reply(_shown(call, delivery))


async def redeliver(call: Call[NoQuery, None]) -> Reply:
    """Send a delivery again, under the same id, with all attempts before it."""
    webhook = await _found(call)
    delivery = await call.desk.webhooks.delivery(webhook.id, call.path["delivery"])
    if delivery is None:
        raise not_found("delivery")
    if webhook.state != "active":
        raise ProblemError(409, "webhook-disabled", "the webhook is disabled; enable it first")
    if not await call.desk.webhooks.redeliver(delivery.id, await call.desk.webhooks.now()):
        raise ProblemError(
            409, "being-delivered", "the delivery is being sent; try again in a few seconds"
        )
    await call.audit("webhook-redelivered", delivery.id)
    again = await call.desk.webhooks.delivery(webhook.id, delivery.id)
    return Reply(_shown(call, again or delivery))


def _shown(call: Call[Any, Any], delivery: Delivery) -> DeliveryView:
    """The delivery as the caller may see it: only managers see the addresses of names."""
    is_manager = call.desk.access.may(call.principal, Permission.PARKED)
    return delivery_view(delivery, with_addresses=is_manager)


def _check_names(call: Call[Any, Any], events: list[str], processes: list[str]) -> None:
    """Raises ProblemError 422 for unknown events, and for processes that the caller may not see."""
    visible = call.desk.access.processes(call.principal)
    errors = [
        FieldError(pointer=f"/events/{index}", detail=f"use one of {', '.join(CHANGE_NAMES)}")
        for index, name in enumerate(events)
        if name not in CHANGE_NAMES
    ]
    errors += [
        FieldError(pointer=f"/processes/{index}", detail="there is no such process; check its name")
        for index, name in enumerate(processes)
        if name not in visible
    ]
    if errors:
        raise ProblemError(
            422, "invalid-request", f"{errors[0].pointer}: {errors[0].detail}", errors=errors
        )


def _check_url(call: Call[Any, Any], url: str) -> None:
    """Raises ProblemError 422 for a URL that cannot be delivered to."""
    try:
        call.desk.webhook_sender.check(url)
    except (InvalidUrlError, RefusedAddressError) as error:
        errors = [FieldError(pointer="/url", detail=str(error))]
        raise ProblemError(422, "invalid-url", str(error), errors=errors) from error


def _once(names: list[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _operation(method: Any, path: str, handler: Any, **more: Any) -> Endpoint[Any, Any]:
    return Endpoint(
        method=method,
        path=path,
        name=handler.__name__,
        handler=handler,
        permission=Permission.WORK,
        tag="webhooks",
        **more,
    )


_ONE = "/webhooks/{webhook}"
_DELIVERY = "/webhooks/{webhook}/deliveries/{delivery}"
ROUTES: tuple[Endpoint[Any, Any], ...] = (
    _operation("GET", "/webhooks", list_webhooks, summary="List webhooks", response=WebhookList),
    _operation(
        "POST",
        "/webhooks",
        add_webhook,
        summary="Add a webhook",
        body=WebhookRequest,
        response=NewWebhook,
        status=201,
        refusals=(409,),
        secret=True,
    ),
    _operation(
        "GET", _ONE, show_webhook, summary="Show a webhook", response=WebhookView, refusals=(404,)
    ),
    _operation(
        "PATCH",
        _ONE,
        patch_webhook,
        summary="Change a webhook",
        body=WebhookPatch,
        response=WebhookView,
        refusals=(404,),
    ),
    _operation(
        "DELETE", _ONE, remove_webhook, summary="Remove a webhook", status=204, refusals=(404,)
    ),
    _operation(
        "POST",
        f"{_ONE}/secrets",
        rotate_secret,
        summary="Rotate a webhook's secret",
        response=RotatedSecret,
        status=201,
        secret=True,
        refusals=(404,),
    ),
    _operation(
        "GET",
        f"{_ONE}/deliveries",
        list_deliveries,
        summary="List a webhook's deliveries",
        query=DeliveriesQuery,
        response=DeliveryList,
        refusals=(404,),
    ),
    _operation(
        "GET",
        _DELIVERY,
        show_delivery,
        summary="Show a delivery",
        response=DeliveryView,
        refusals=(404,),
    ),
    _operation(
        "POST",
        f"{_DELIVERY}/redeliveries",
        redeliver,
        summary="Deliver again",
        response=DeliveryView,
        status=202,
        refusals=(404, 409),
    ),
)
