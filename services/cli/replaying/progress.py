"""How far a replay is: a bar on a terminal, a plain line every few seconds elsewhere."""

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

_LINE_EVERY_S = 5.0


class Bar:
    """Driven by offsets, since nobody knows how many mails lie between two of them."""

    def __init__(self, what: str) -> None:
        console = Console(stderr=True)
        self._what = what
        self._plain = not console.is_terminal
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=console, disable=self._plain, transient=True)
        self._task = self._progress.add_task(what, total=None)
        self._first: int | None = None
        self._started_s = self._told_s = time.monotonic()

    def show(self, offset: int, end: int, note: str = "") -> None:
        """Now at `offset` of `end`."""
        if self._first is None:
            self._first = offset
        done, total = offset - self._first, max(1, end - self._first)
        self._progress.update(self._task, completed=done, total=total, description=f"{self._what} {note}".strip())
        now_s = time.monotonic()
        if self._plain and now_s - self._told_s >= _LINE_EVERY_S:
            self._told_s = now_s
            left = _left(done, total, now_s - self._started_s)
            print(f"{self._what}: at offset {offset} of {end}{left} {note}".rstrip(), file=sys.stderr, flush=True)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()


def _left(done: int, total: int, took_s: float) -> str:
    """`, about 40 s left`; empty while nothing can be said."""
    if not 0 < done < total:
        return ""
    return f", about {took_s / done * (total - done):.0f} s left"
