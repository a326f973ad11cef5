"""Webhooks and deliveries in MongoDB. A claim is a conditional update by the database's clock."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from schemas.stored import from_document, to_document
from schemas.stored.webhooks import Attempt, Delivery, Webhook
from services.desk.webhooks.payload import KEPT_FOR
from services.runtime.store.mongo import Store

CLAIMED_FOR = timedelta(seconds=60)  # longer than an attempt takes
MAX_WEBHOOKS = 500
_KEPT_ATTEMPTS = 20
_OPEN = {"$in": ["pending", "claimed"]}


def webhooks_with_due(now: datetime) -> list[dict[str, Any]]:
    """The pipeline for the ids of webhooks that have due deliveries. It reads few keys of an index
    for each webhook, however many deliveries wait.
    """
    in_index = {"webhook": {"$gt": ""}, "state": _OPEN, "due_at": {"$lte": now}}
    return [{"$match": in_index}, {"$group": {"_id": "$webhook"}}]


class Webhooks:
    """The collections `webhooks` and `deliveries`. Methods raise TransientError."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._webhooks = store.collection(Webhook.COLLECTION)
        self._deliveries = store.collection(Delivery.COLLECTION)

    async def ensure_indexes(self) -> None:
        await self._deliveries.ensure_index("webhook", "state", "due_at")
        await self._deliveries.ensure_index("webhook", "-created_at", "-_id")
        await self._deliveries.ensure_expiry("expires_at")

    async def now(self) -> datetime:
        """The time by the database's clock."""
        return await self._store.now()

    async def add(self, webhook: Webhook) -> Webhook | None:
        """Add a webhook; returns the one of the same owner with its id that was there before, if
        there is one. None, without adding it, if there are already MAX_WEBHOOKS, or if the id is
        someone else's: a webhook holds its secret.
        """
        owned = {"owner": webhook.owner, "owner_kind": webhook.owner_kind}
        if before := await self.get(webhook.id, owned):
            return before
        if await self._webhooks.count({}) >= MAX_WEBHOOKS:
            return None
        if await self._webhooks.insert_missing([to_document(webhook)]):
            return webhook
        return await self.get(webhook.id, owned)

    async def get(self, webhook_id: str, owned: Mapping[str, Any]) -> Webhook | None:
        """The webhook, if it matches the filter `owned`."""
        found = await self._webhooks.find_one({"$and": [{"_id": webhook_id}, owned]})
        return from_document(found, Webhook) if found else None

    async def all(self, owned: Mapping[str, Any]) -> list[Webhook]:
        """The webhooks that match a filter, at most MAX_WEBHOOKS, in the order of their
        creation.
        """
        found = await self._webhooks.find(owned, sort="created_at", limit=MAX_WEBHOOKS)
        return [from_document(document, Webhook) for document in found]

    async def active(self) -> list[Webhook]:
        return await self.all({"state": "active"})

    async def active_with_due(self, now: datetime) -> list[Webhook]:
        """The active webhooks that have due deliveries, in the order of their creation."""
        due = await self._deliveries.aggregate(webhooks_with_due(now))
        if not due:
            return []
        return await self.all({"_id": {"$in": [each["_id"] for each in due]}, "state": "active"})

    async def change(self, webhook_id: str, fields: Mapping[str, Any]) -> bool:
        return bool(await self._webhooks.update({"_id": webhook_id}, {"$set": dict(fields)}))

    async def remove(self, webhook_id: str) -> None:
        """Remove a webhook and its deliveries. The webhook is removed first, so that a delivery in
        progress finds it gone.
        """
        await self._webhooks.delete({"_id": webhook_id})
        await self._deliveries.delete({"webhook": webhook_id})

    async def disable(self, webhook_id: str, reason: str, now: datetime) -> None:
        fields = {"state": "disabled", "disabled_reason": reason, "updated_at": now}
        query = {"_id": webhook_id, "state": "active"}
        await self._webhooks.update(query, {"$set": fields})

    async def put(self, deliveries: Sequence[Delivery]) -> None:
        """Store new deliveries; existing ones keep their state."""
        if deliveries:
            await self._deliveries.insert_missing(
                [to_document(delivery) for delivery in deliveries]
            )

    async def due(self, webhook_id: str, now: datetime, limit: int) -> list[str]:
        """The ids of due deliveries, the one that is due longest first."""
        query = {"webhook": webhook_id, "state": _OPEN, "due_at": {"$lte": now}}
        found = await self._deliveries.find(query, ["_id"], sort="due_at", limit=limit)
        return [document["_id"] for document in found]

    async def claim(self, delivery_id: str, claim: str, now: datetime) -> Delivery | None:
        """Claim the delivery until the claim ends; None if it is no longer due."""
        query = {"_id": delivery_id, "state": _OPEN, "due_at": {"$lte": now}}
        fields = {"state": "claimed", "claimed_by": claim, "due_at": now + CLAIMED_FOR}
        if not await self._deliveries.update(query, {"$set": fields, "$inc": {"tries": 1}}):
            return None
        found = await self._deliveries.find_one({"_id": delivery_id, "claimed_by": claim})
        return from_document(found, Delivery) if found else None

    async def record_result(
        self, delivery: Delivery, claim: str, attempt: Attempt | None, fields: Mapping[str, Any]
    ) -> bool:
        """Write the result of an attempt; False if the claim expired and another desk took over."""
        change: dict[str, Any] = {"$set": {"claimed_by": None, **fields}}
        if attempt is not None:
            pushed = {"$each": [to_document(attempt)], "$slice": -_KEPT_ATTEMPTS}
            change["$push"] = {"attempts": pushed}
        return bool(
            await self._deliveries.update({"_id": delivery.id, "claimed_by": claim}, change)
        )

    async def deliveries(
        self, webhook_id: str, filters: Sequence[Mapping[str, Any]], limit: int
    ) -> list[Delivery]:
        """The deliveries of a webhook, the latest first."""
        query = {"$and": [{"webhook": webhook_id}, *filters]}
        found = await self._deliveries.find(query, sort=["-created_at", "-_id"], limit=limit)
        return [from_document(document, Delivery) for document in found]

    async def delivery(self, webhook_id: str, delivery_id: str) -> Delivery | None:
        found = await self._deliveries.find_one({"_id": delivery_id, "webhook": webhook_id})
        return from_document(found, Delivery) if found else None

    async def redeliver(self, delivery_id: str, now: datetime) -> bool:
        """Make an ended or waiting delivery due now; False if it is being delivered."""
        fields = {
            "state": "pending",
            "due_at": now,
            "tries": 0,
            "ended_at": None,
            "expires_at": now + KEPT_FOR,
        }
        query = {"_id": delivery_id, "state": {"$ne": "claimed"}}
        return bool(await self._deliveries.update(query, {"$set": fields}))
