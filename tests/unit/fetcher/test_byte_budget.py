"""The memory of one fetcher, shared by its mailboxes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from services.fetcher.byte_budget import PATIENCE_S, ByteBudget


class Holders:
    """Requests that keep their bytes until `end`; `got` are those granted, in order."""

    def __init__(self, budget: ByteBudget) -> None:
        self.budget = budget
        self.got: list[str] = []
        self._ends: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def ask(self, name: str, mailbox: str, size: int) -> None:
        self._ends[name] = asyncio.Event()
        self._tasks[name] = asyncio.create_task(self._hold(name, mailbox, size))
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    async def end(self, name: str) -> None:
        self._ends[name].set()
        await self._tasks[name]
        await asyncio.sleep(0)

    async def cancel(self, name: str) -> None:
        self._tasks[name].cancel()
        await asyncio.gather(self._tasks[name], return_exceptions=True)
        await asyncio.sleep(0)

    async def close(self) -> None:
        for name in self._tasks:
            await self.cancel(name)

    async def _hold(self, name: str, mailbox: str, size: int) -> None:
        async with self.budget.reserve(mailbox, size):
            self.got.append(name)
            await self._ends[name].wait()


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def holders(clock: Clock) -> AsyncIterator[Holders]:
    """A share of 10 for each of four mailboxes, and 40 in total."""
    made = Holders(ByteBudget(80, 4, clock))
    yield made
    await made.close()


async def test_a_mailbox_gets_its_share_whatever_the_others_reserve(holders: Holders) -> None:
    await holders.ask("held for ever", "slow", 40)
    await holders.ask("waits", "slow too", 40)
    await holders.ask("small", "well", 10)
    assert holders.got == ["held for ever", "small"]
    assert holders.budget.available("well") == 0


async def test_small_requests_overtake_large_ones(holders: Holders) -> None:
    await holders.ask("first", "a", 30)
    await holders.ask("large", "b", 35)
    await holders.ask("small", "c", 11)
    assert holders.got == ["first"]
    await holders.end("first")
    assert holders.got == ["first", "small"]
    await holders.end("small")
    assert holders.got == ["first", "small", "large"]


async def test_nothing_overtakes_a_request_that_has_waited_long(
    holders: Holders, clock: Clock
) -> None:
    await holders.ask("first", "a", 30)
    await holders.ask("large", "b", 40)
    clock.now_s = PATIENCE_S
    await holders.ask("small", "c", 11)
    await holders.end("first")
    assert holders.got == ["first", "large"]


async def test_a_request_over_the_whole_budget_is_granted_alone(holders: Holders) -> None:
    await holders.ask("share", "a", 10)  # of another's share it need not wait
    await holders.ask("huge", "b", 500)
    await holders.ask("next", "c", 11)
    assert holders.got == ["share", "huge"]
    await holders.end("huge")
    assert holders.got == ["share", "huge", "next"]


async def test_a_request_gets_its_share_as_soon_as_it_is_free(holders: Holders) -> None:
    await holders.ask("common", "slow", 40)
    await holders.ask("share", "a", 10)
    await holders.ask("second", "a", 9)
    assert holders.got == ["common", "share"]
    await holders.end("share")
    assert holders.got == ["common", "share", "second"]


async def test_failed_and_cancelled_requests_free_their_memory(holders: Holders) -> None:
    with pytest.raises(OSError, match="gone"):
        async with holders.budget.reserve("a", 40):
            raise OSError("gone")
    await holders.ask("first", "a", 40)
    await holders.ask("gives up", "b", 40)
    await holders.cancel("gives up")
    await holders.end("first")
    async with asyncio.timeout(5), AsyncExitStack() as stack:
        await stack.enter_async_context(holders.budget.reserve("c", 40))
    assert holders.budget.available("a") == 40
