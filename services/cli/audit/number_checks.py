"""Checks that case numbers have no gaps, and that the counter is not below them."""

from collections.abc import AsyncIterator

from services.case_writer.recording.mongo import COUNTER
from services.cli.audit.findings import Finding, gaps, of_gap
from services.runtime.store.mongo import Store

PAGE = 10_000


async def number_findings(store: Store) -> AsyncIterator[Finding]:
    """Gaps between case numbers, and a number above the counter. Raises TransientError."""
    counter = await store.collection("counters").find_one({"_id": COUNTER}) or {"value": 0}
    numbers: list[int] = []
    last, expected = 0, counter["value"]
    cases = store.collection("cases")
    while page := await cases.find({"_id": {"$gt": last, "$lte": expected}}, ["_id"], limit=PAGE):
        numbers = [case["_id"] for case in page]
        for first, end in gaps([number - last for number in numbers], numbers[-1] - last):
            yield of_gap(first + last, end + last, counter.get("raised", []))
        last = numbers[-1]
    if last < expected:
        yield of_gap(last + 1, expected, counter.get("raised", []))
    beyond = await cases.find({"_id": {"$gt": expected}}, ["_id"], limit=1)
    again = await store.collection("counters").find_one({"_id": COUNTER}) or {"value": 0}
    if beyond and beyond[0]["_id"] > again["value"]:
        yield Finding(
            "number-beyond-counter",
            f"case {beyond[0]['_id']}, the counter is at {again['value']}",
        )
