"""A task that runs in the background."""

import asyncio

import pytest

from services.runtime.process.background_task import BackgroundTask


async def test_join_raises_what_the_task_raised() -> None:
    background = BackgroundTask()
    background.start(_failing())

    with pytest.raises(ValueError, match="broken"):
        await background.join()
    assert await background.join() is False


async def test_a_task_runs_until_it_is_joined() -> None:
    go, done = asyncio.Event(), asyncio.Event()
    background = BackgroundTask()
    background.start(_waiting(go, done))
    assert not done.is_set()

    go.set()
    assert await background.join() is True
    assert done.is_set()


async def test_a_cancelled_task_has_ended_and_raises_nothing() -> None:
    background, begun, done = BackgroundTask(), asyncio.Event(), asyncio.Event()
    background.start(_stubborn(begun, done))
    await begun.wait()

    await background.cancel()
    assert done.is_set()
    assert await background.join() is False


async def _failing() -> None:
    raise ValueError("broken")


async def _waiting(go: asyncio.Event, done: asyncio.Event) -> None:
    await go.wait()
    done.set()


async def _stubborn(begun: asyncio.Event, done: asyncio.Event) -> None:
    begun.set()
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0)
        done.set()
