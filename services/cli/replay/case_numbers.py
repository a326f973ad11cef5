"""Case numbers after a restore: a number is never assigned twice."""

from datetime import UTC, datetime

from services.case_writer.recording.mongo import COUNTER
from services.runtime.store.mongo import Store


async def keep_numbers(store: Store, highest: int) -> None:
    """Raise the counter to `highest`, and record the numbers that are skipped."""
    if not highest:
        return
    counters = store.collection("counters")
    await counters.insert_missing([{"_id": COUNTER, "value": 0}])
    while (last := await _last(store)) < highest:
        # In one update, conditional on the number read: an unrecorded gap would fail every later
        # audit.
        raised = {"after": last, "to": highest, "at": datetime.now(UTC)}
        change = {"$set": {"value": highest}, "$push": {"raised": raised}}
        await counters.update({"_id": COUNTER, "value": last}, change)


async def _last(store: Store) -> int:
    counter = await store.collection("counters").find_one({"_id": COUNTER})
    return int(counter["value"]) if counter else 0


async def print_gaps(store: Store, highest: int) -> None:
    """Print how many numbers up to `highest` have no case."""
    missing = (
        highest - await store.collection("cases").count({"_id": {"$lte": highest}})
        if highest
        else 0
    )
    if missing > 0:
        print(
            f"{missing} case numbers up to {highest} have no case; `mailcase audit` lists them, and "
            "none is assigned again"
        )
