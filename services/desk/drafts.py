"""Drafts of answers and notes, one of each kind for a person and a case."""

from schemas.desk import Draft
from schemas.stored import from_document, to_document
from services.runtime.store.mongo import Store


class Drafts:
    """Methods raise TransientError."""

    def __init__(self, store: Store) -> None:
        self._drafts = store.collection(Draft.COLLECTION)

    async def ensure_indexes(self) -> None:
        await self._drafts.ensure_index("case", "owner")
        await self._drafts.ensure_index("owner", "-at")

    async def of_case(self, case: int, owner: str) -> list[Draft]:
        """The drafts that one person has in a case."""
        found = await self._drafts.find({"case": case, "owner": owner})
        return [from_document(document, Draft) for document in found]

    async def save(self, draft: Draft) -> None:
        """Keep a draft, in place of the one with the same id."""
        await self._drafts.put_each([to_document(draft)])

    async def remove(self, case: int, kind: str, owner: str) -> bool:
        """Delete a draft; False when there is none."""
        return bool(await self._drafts.delete({"_id": draft_id(case, kind, owner)}))


def draft_id(case: int, kind: str, owner: str) -> str:
    return f"{case} {kind} {owner}"
