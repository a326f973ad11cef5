"""Case numbers of a restored database: those that were given once are not given again."""

from datetime import UTC, datetime

from services.case_writer.mongo import COUNTER
from services.runtime.store import Store


async def keep_numbers(store: Store, highest: int) -> None:
    """Let new cases have numbers above `highest` from this moment on, and note which numbers were left out for that."""
    counters = store.collection("counters")
    counter = await counters.find_one({"_id": COUNTER})
    last = counter["value"] if counter else 0
    if highest <= last:
        return
    await counters.raise_to(COUNTER, "value", highest)
    raised = {"after": last, "to": highest, "at": datetime.now(UTC)}
    await counters.update({"_id": COUNTER}, {"$push": {"raised": raised}})


async def tell_of_gaps(store: Store, highest: int) -> None:
    """Say how many numbers up to `highest` have no case."""
    missing = highest - await store.collection("cases").count({"_id": {"$lte": highest}}) if highest else 0
    if missing > 0:
        print(
            f"{missing} case numbers up to {highest} have no case; `mailcase audit` lists them, and none is given again"
        )
