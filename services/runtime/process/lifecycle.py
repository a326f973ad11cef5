"""The lifecycle of a service: start, run until SIGTERM or Ctrl-C, drain within a deadline."""

import asyncio
import os
import signal
import threading
from collections.abc import Awaitable, Callable, Collection, Iterable
from contextlib import suppress
from typing import Any

import uvloop

from services.runtime.logs import get_logger
from services.runtime.metrics import introduce_service

log = get_logger(__name__)

# Kubernetes kills after 30 s by default; unacknowledged messages are delivered again
DRAIN_DEADLINE_S = 25.0
EXIT_DEADLINE_S = 29.0  # then the process ends, even if a thread of a driver still waits
CANCEL_AGAIN_S = 10.0  # longer than any cleanup after a cancellation takes


class Stop:
    """A request to stop; set once, by a signal or by a failing part."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    @property
    def requested(self) -> bool:
        return self._event.is_set()

    def request(self) -> None:
        self._event.set()

    async def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for the request, at most `timeout_s` seconds; True if a stop was requested."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._event.wait()
        return self.requested


async def first_of(*awaitables: Awaitable[object]) -> None:
    """Run several coroutines until the first ends, cancel the others, and raise the errors of the
    ended ones.

    No TaskGroup: the driver of the broker may cancel a task from inside, which must end the others
    and be raised; a TaskGroup treats such a task as successful.
    """
    tasks = [asyncio.ensure_future(awaitable) for awaitable in awaitables]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        ended = [task for task in tasks if task.done()]
        await cancel_all(tasks)
    for task in ended:
        task.result()


async def all_of(awaitables: Iterable[Awaitable[object]]) -> None:
    """Run several coroutines until all have ended; the first failure cancels the others and is
    raised.

    No TaskGroup, for the same reason as in `first_of`.
    """
    tasks = [asyncio.ensure_future(awaitable) for awaitable in awaitables]
    try:
        await asyncio.gather(*tasks)
    finally:
        await cancel_all(tasks)


async def cancel_all(tasks: Collection[asyncio.Future[Any]]) -> None:
    """Cancel the tasks that have not ended, and wait for all. Never raises their errors.

    A cancellation can be lost: before Python 3.12 `asyncio.wait_for`, which the driver of the
    broker uses, swallows one that comes as its own work ends. Such a task is cancelled again.
    """
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=CANCEL_AGAIN_S)
    await asyncio.gather(*tasks, return_exceptions=True)


def run_service(name: str, service: Callable[[Stop], Awaitable[None]]) -> None:
    """Run a service on uvloop until it ends; the first SIGTERM or SIGINT requests a stop.

    Returns after a clean stop, and if the drain deadline cut it short: unacknowledged messages are
    not lost. Raises what the service raised. The process ends with status 0, at most
    EXIT_DEADLINE_S after the request.
    """
    uvloop.run(_until_stopped(name, service))


async def _until_stopped(name: str, service: Callable[[Stop], Awaitable[None]]) -> None:
    stop = Stop()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.request)
    introduce_service(name)
    log.info("stage_started", stage=name)
    running = asyncio.ensure_future(service(stop))
    stop_requested = asyncio.ensure_future(stop.wait())
    await asyncio.wait({running, stop_requested}, return_when=asyncio.FIRST_COMPLETED)
    stop_requested.cancel()
    exit_after(EXIT_DEADLINE_S, lambda: int(_has_failed(running)))
    if not running.done():
        log.info("stage_draining", stage=name)
        await asyncio.wait({running}, timeout=DRAIN_DEADLINE_S)
    if not running.done():
        log.warning("stage_drain_cut_short", stage=name, deadline_s=DRAIN_DEADLINE_S)
        running.cancel()
        await asyncio.wait({running}, timeout=2.0)
    if running.done() and not running.cancelled():
        running.result()
    log.info("stage_stopped", stage=name)


def _has_failed(running: "asyncio.Future[None]") -> bool:
    return running.done() and not running.cancelled() and running.exception() is not None


def exit_after(seconds: float, status: Callable[[], int]) -> None:
    """End the process after `seconds` with `status`, unless it has ended by then.

    Python waits at its exit for the threads of drivers, and one of MongoDB's waits for a frozen
    server for half a minute.
    """

    def leave() -> None:
        log.warning("stage_exit_forced", deadline_s=seconds)
        os._exit(status())

    timer = threading.Timer(seconds, leave)
    timer.daemon = True
    timer.start()
