"""Stores lists with their filters for people."""

from datetime import datetime

from schemas.stored import from_document, to_document
from schemas.stored.desk import SavedView
from services.runtime.errors import CommandRefusedError
from services.runtime.store.mongo import Store

MAX_VIEWS = 50


class SavedViews:
    """Methods raise TransientError."""

    def __init__(self, store: Store) -> None:
        self._views = store.collection(SavedView.COLLECTION)

    async def ensure_indexes(self) -> None:
        await self._views.ensure_index("owner", "at")

    async def of(self, owner: str) -> list[SavedView]:
        """The views of one person, oldest first."""
        found = await self._views.find({"owner": owner}, sort="at", limit=MAX_VIEWS)
        return [from_document(document, SavedView) for document in found]

    async def add(self, owner: str, name: str, path: str, at: datetime, view_id: str) -> SavedView:
        """Store a view; nothing changes if it is stored. Raises CommandRefusedError over the
        limit.
        """
        view = SavedView(id=view_id, owner=owner, name=name, path=path, at=at)
        if await self._views.find_one({"_id": view_id}):
            return view
        if await self._views.count({"owner": owner}, most=MAX_VIEWS) >= MAX_VIEWS:
            raise CommandRefusedError(f"too-many-views: {MAX_VIEWS} are kept; remove one first")
        await self._views.insert_missing([to_document(view)])
        return view

    async def remove(self, owner: str, view_id: str) -> bool:
        """Remove a view; False if this person has no view with that id."""
        return bool(await self._views.delete({"_id": view_id, "owner": owner}))
