"""Finds out what the owner of a webhook may see now."""

from collections.abc import Awaitable, Callable
from typing import Literal

from schemas.stored.webhooks import Webhook
from services.desk.access import Access, Permission, Principal

OfOwner = Callable[[Literal["person", "token"], str], Awaitable[Principal | None]]


class WebhookOwners:
    """Looks up the owner at each delivery. Methods raise TransientError."""

    def __init__(self, access: Access, of_owner: OfOwner) -> None:
        """`of_owner` returns the present state of a user or a token; None if they may do
        nothing.
        """
        self._access = access
        self._of_owner = of_owner

    async def may_see(self, webhook: Webhook, process: str) -> bool:
        """Whether the owner may see `process`, and may still have webhooks there."""
        owner = await self._of_owner(webhook.owner_kind, webhook.owner)
        return owner is not None and self._access.may(owner, Permission.READ, process)
