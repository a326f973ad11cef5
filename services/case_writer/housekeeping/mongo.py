"""The port `BacklogCounts` in MongoDB."""

from schemas.stored import Case
from services.casework.listing import OVERDUE
from services.casework.parked import ParkedGroup, ParkedMailRepository
from services.runtime.store.mongo import Store


class MongoBacklogCounts:
    """Counts parked mails and overdue cases. Methods raise TransientError."""

    def __init__(self, store: Store) -> None:
        self._parked = ParkedMailRepository(store)
        self._cases = store.collection(Case.COLLECTION)

    async def parked(self) -> list[ParkedGroup]:
        return await self._parked.groups()

    async def overdue(self) -> dict[str, int]:
        by_process = {"$group": {"_id": "$process", "cases": {"$sum": 1}}}
        in_index = {"process": {"$gt": ""}, **OVERDUE}
        groups = await self._cases.aggregate([{"$match": in_index}, by_process])
        return {group["_id"]: group["cases"] for group in groups}
