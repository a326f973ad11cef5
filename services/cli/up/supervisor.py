"""Restarts the services and private servers of `mailcase up` with increasing pauses if they end."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from services.runtime.retry import Backoff

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
STABLE_AFTER_S = 300.0  # a child that ran at least this long is restarted with a short pause
KILL_INTERVAL_S = 0.1


class Child(Protocol):
    """A supervised process.

    `start` may block until it serves, and fails if `kill` is called in the meantime.
    """

    name: str

    @property
    def running(self) -> bool: ...

    def start(self) -> None: ...

    def kill(self) -> None: ...

    def ending(self) -> str: ...

    @property
    def log_file(self) -> Path: ...


@dataclass
class _Supervised:
    """One child: when it started, and its restart, if one is due or running."""

    child: Child
    backoff: Backoff
    started_s: float
    due_s: float | None = None
    start: Future[None] | None = field(default=None, repr=False)


class Supervisor:
    """Call `poll` regularly; it does not block.

    `close` aborts running restarts, but does not stop the children. `report` receives a text for
    each end, restart and failure, and whether it is a problem.
    """

    def __init__(
        self,
        children: Sequence[Child],
        report: Callable[[str, bool], None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._report = report
        self._clock = clock
        self._watched = [
            _Supervised(child, Backoff(initial_s=FIRST_PAUSE_S, maximum_s=LONGEST_PAUSE_S), clock())
            for child in children
        ]
        # One thread each: a server that does not start must not delay the others.
        self._pool = ThreadPoolExecutor(
            max_workers=max(1, len(children)), thread_name_prefix="restart"
        )

    def poll(self) -> None:
        """Report children that have ended, and start restarts that are due."""
        for watch in self._watched:
            if watch.start is not None:
                if watch.start.done():
                    self._finish(watch, watch.start)
            elif watch.child.running:
                watch.due_s = None
            elif watch.due_s is None:
                self._schedule(
                    watch,
                    f"{watch.child.name} ended by itself{watch.child.ending()}",
                    f"; see {watch.child.log_file}",
                )
            elif watch.due_s <= self._clock():
                watch.start = self._pool.submit(watch.child.start)

    def close(self) -> None:
        """Abort running restarts; none runs or starts after this returns."""
        for watch in self._watched:
            while watch.start is not None and not wait([watch.start], KILL_INTERVAL_S).done:
                watch.child.kill()
        self._pool.shutdown()

    def _finish(self, watch: _Supervised, start: Future[None]) -> None:
        watch.start = watch.due_s = None
        error = start.exception()
        if error is None:
            watch.started_s = self._clock()
            self._report(f"{watch.child.name} runs again", False)
        else:
            self._schedule(watch, f"{watch.child.name} cannot be restarted: {error}", "")

    def _schedule(self, watch: _Supervised, what: str, epilogue: str) -> None:
        if self._clock() - watch.started_s > STABLE_AFTER_S:
            watch.backoff.reset()
        watch.started_s = self._clock()
        pause_s = watch.backoff.next_s()
        watch.due_s = self._clock() + pause_s
        self._report(f"{what}; restarting it in {pause_s:.0f} s{epilogue}", True)
