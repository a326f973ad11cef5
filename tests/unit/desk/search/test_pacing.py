"""Indexing lets requests pass, and continues although they never end."""

import asyncio
import time
from types import SimpleNamespace

import pytest

from services.desk.activity import Activity
from services.desk.search import pacing
from services.desk.search.pacing import PATIENCE_S, Pacing

WORK_S = 0.02


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds of each pause, which is recorded and not made."""
    recorded: list[float] = []

    async def record(seconds: float) -> None:
        recorded.append(seconds)

    monkeypatch.setattr(pacing, "asyncio", SimpleNamespace(sleep=record))
    return recorded


async def test_work_begins_when_the_request_has_ended() -> None:
    activity, begun = Activity(), asyncio.Event()
    activity.begin()

    async def piece() -> None:
        async with Pacing(activity).piece():
            begun.set()

    working = asyncio.create_task(piece())
    await asyncio.sleep(0)
    assert not begun.is_set()
    activity.end()
    await working
    assert begun.is_set()


async def test_after_work_comes_a_pause_as_long_as_it_took_but_only_if_there_are_requests(
    pauses: list[float],
) -> None:
    activity = Activity()
    async with Pacing(activity).piece():
        time.sleep(WORK_S)  # noqa: ASYNC251 - the work
    assert pauses == []

    activity.begin()
    activity.end()
    async with Pacing(activity).piece():
        time.sleep(WORK_S)  # noqa: ASYNC251 - the work
    assert len(pauses) == 1
    assert pauses[0] >= WORK_S


async def test_work_continues_beside_requests_that_never_end(
    pauses: list[float],
) -> None:
    activity = Activity()
    activity.begin()
    began_s = time.monotonic()
    async with Pacing(activity).piece() as step_aside:
        for _ in range(3):
            await asyncio.to_thread(step_aside)
        work_s = time.monotonic() - began_s
    assert work_s >= PATIENCE_S
    # Waiting for requests does not count as work, so it needs no pause.
    assert pauses[0] < work_s


async def test_a_thread_steps_aside_for_a_request_that_begins_during_its_work() -> None:
    activity = Activity()
    async with Pacing(activity).piece() as step_aside:
        await asyncio.to_thread(step_aside)
        activity.begin()
        stepping = asyncio.create_task(asyncio.to_thread(step_aside))
        await asyncio.sleep(0)
        assert not stepping.done()
        activity.end()
        await stepping


async def test_late_work_waits_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(seconds: float) -> None:
        raise AssertionError(seconds)

    monkeypatch.setattr(pacing, "asyncio", SimpleNamespace(sleep=fail))
    activity = Activity()
    activity.begin()
    async with Pacing(activity).piece(is_late=True) as step_aside:
        step_aside()  # would end only after the request, in this thread
    assert activity.in_progress
