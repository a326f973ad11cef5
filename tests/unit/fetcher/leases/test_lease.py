"""The validity of a lease."""

import asyncio

import pytest

from services.fetcher.leases.lease import Lease, LeaseLostError


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def test_a_holder_whose_lease_expired_waits_until_it_is_renewed(clock: Clock) -> None:
    lease = Lease(10.0, clock)
    await lease.wait_until_valid()
    clock.now_s = 10.0
    waiting = asyncio.ensure_future(lease.wait_until_valid())
    await asyncio.sleep(0)
    assert not waiting.done()
    lease.extend(20.0)
    await asyncio.wait_for(waiting, 5)


async def test_a_waiting_holder_learns_that_the_lease_is_lost(clock: Clock) -> None:
    lease = Lease(0.0, clock)
    waiting, lost = (
        asyncio.ensure_future(lease.wait_until_valid()),
        asyncio.ensure_future(lease.lost()),
    )
    await asyncio.sleep(0)
    lease.lose()
    for task in (waiting, lost):
        with pytest.raises(LeaseLostError):
            await asyncio.wait_for(task, 5)


def test_a_lost_lease_is_never_valid_again(clock: Clock) -> None:
    lease = Lease(10.0, clock)
    assert lease.valid
    lease.lose()
    lease.extend(99.0)
    assert not lease.valid
