"""The output of `mailcase up`: short lines for people on a terminal, otherwise JSON lines."""

import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

import msgspec
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from services.cli.terminal.lines import HANG, wrapped
from services.cli.terminal.output import printable
from services.cli.up.messages import Message, RepeatFilter, message_of

Level = Literal["info", "warning", "error"]
LOGGER = "services.cli.up"
_STYLES = {"info": "", "warning": "yellow", "error": "red"}


class Presenter(Protocol):
    """Callable from any thread. `is_for_people` is true if the output goes to a terminal and not to
    a log.
    """

    is_for_people: bool

    def progress(self, text: str) -> AbstractContextManager[None]:
        """Show that something is in progress, during the block."""

    def event(self, name: str, text: str, level: Level = "info", **fields: object) -> None:
        """An event of `up` itself; `text` is for people, the other fields are for programs."""

    def log_line(self, service: str, line: bytes) -> None:
        """A line of a service's log."""

    def mail(self, head: str, subject: str, sender: str) -> None:
        """A line about a recorded mail, for people only."""


class JsonPresenter:
    """Every line is a JSON object, as the services log it, without a prefix."""

    is_for_people = False

    def __init__(self) -> None:
        self._lock = threading.Lock()

    @contextmanager
    def progress(self, text: str) -> Iterator[None]:
        self.event("progress", text)
        yield

    def event(self, name: str, text: str, level: Level = "info", **fields: object) -> None:
        line: dict[str, Any] = {
            "ts": datetime.now(UTC),
            "level": level,
            "logger": LOGGER,
            "event": name,
            "text": text,
        }
        self._write(msgspec.json.encode(line | fields, enc_hook=str))

    def log_line(self, service: str, line: bytes) -> None:
        if line.startswith(b"{") and line.endswith(b"}") and len(line) > 2:
            name = msgspec.json.encode(service)
            self._write(line[:-1] + b',"service":' + name + b"}")
        else:
            text = printable(line.decode(errors="replace"))
            self.event("output", text, service=service)

    def mail(self, head: str, subject: str, sender: str) -> None:
        """Print nothing: programs read the log lines."""

    def _write(self, line: bytes) -> None:
        with self._lock:
            sys.stdout.buffer.write(line + b"\n")
            sys.stdout.buffer.flush()


class TerminalPresenter:
    """Lines for people. A repeated problem is shown only once in a while."""

    is_for_people = True

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)
        self._repeats = RepeatFilter()
        self._lock = threading.Lock()

    @contextmanager
    def progress(self, text: str) -> Iterator[None]:
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        progress = Progress(*columns, console=self._console, transient=True)
        progress.add_task(text, total=None)
        progress.start()
        try:
            yield
        finally:
            with self._lock:  # a line of another thread would land on the one that is erased
                progress.stop()

    def event(self, name: str, text: str, level: Level = "info", **_fields: object) -> None:
        del name
        # Only the first line: the rest is the end of a log file.
        first = text.partition("\n")[0].removesuffix(" ends with:")
        self._print(Message(first, level))

    def log_line(self, service: str, line: bytes) -> None:
        message = message_of(service, line)
        if message is not None and self._repeats.is_new(message):
            self._print(message)

    def mail(self, head: str, subject: str, sender: str) -> None:
        line = Text(mail_line(head, subject, sender, self._console.width))
        with self._lock:
            self._console.print(line, no_wrap=True, overflow="ellipsis")

    def _print(self, message: Message) -> None:
        self._write(message.text, _STYLES[message.level])
        if message.hint:
            self._write(f"  {message.hint}")

    def _write(self, text: str, style: str = "") -> None:
        line = wrapped(printable(text), HANG, self._console.width)
        with self._lock:
            self._console.print(Text(line, style=style), soft_wrap=True)


def mail_line(head: str, subject: str, sender: str, width: int) -> str:
    """At most so wide: what is too long is cut, the subject before the sender. Pure."""
    subject, sender = (" ".join(printable(text).split()) for text in (subject, sender))
    room = width - cell_len(head) - len("    ")
    if cell_len(subject) + cell_len(sender) > room and subject and sender:
        subject = _cut(subject, max(room - cell_len(sender), room * 3 // 5))
        sender = _cut(sender, room - cell_len(subject))
    return "  ".join((head, *(text for text in (subject, sender) if text)))


def _cut(text: str, width: int) -> str:
    if cell_len(text) <= width:
        return text
    return f"{set_cell_size(text, max(width - 1, 1)).rstrip()}…"


def create_presenter() -> Presenter:
    """The presenter that suits standard output."""
    return TerminalPresenter() if sys.stdout.isatty() else JsonPresenter()
