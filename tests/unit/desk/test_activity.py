"""Background work waits for requests, for a bounded time."""

import asyncio
import threading

from services.desk.activity import Activity


async def test_waiting_ends_with_the_last_of_several_requests() -> None:
    activity = Activity()
    await activity.wait_idle(60)
    activity.begin()
    activity.begin()
    waiting = asyncio.create_task(activity.wait_idle(60))
    activity.end()
    await asyncio.sleep(0)
    assert not waiting.done()
    activity.end()
    await waiting


async def test_a_thread_waits_for_the_requests_of_the_event_loop() -> None:
    activity = Activity()
    activity.begin()
    begun = threading.Event()

    def work() -> None:
        begun.set()
        activity.wait_idle_in_thread(60)

    working = asyncio.create_task(asyncio.to_thread(work))
    assert await asyncio.to_thread(begun.wait, 60)
    assert not working.done()
    activity.end()
    await working


async def test_waiting_ends_although_a_request_does_not() -> None:
    activity = Activity()
    activity.begin()
    await activity.wait_idle(0.01)
    await asyncio.to_thread(activity.wait_idle_in_thread, 0.01)
    await activity.wait_idle(-1)


async def test_a_request_counts_for_a_while_after_its_end() -> None:
    now_s = 100.0
    activity = Activity(lambda: now_s)
    assert not activity.within(2)
    activity.begin()
    now_s = 200.0
    assert activity.within(2)
    activity.end()
    now_s = 201.0
    assert activity.within(2)
    now_s = 203.0
    assert not activity.within(2)
