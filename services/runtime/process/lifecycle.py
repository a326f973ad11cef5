"""A stage's life: start, run until SIGTERM or Ctrl-C, drain, end with a deadline."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress

import uvloop

from services.runtime.logs import get_logger
from services.runtime.metrics import introduce_service

log = get_logger(__name__)

DRAIN_DEADLINE_S = 25.0  # Kubernetes kills after 30 s by default; what is not acknowledged by then is delivered again


class Stop:
    """The wish that a stage ends; set once, by a signal or by a failing part."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    @property
    def requested(self) -> bool:
        return self._event.is_set()

    def request(self) -> None:
        self._event.set()

    async def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for the wish, or for `timeout_s` seconds; True if the stage shall end."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._event.wait(), timeout_s)
        return self.requested  # asked, since a wait of no length does not look at the event


async def first_of(*awaitables: Awaitable[object]) -> None:
    """Run several things until the first of them ends, cancel the others, and raise what the ended ones raised."""
    tasks = [asyncio.ensure_future(awaitable) for awaitable in awaitables]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        ended = [task for task in tasks if task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in ended:
        task.result()


async def all_of(awaitables: Iterable[Awaitable[object]]) -> None:
    """Run several things until all have ended; the first failure cancels the others and is raised."""
    tasks = [asyncio.ensure_future(awaitable) for awaitable in awaitables]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def run_service(name: str, stage: Callable[[Stop], Awaitable[None]]) -> None:
    """Run a stage to its end on uvloop; the first SIGTERM or SIGINT asks it to stop.

    Returns after a clean stop, also when the drain deadline cut it short: nothing unacknowledged is lost by that.
    Raises what the stage raised.
    """
    uvloop.run(_until_stopped(name, stage))


async def _until_stopped(name: str, stage: Callable[[Stop], Awaitable[None]]) -> None:
    stop = Stop()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.request)
    introduce_service(name)
    log.info("stage_started", stage=name)
    running = asyncio.ensure_future(stage(stop))
    asked = asyncio.ensure_future(stop.wait())
    await asyncio.wait({running, asked}, return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
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
