"""Drafts of answers and notes, one of each kind for a person and a case.

A form saves its draft every few seconds, and a request can arrive late: after the answer was sent,
or after it was taken back. So a draft names its `editor`, the form that saved it last, and a save
replaces only what its own form saved or began with. What is left of a removed draft holds no text;
for a day, it refuses the late requests of the forms that saved or removed the draft.
"""

import secrets
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.stored import from_document, to_document
from schemas.stored.desk import Draft
from services.runtime.store.errors import TakenError
from services.runtime.store.mongo import Store

REMOVED_FOR = timedelta(days=1)
MAX_EDITORS = 100  # of a draft; the requests of earlier ones have long arrived


class Drafts:
    """Methods raise TransientError."""

    def __init__(self, store: Store) -> None:
        self._drafts = store.collection(Draft.COLLECTION)

    async def ensure_indexes(self) -> None:
        await self._drafts.ensure_index("case", "owner")
        await self._drafts.ensure_index("owner", "-at")
        await self._drafts.ensure_expiry("removed_until")

    async def of_case(self, case: int, owner: str) -> list[Draft]:
        """The drafts that one person has in a case."""
        query = {"case": case, "owner": owner, "removed_until": None}
        return [from_document(document, Draft) for document in await self._drafts.find(query)]

    async def latest(self, case: int, kind: str, owner: str) -> Draft | None:
        """The draft, or what is left of a removed one; None if there was none for a day."""
        found = await self._drafts.find_one({"_id": draft_id(case, kind, owner)})
        return from_document(found, Draft) if found else None

    async def put(self, draft: Draft) -> None:
        """Keep a draft, in place of any with the same id."""
        await self._keep({"_id": draft.id}, draft)

    async def save(self, draft: Draft, replaces: str = "") -> bool:
        """Keep a draft unless one is there that neither its editor nor the editor `replaces` saved;
        False then. A removed draft is replaced by any new editor that names no other.
        """
        # None stands for a draft from before drafts had editors.
        free: list[dict[str, Any]] = [{"editor": {"$in": [draft.editor, replaces or None]}}]
        if not replaces:
            free.append({"removed_until": {"$ne": None}, "editors": {"$ne": draft.editor}})
        return await self._keep({"_id": draft.id, "$or": free}, draft)

    async def _keep(self, free: dict[str, Any], draft: Draft) -> bool:
        """Keep a draft in place of the one that matches `free`; False if it is not free."""
        change = {name: {"$literal": value} for name, value in to_document(draft).items()}
        del change["_id"], change["editors"]
        change["editors"] = _with_editors([draft.editor or ""])
        for _ in range(2):  # the first may meet the same form, which saves at the same moment
            try:
                await self._drafts.update_returning(free, [{"$set": change}], upsert=True)
            except TakenError:
                continue
            return True
        return False

    async def remove(
        self, case: int, kind: str, owner: str, editors: Collection[str] | None = None
    ) -> bool:
        """Remove a draft, with `editors` only if one of them saved it; False if none is removed."""
        wanted: dict[str, Any] = {"_id": draft_id(case, kind, owner), "removed_until": None}
        if editors is not None:
            wanted["editor"] = {"$in": [editor or None for editor in editors]}
        rest: dict[str, Any] = {"text": "", "to": [], "cc": [], "subject": None, "uploads": []}
        rest |= {"editor": new_editor(), "removed_until": datetime.now(UTC) + REMOVED_FOR}
        change = {name: {"$literal": value} for name, value in rest.items()}
        change["editors"] = _with_editors([editor for editor in editors or () if editor])
        return bool(await self._drafts.update(wanted, [{"$set": change}]))


def _with_editors(added: list[str]) -> dict[str, Any]:
    """The editors of a stored draft, with others at the end, as an expression of MongoDB."""
    others = {"$not": {"$in": ["$$this", {"$literal": added}]}}
    before = {"$filter": {"input": {"$ifNull": ["$editors", []]}, "cond": others}}
    return {"$slice": [{"$concatArrays": [before, {"$literal": added}]}, -MAX_EDITORS]}


def draft_id(case: int, kind: str, owner: str) -> str:
    return f"{case} {kind} {owner}"


def new_editor() -> str:
    """A name for an editor, unlike that of any other."""
    return secrets.token_urlsafe(12)
