"""Follows the log files of services and servers, and limits their size.

Their processes have the files open for appending. A full file is therefore copied and then emptied,
which the process does not notice.
"""

import gzip
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

MAX_BYTES = 5_000_000  # of a file before it is rotated
KEPT = 4  # compressed files next to it, each about a tenth of its size
MAX_AGE_S = 30 * 86_400.0  # of a compressed file
ROTATE_AFTER_S = 7 * 86_400.0
MAX_BYTES_AT_ONCE = 256 * 1024
_CLOCK = ".rotated"  # its age shows when the files were last rotated because of their age


@dataclass
class _Followed:
    path: Path
    file: BinaryIO
    partial: bytes = b""


class LogFiles:
    """All logs of a folder; `followed` are read line by line, from their current end."""

    def __init__(
        self,
        folder: Path,
        followed: Iterable[Path],
        *,
        max_bytes: int = MAX_BYTES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._folder = folder
        self._paths = list(followed)
        self._max_bytes = max_bytes
        self._clock = clock
        self._open: list[_Followed] = []

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / _CLOCK).touch()
        for path in self._paths:
            path.touch()
            followed = _Followed(path, path.open("rb"))
            followed.file.seek(0, 2)
            self._open.append(followed)
        return self

    def __exit__(self, *_: object) -> None:
        for followed in self._open:
            followed.file.close()

    def new_lines(self) -> Iterator[tuple[str, bytes]]:
        """The name of the service and each complete line since the last call."""
        for followed in self._open:
            if _is_replaced(followed):
                followed.file.close()
                followed.file, followed.partial = followed.path.open("rb"), b""
            text = followed.partial + followed.file.read(MAX_BYTES_AT_ONCE)
            lines, end, followed.partial = text.rpartition(b"\n")
            for line in lines.splitlines() if end else ():
                yield followed.path.stem, line

    def rotate(self) -> None:
        """Rotate the files that are too large, or all of them once a week; remove old ones.

        Call it right after `new_lines`. A line that is written at the same moment may be lost.
        """
        marker = self._folder / _CLOCK
        due = self._clock() - marker.stat().st_mtime > ROTATE_AFTER_S
        for path in self._folder.glob("*.log"):
            size = path.stat().st_size
            if size > self._max_bytes or (due and size):
                self._rotate(path)
        if due:
            marker.touch()
        for path in self._folder.glob("*.gz"):
            if self._clock() - path.stat().st_mtime > MAX_AGE_S:
                path.unlink()

    def _rotate(self, path: Path) -> None:
        for number in range(KEPT, 1, -1):
            older = _numbered(path, number - 1)
            if older.exists():
                older.replace(_numbered(path, number))
        first = _numbered(path, 1)
        new = first.with_suffix(".new")
        with path.open("r+b") as source:
            with gzip.open(new, "wb", compresslevel=6) as copy:
                shutil.copyfileobj(source, copy)
                shutil.copyfileobj(source, copy)  # lines that were written meanwhile
            source.truncate(0)
        new.replace(first)
        for followed in self._open:
            if followed.path == path:
                followed.file.seek(0)
                followed.partial = b""


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}.gz")


def _is_replaced(followed: _Followed) -> bool:
    """Whether the path now leads to another file, or someone else emptied the file."""
    try:
        status = followed.path.stat()
    except OSError:
        return False
    inode = os.fstat(followed.file.fileno()).st_ino
    return status.st_ino != inode or status.st_size < followed.file.tell()
