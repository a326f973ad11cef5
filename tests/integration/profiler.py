"""What the database did within a block, by its profiler."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from services.runtime.store.mongo import Store


@asynccontextmanager
async def profiled(store: Store) -> AsyncIterator[list[dict[str, Any]]]:
    """The profile of every operation with a plan; filled at the end of the block."""
    database = store._database
    entries: list[dict[str, Any]] = []
    # By default, it holds the last megabyte only, and forgets the first operations.
    await database.create_collection("system.profile", capped=True, size=64 * 1024 * 1024)
    await database.command({"profile": 2})
    try:
        yield entries
    finally:
        await database.command({"profile": 0})
        query = {"planSummary": {"$exists": True}}
        entries += [entry async for entry in database["system.profile"].find(query)]
        await database.drop_collection("system.profile")  # other tests could not empty it
