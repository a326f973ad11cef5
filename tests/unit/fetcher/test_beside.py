"""Work that goes on beside other work."""

import asyncio

import pytest

from services.fetcher.beside import Beside


async def test_what_the_work_raises_comes_out_where_its_end_is_awaited() -> None:
    beside = Beside()
    beside.start(_failing())

    with pytest.raises(ValueError, match="broken"):
        await beside.ended()
    assert await beside.ended() is False


async def test_work_goes_on_until_its_end_is_awaited() -> None:
    go, done = asyncio.Event(), asyncio.Event()
    beside = Beside()
    beside.start(_waiting(go, done))
    assert not done.is_set()

    go.set()
    assert await beside.ended() is True
    assert done.is_set()


async def test_abandoned_work_has_ended_and_raises_nothing() -> None:
    beside, begun, done = Beside(), asyncio.Event(), asyncio.Event()
    beside.start(_stubborn(begun, done))
    await begun.wait()

    await beside.abandon()
    assert done.is_set()
    assert await beside.ended() is False


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
