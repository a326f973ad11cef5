"""Tracks who has a case open, so that two people do not answer the same mail. Shared by all desks.

It only informs: even without it, the revision check refuses an answer by someone who has not seen a
newer mail.
"""

from datetime import datetime, timedelta

from schemas.stored import from_document, to_document
from schemas.stored.desk import Presence, PresenceKind
from services.runtime.store.mongo import Store

REPORT_EVERY_S = 10  # what the reader does; see static/presence.js
COUNTS_FOR = timedelta(seconds=2.5 * REPORT_EVERY_S)
MAX_SHOWN = 10


class Presences:
    """Methods raise TransientError."""

    def __init__(self, store: Store) -> None:
        self._presences = store.collection(Presence.COLLECTION)

    async def ensure_indexes(self) -> None:
        await self._presences.ensure_index("case", "at")
        await self._presences.ensure_expiry("expires_at")

    async def report(
        self, case: int, user: str, name: str, doing: PresenceKind, now: datetime
    ) -> None:
        """Record that someone has the case open now."""
        presence = Presence(
            id=_id(case, user),
            case=case,
            user=user,
            name=name,
            doing=doing,
            at=now,
            expires_at=now + COUNTS_FOR,
        )
        await self._presences.put_each([to_document(presence)])

    async def leave(self, case: int, user: str) -> None:
        """Record that someone closed the case."""
        await self._presences.delete({"_id": _id(case, user)})

    async def others(self, case: int, user: str, now: datetime) -> list[Presence]:
        """Who else has the case open; the latest report first."""
        query = {"case": case, "user": {"$ne": user}, "at": {"$gt": now - COUNTS_FOR}}
        found = await self._presences.find(query, sort="-at", limit=MAX_SHOWN)
        return [from_document(document, Presence) for document in found]


def _id(case: int, user: str) -> str:
    return f"{case} {user}"
