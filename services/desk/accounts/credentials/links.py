"""One-time links for setting a password, which work once and for a limited time."""

from collections.abc import Callable
from datetime import datetime, timedelta

from schemas.stored import from_document, to_document
from schemas.stored.desk import LinkPurpose, OneTimeLink
from services.desk.accounts.credentials.random_values import hashed, random_value
from services.desk.accounts.errors import AccountError
from services.runtime.store.mongo import Store

PATH = "/welcome"
LIFETIMES: dict[LinkPurpose, timedelta] = {
    "invite": timedelta(days=7),
    "reset": timedelta(hours=24),
    "first": timedelta(hours=24),
}


class OneTimeLinks:
    """Creates and uses links. Opening a link changes nothing, because mail scanners open links,
    too.
    """

    def __init__(self, store: Store, base_url: str, clock: Callable[[], datetime]) -> None:
        self._links = store.collection(OneTimeLink.COLLECTION)
        self._base_url = base_url
        self._clock = clock

    async def create(self, user: str | None, purpose: LinkPurpose) -> str:
        """The URL of a new link. Earlier links of the same user stop working."""
        code, now = random_value(), self._clock()
        await self._links.delete({"user": user, "used_at": None})
        link = OneTimeLink(
            id=hashed(code),
            user=user,
            purpose=purpose,
            created_at=now,
            expires_at=now + LIFETIMES[purpose],
        )
        await self._links.insert([to_document(link)])
        return f"{self._base_url}{PATH}?token={code}"

    async def find(self, code: str) -> OneTimeLink:
        """The link, if it can be used. Raises AccountError."""
        document = await self._links.find_one(self._usable(code))
        if document is None:
            raise _unusable()
        return from_document(document, OneTimeLink)

    async def use(self, code: str) -> OneTimeLink:
        """Use up the link. Of several concurrent requests, exactly one succeeds. Raises
        AccountError.
        """
        change = {"$set": {"used_at": self._clock()}}
        document = await self._links.update_returning(self._usable(code), change)
        if document is None:
            raise _unusable()
        return from_document(document, OneTimeLink)

    async def withdraw(self, user: str) -> None:
        """Invalidate all links of a user."""
        await self._links.delete({"user": user, "used_at": None})

    def _usable(self, code: str) -> dict[str, object]:
        return {"_id": hashed(code), "used_at": None, "expires_at": {"$gt": self._clock()}}


def _unusable() -> AccountError:
    return AccountError(
        "link-unusable",
        "this link was used already, or it is too old",
        "ask an administrator for a new one",
    )
