"""Counts per stage are shared, and renewed in the background if counting is slow."""

import asyncio

import pytest

from services.desk.stage_counts import MAX_AGE_S, PART_OF_TIME, YOUNG_S, StageCounts
from services.runtime.errors import TransientError

STAGE = ("invoices", "approval")


class Database:
    """Counts to 1, 2, 3 …; each count takes `takes_s` on the clock."""

    def __init__(self, takes_s: float) -> None:
        self.now_s = 1000.0
        self.takes_s = takes_s
        self.counted = 0
        self.is_away = False

    async def count(self) -> dict[tuple[str, str], int]:
        await asyncio.sleep(0)
        if self.is_away:
            raise TransientError("away")
        self.counted += 1
        self.now_s += self.takes_s
        return {STAGE: self.counted}

    def counts(self) -> StageCounts:
        return StageCounts(self.count, lambda: self.now_s)


async def turns() -> None:
    """Let a count in the background finish: it takes a few iterations of the loop and no time."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_fast_counts_are_at_most_a_second_old() -> None:
    database = Database(0.001)
    counts = database.counts()
    assert [(await counts.get())[STAGE] for _ in range(3)] == [1, 1, 1]
    database.now_s += YOUNG_S + 0.1
    assert (await counts.get())[STAGE] == 2


async def test_changes_by_this_desk_are_in_fast_counts_at_once() -> None:
    database = Database(0.001)
    counts = database.counts()
    await counts.get()
    counts.changed()
    assert [(await counts.get())[STAGE] for _ in range(2)] == [2, 2]


async def test_requests_at_once_share_a_count() -> None:
    database = Database(0.2)
    counts = database.counts()
    found = await asyncio.gather(*(counts.get() for _ in range(20)))
    assert [each[STAGE] for each in found] == [1] * 20


async def test_slow_counts_are_renewed_in_the_background() -> None:
    database = Database(0.2)
    counts = database.counts()
    await counts.get()
    database.now_s += 0.2 * PART_OF_TIME - 0.1
    assert (await counts.get())[STAGE] == 1
    await turns()
    assert database.counted == 1  # young enough
    database.now_s += 0.2
    assert (await counts.get())[STAGE] == 1  # does not wait
    await turns()
    assert (await counts.get())[STAGE] == 2


async def test_old_counts_are_not_shown() -> None:
    database = Database(0.2)
    counts = database.counts()
    await counts.get()
    database.now_s += MAX_AGE_S + 1
    assert (await counts.get())[STAGE] == 2


async def test_a_change_during_a_count_is_in_the_next_one() -> None:
    database = Database(0.001)
    counts = database.counts()
    before = asyncio.create_task(counts.get())
    await asyncio.sleep(0)
    counts.changed()
    after = await asyncio.gather(*(counts.get() for _ in range(3)))
    assert ((await before)[STAGE], [each[STAGE] for each in after]) == (1, [2] * 3)
    counts.changed()
    both = await asyncio.gather(counts.get(), counts.get())
    assert [each[STAGE] for each in both] == [3, 3]


async def test_a_change_survives_a_failed_count() -> None:
    database = Database(0.001)
    counts = database.counts()
    await counts.get()
    counts.changed()
    database.is_away = True
    with pytest.raises(TransientError):
        await counts.get()
    database.is_away = False
    assert (await counts.get())[STAGE] == 2


async def test_an_outage_leaves_the_counts_of_before() -> None:
    database = Database(0.2)
    counts = database.counts()
    await counts.get()
    database.is_away = True
    database.now_s += 0.2 * PART_OF_TIME + 1
    assert (await counts.get())[STAGE] == 1
    await turns()
    database.now_s += MAX_AGE_S
    with pytest.raises(TransientError):
        await counts.get()
