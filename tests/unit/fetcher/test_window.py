"""The window of mails under way, and the memory that they share."""

import asyncio

import pytest

from services.fetcher.budget import Budget
from services.fetcher.window import InFlight


def test_a_window_is_bounded_in_mails_and_in_bytes() -> None:
    window = InFlight(2, 100)
    window.add("1", "a", 60, now_s=0)
    assert window.fits(1, 40)
    assert not window.fits(1, 41)
    assert not window.fits(2, 2)


def test_a_mail_larger_than_the_window_goes_alone() -> None:
    window = InFlight(2, 100)
    assert window.fits(1, 1000)
    assert not window.fits(2, 1000)
    window.add("1", "a", 1000, now_s=0)
    assert not window.fits(1, 1)


def test_one_receipt_lands_every_equal_mail() -> None:
    window = InFlight(9, 100)
    for mail_id, key in (("1", "same"), ("2", "same"), ("3", "other")):
        window.add(mail_id, key, 10, now_s=0)
    assert window.landed(["same", "unknown"]) == ["1", "2"]
    assert (len(window), window.bytes) == (1, 10)


def test_patience_doubles_with_each_time_a_receipt_is_late() -> None:
    window = InFlight(9, 100, patience_s=10, max_patience_s=25)
    window.add("1", "a", 10, now_s=0)
    assert window.overdue(9) == []
    assert window.overdue(10) == ["1"]
    for now_s, due_s in ((10, 30), (30, 55), (55, 80)):
        window.add("1", "a", 10, now_s=now_s)
        assert window.overdue(due_s - 1) == []
        assert window.overdue(due_s) == ["1"]
    assert (len(window), window.bytes) == (1, 10)


def test_the_oldest_mail_under_way_keeps_its_time_when_it_is_published_again() -> None:
    window = InFlight(9, 100)
    assert window.oldest_since_s() is None
    window.add("1", "a", 10, now_s=0, since_s=1000.0)
    window.add("2", "b", 10, now_s=0, since_s=1005.0)
    window.add("1", "a", 10, now_s=300, since_s=1300.0)
    assert window.oldest_since_s() == 1000.0
    window.landed(["a"])
    assert window.oldest_since_s() == 1005.0


def test_what_is_gone_is_forgotten_once() -> None:
    window = InFlight(9, 100)
    window.add("1", "a", 10, now_s=0)
    window.forget(["1", "1", "2"])
    assert (len(window), window.bytes, window.size_of("1")) == (0, 0, 0)


async def test_mailboxes_share_the_memory_and_take_turns() -> None:
    budget, order = Budget(100), list[str]()
    started = {name: asyncio.Event() for name in "abc"}

    async def hold(name: str, size: int, until: asyncio.Event) -> None:
        async with budget.held(size):
            order.append(name)
            started[name].set()
            await until.wait()

    first, rest = asyncio.Event(), asyncio.Event()
    rest.set()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(hold("a", 60, first))
        await started["a"].wait()
        tasks.create_task(hold("b", 500, rest))  # larger than all: alone, and not overtaken
        tasks.create_task(hold("c", 10, rest))
        await asyncio.sleep(0)
        assert order == ["a"]
        first.set()
    assert order == ["a", "b", "c"]


async def test_memory_is_given_back_when_a_fetch_fails() -> None:
    budget = Budget(100)
    with pytest.raises(OSError, match="gone"):
        async with budget.held(100):
            raise OSError("gone")
    async with asyncio.timeout(5), budget.held(100):
        pass
