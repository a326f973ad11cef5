"""The periodic work of a case writer on one database, each part once, as a program of its own:

python -m benchmarks.volume.sweeps STORE_URL DATABASE

Prints the seconds of each part as JSON, in the last line.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import msgspec

from schemas.changes import Change
from services.case_writer.housekeeping.blob_sweep import Sweeper
from services.case_writer.housekeeping.mongo import MongoBacklogCounts
from services.casework.overdue import OverdueSweep
from services.runtime.store.mongo import Store


class _NoPublisher:
    """Publishes nothing: a case writer later publishes what this program did not."""

    async def publish(self, changes: list[Change]) -> None:
        """Leave the changes of cases that became overdue since they were written."""


async def _measure(url: str, database: str) -> dict[str, float]:
    async with Store.opened(url, database) as store:
        sweeper, counts = Sweeper(store), MongoBacklogCounts(store)
        overdue = OverdueSweep(store, _NoPublisher())  # type: ignore[arg-type] # has what a sweep uses
        parts: dict[str, Callable[[], Awaitable[object]]] = {
            "blob sweep": lambda: _sweep(sweeper),
            "overdue sweep": overdue.sweep,
            "count of overdue cases": counts.overdue,
            "count of parked mails": counts.parked,
        }
        seconds = {}
        for name, part in parts.items():
            started = time.monotonic()
            await part()
            seconds[name] = time.monotonic() - started
        return seconds


async def _sweep(sweeper: Sweeper) -> None:
    async for page in sweeper.pages(datetime.now(UTC)):
        if page.files or page.torsos:
            raise AssertionError(f"removed: {page}")


if __name__ == "__main__":
    print(msgspec.json.encode(asyncio.run(_measure(*sys.argv[1:3]))).decode())
