"""Measures how much space the data folder uses, and how much is left."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

LITTLE_BYTES = 1_000_000_000
FULL_BYTES = 50_000_000  # RabbitMQ's own limit (disk_free_limit), below which it blocks publishers
# More than a journal file of MongoDB, which takes 100 MB at times.
RECOVERED_BYTES = 5 * FULL_BYTES
PARTS = {"store": ("store",), "broker": ("broker",), "logs": ("logs",)}


@dataclass(frozen=True)
class DiskUse:
    """Sizes in bytes as the file system counts them. The parts are store, broker, logs and
    other.
    """

    by_part: dict[str, int]
    free: int

    @property
    def total(self) -> int:
        return sum(self.by_part.values())

    @property
    def is_scarce(self) -> bool:
        """Whether space is scarce. On a full disk, the broker blocks and the database ends."""
        return self.free < LITTLE_BYTES


def disk_use(data: Path) -> DiskUse:
    """Measure the folder. A file that disappears meanwhile does not count."""
    sizes = dict.fromkeys((*PARTS, "other"), 0)
    for entry in data.iterdir() if data.is_dir() else ():
        part = next(
            (
                name
                for name, prefixes in PARTS.items()
                if entry.name.partition("-")[0] in prefixes and entry.is_dir()
            ),
            "other",
        )
        sizes[part] += _size(entry)
    folder = next(place for place in (data, *data.absolute().parents) if place.exists())
    return DiskUse(sizes, shutil.disk_usage(folder).free)


def _size(path: Path) -> int:
    total = _blocks(path)
    for folder, folders, files in os.walk(path):
        total += sum(_blocks(Path(folder, name)) for name in (*folders, *files))
    return total


def _blocks(path: Path) -> int:
    try:
        return path.lstat().st_blocks * 512  # stat(2): blocks always have 512 bytes
    except OSError:
        return 0


class FullDisk:
    """Detects that a full disk has free space again. Pure."""

    def __init__(self) -> None:
        self._was_full = False

    def has_recovered(self, free: int) -> bool:
        """True once, as soon as `free` bytes are enough again."""
        if free < FULL_BYTES:
            self._was_full = True
        if not self._was_full or free < RECOVERED_BYTES:
            return False
        self._was_full = False
        return True
