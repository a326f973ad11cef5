"""Restarts what ends by itself, ever more slowly: the services of `mailcase up`, and its private servers."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Protocol

from services.runtime.retry import Backoff

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
STABLE_AFTER_S = 300.0  # what ran for so long is restarted soon again
KILL_INTERVAL_S = 0.1


class Child(Protocol):
    """`start` may block until the child serves, and fails if `kill` is called meanwhile."""

    name: str

    @property
    def running(self) -> bool: ...

    def start(self) -> None: ...

    def kill(self) -> None: ...

    def ending(self) -> str: ...

    def epilogue(self) -> str: ...


@dataclass
class _Watch:
    """What is known of one child: since when it runs, and its restart, due or under way."""

    child: Child
    backoff: Backoff
    started_s: float
    due_s: float | None = None
    start: Future[None] | None = field(default=None, repr=False)


class Supervisor:
    """Give `poll` a call every now and then; it does not block. `close` ends restarts under way, not the children.

    `report` gets one line, and perhaps the end of a log below it, for each end, restart and failure.
    """

    def __init__(
        self,
        children: Sequence[Child],
        report: Callable[[str], None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._report = report
        self._clock = clock
        self._watched = [
            _Watch(child, Backoff(initial_s=FIRST_PAUSE_S, maximum_s=LONGEST_PAUSE_S), clock()) for child in children
        ]
        # A thread for each: a server that does not come up must not hold up the others.
        self._pool = ThreadPoolExecutor(max_workers=max(1, len(children)), thread_name_prefix="restart")

    def poll(self) -> None:
        """Report what ended, and restart what is due."""
        for watch in self._watched:
            if watch.start is not None:
                if watch.start.done():
                    self._finish(watch, watch.start)
            elif watch.child.running:
                watch.due_s = None
            elif watch.due_s is None:
                self._schedule(
                    watch, f"{watch.child.name} ended by itself{watch.child.ending()}", watch.child.epilogue()
                )
            elif watch.due_s <= self._clock():
                watch.start = self._pool.submit(watch.child.start)

    def close(self) -> None:
        """No restart begins from now on, and none is under way when this returns."""
        for watch in self._watched:
            while watch.start is not None and not wait([watch.start], KILL_INTERVAL_S).done:
                watch.child.kill()
        self._pool.shutdown()

    def _finish(self, watch: _Watch, start: Future[None]) -> None:
        watch.start = watch.due_s = None
        error = start.exception()
        if error is None:
            watch.started_s = self._clock()
            self._report(f"{watch.child.name} runs again")
        else:
            self._schedule(watch, f"{watch.child.name} cannot be restarted: {error}", "")

    def _schedule(self, watch: _Watch, what: str, epilogue: str) -> None:
        if self._clock() - watch.started_s > STABLE_AFTER_S:
            watch.backoff.reset()
        watch.started_s = self._clock()
        pause_s = watch.backoff.next_s()
        watch.due_s = self._clock() + pause_s
        self._report(f"{what}; restarting it in {pause_s:.0f} s{epilogue}")
