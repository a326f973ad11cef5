"""Shows the logs of the services while they run."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, Self

import msgspec

MAX_BYTES_AT_ONCE = 256 * 1024


class LogTail:
    """Follows log files from their current end; `show` copies complete new lines to standard
    error.
    """

    def __init__(self, files: Iterable[Path]) -> None:
        self._paths = list(files)
        self._open: dict[Path, BinaryIO] = {}
        self._partial: dict[Path, bytes] = {}

    def __enter__(self) -> Self:
        for path in self._paths:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            self._open[path] = path.open("rb")
            self._open[path].seek(0, 2)
        return self

    def __exit__(self, *_: object) -> None:
        self.show()
        for file in self._open.values():
            file.close()

    def show(self) -> None:
        for path, file in self._open.items():
            text = self._partial.get(path, b"") + file.read(MAX_BYTES_AT_ONCE)
            lines, end, self._partial[path] = text.rpartition(b"\n")
            for line in lines.splitlines() if end else []:
                shown = short(line) if sys.stderr.isatty() else _text(line)
                if shown:
                    sys.stderr.write(f"{path.stem}: {shown}\n")
        sys.stderr.flush()


def short(line: bytes) -> str:
    """A JSON line of a log in short form: time, level, event and fields; any other line unchanged.

    Empty for the event with all settings, which would fill several screens; the log file has it.
    """
    try:
        event = msgspec.json.decode(line, type=dict[str, object])
    except msgspec.DecodeError:
        return _text(line)
    time, level, _, name = [str(event.pop(key, "")) for key in ("ts", "level", "logger", "event")]
    if name == "settings_loaded":
        return ""
    fields = " ".join(f"{key}={value}" for key, value in event.items())
    return f"{time[11:19]} {level} {name} {fields}".rstrip()


def _text(line: bytes) -> str:
    return line.decode(errors="replace")
