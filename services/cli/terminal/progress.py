"""Progress of long work: a bar on a terminal, else a plain line every few seconds."""

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from services.cli.terminal.quiet import is_quiet

LINE_EVERY_S = 5.0


class _Progress:
    def __init__(self, what: str, column: ProgressColumn) -> None:
        console = Console(stderr=True)
        self._what = what
        self._plain = is_quiet() or not console.is_terminal
        columns = (TextColumn("{task.description}"), BarColumn(), column, TimeRemainingColumn())
        self._progress = Progress(*columns, console=console, disable=self._plain, transient=True)
        self._task = self._progress.add_task(what, total=None)
        self._started_s = self._printed_s = time.monotonic()

    def _print_line(self, text: str) -> None:
        """Print a line every few seconds if no bar is drawn."""
        now_s = time.monotonic()
        if self._plain and not is_quiet() and now_s - self._printed_s >= LINE_EVERY_S:
            self._printed_s = now_s
            print(f"{self._what}: {text}".rstrip(), file=sys.stderr, flush=True)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()


class Bar(_Progress):
    """Progress by offset, since the number of mails between two offsets is unknown."""

    def __init__(self, what: str) -> None:
        super().__init__(what, TaskProgressColumn())
        self._first: int | None = None

    def show(self, offset: int, end: int, note: str = "") -> None:
        """Show that the work is at `offset` of `end`."""
        if self._first is None:
            self._first = offset
        done, total = offset - self._first, max(1, end - self._first)
        self._progress.update(
            self._task, completed=done, total=total, description=f"{self._what} {note}".strip()
        )
        left = _left(done, total, time.monotonic() - self._started_s)
        self._print_line(f"at offset {offset} of {end}{left} {note}")


class Count(_Progress):
    """Progress by number: done, of those known so far."""

    def __init__(self, what: str) -> None:
        super().__init__(what, MofNCompleteColumn())

    def show(self, done: int, known: int) -> None:
        self._progress.update(self._task, completed=done, total=known)
        self._print_line(f"{done} of {known} so far")


def _left(done: int, total: int, elapsed_s: float) -> str:
    """`, about 40 s left`; empty while the rate is unknown."""
    if not 0 < done < total:
        return ""
    return f", about {elapsed_s / done * (total - done):.0f} s left"
