"""The life of a service: it stops when asked, drains, and reports errors."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from services.runtime.process import lifecycle
from services.runtime.process.lifecycle import Stop, all_of, first_of, run_service


async def for_ever(cancelled: list[str], name: str) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        cancelled.append(name)


async def failing(error: Exception) -> None:
    raise error


class TestStop:
    async def test_a_wait_ends_when_a_stop_is_requested(self) -> None:
        stop = Stop()
        waiting = asyncio.ensure_future(stop.wait(60.0))
        stop.request()
        assert await asyncio.wait_for(waiting, 5.0)
        assert stop.requested

    async def test_a_wait_without_a_stop_ends_with_its_time(self) -> None:
        stop = Stop()
        assert not await stop.wait(0.0)
        assert not await stop.wait(0.001)

    @pytest.mark.parametrize("timeout_s", [None, 0.0, 60.0])
    async def test_an_earlier_stop_ends_any_wait_at_once(self, timeout_s: float | None) -> None:
        stop = Stop()
        stop.request()
        assert await asyncio.wait_for(stop.wait(timeout_s), 5.0)


class TestFirstOf:
    async def test_the_first_end_cancels_the_others(self) -> None:
        cancelled: list[str] = []
        await first_of(asyncio.sleep(0), for_ever(cancelled, "a"), for_ever(cancelled, "b"))
        assert sorted(cancelled) == ["a", "b"]

    async def test_what_the_first_raised_is_raised_after_the_others_ended(self) -> None:
        cancelled: list[str] = []
        with pytest.raises(ValueError, match="first"):
            await first_of(for_ever(cancelled, "a"), failing(ValueError("first")))
        assert cancelled == ["a"]

    async def test_being_cancelled_cancels_all(self) -> None:
        cancelled: list[str] = []
        running = asyncio.ensure_future(
            first_of(for_ever(cancelled, "a"), for_ever(cancelled, "b"))
        )
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert sorted(cancelled) == ["a", "b"]

    async def test_a_failure_while_being_cancelled_does_not_hide_the_first(self) -> None:
        async def fails_at_its_end() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                raise OSError("second")

        with pytest.raises(ValueError, match="first"):
            await first_of(fails_at_its_end(), failing(ValueError("first")))

    async def test_a_task_that_lost_its_cancellation_is_cancelled_again(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """`asyncio.wait_for` loses a cancellation that arrives when its own work ends."""
        monkeypatch.setattr(lifecycle, "CANCEL_AGAIN_S", 0.01)
        cancelled: list[str] = []

        async def loses_one() -> None:
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            await for_ever(cancelled, "again")

        async with asyncio.timeout(5.0):
            await first_of(asyncio.sleep(0), loses_one())
        assert cancelled == ["again"]


class TestAllOf:
    async def test_all_are_run_to_their_end(self) -> None:
        done: list[int] = []

        async def work(number: int) -> None:
            await asyncio.sleep(0)
            done.append(number)

        await all_of(work(number) for number in range(3))
        assert sorted(done) == [0, 1, 2]

    async def test_nothing_to_run_is_done_at_once(self) -> None:
        await asyncio.wait_for(all_of([]), 5.0)

    async def test_the_first_failure_cancels_the_others_and_is_raised(self) -> None:
        cancelled: list[str] = []
        with pytest.raises(ValueError, match="one"):
            await all_of([for_ever(cancelled, "a"), failing(ValueError("one"))])
        assert cancelled == ["a"]


STUCK = """
import asyncio, os, signal, threading
from services.runtime.process import lifecycle

lifecycle.DRAIN_DEADLINE_S, lifecycle.EXIT_DEADLINE_S = 0.01, 0.2

async def service(stop):
    threading.Thread(target=threading.Event().wait).start()  # as a driver's, with a frozen server
    os.kill(os.getpid(), signal.SIGTERM)
    await stop.wait()
    END

lifecycle.run_service("stuck", service)
"""


@pytest.mark.parametrize(
    ("end", "status"),
    [("await asyncio.Event().wait()", 0), ("raise ValueError('while stopping')", 1)],
)
def test_a_thread_that_does_not_end_does_not_keep_a_stopped_service(end: str, status: int) -> None:
    program = STUCK.replace("END", end)
    ended = subprocess.run(
        [sys.executable, "-c", program], timeout=60, check=False, capture_output=True
    )
    assert ended.returncode == status


@pytest.fixture
def without_exit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "exit_after", lambda _seconds, _status: None)


@pytest.mark.usefixtures("without_exit")
class TestRunService:
    """In this process: the service sends itself the signal that a supervisor would send."""

    def run(self, service: Callable[[Stop], Awaitable[None]]) -> None:
        before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            run_service("test", service)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_a_signal_asks_the_service_to_stop_and_waits_for_it(self, number: int) -> None:
        steps: list[str] = []

        async def service(stop: Stop) -> None:
            os.kill(os.getpid(), number)
            await stop.wait(10.0)
            steps.append("asked" if stop.requested else "not asked")
            await asyncio.sleep(0)
            steps.append("drained")

        self.run(service)
        assert steps == ["asked", "drained"]

    def test_a_service_that_ends_by_itself_ends_the_process(self) -> None:
        async def service(_stop: Stop) -> None:
            await asyncio.sleep(0)

        self.run(service)

    def test_what_a_service_raised_is_raised(self) -> None:
        async def service(_stop: Stop) -> None:
            raise ValueError("broken")

        with pytest.raises(ValueError, match="broken"):
            self.run(service)

    def test_what_a_service_raised_while_draining_is_raised(self) -> None:
        async def service(stop: Stop) -> None:
            stop_asked = asyncio.ensure_future(stop.wait())
            os.kill(os.getpid(), signal.SIGTERM)
            await stop_asked
            raise ValueError("while draining")

        with pytest.raises(ValueError, match="while draining"):
            self.run(service)

    def test_a_drain_that_never_ends_is_cut_short(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(lifecycle, "DRAIN_DEADLINE_S", 0.01)
        cancelled: list[str] = []

        async def service(_stop: Stop) -> None:
            os.kill(os.getpid(), signal.SIGTERM)
            await for_ever(cancelled, "service")

        self.run(service)
        assert cancelled == ["service"]
