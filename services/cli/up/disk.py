"""How much room the data folder takes, and how much is left for it."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

LITTLE_BYTES = 1_000_000_000
FULL_BYTES = 50_000_000  # RabbitMQ's own limit (disk_free_limit), below which it blocks publishers
# Further away than a journal file of MongoDB, which comes and goes with 100 MB.
RECOVERED_BYTES = 5 * FULL_BYTES
PARTS = {"store": ("store",), "broker": ("broker",), "logs": ("logs",)}


@dataclass(frozen=True)
class DiskUse:
    """Sizes in bytes as the file system counts them. `by_part` has store, broker, logs, other."""

    by_part: dict[str, int]
    free: int

    @property
    def total(self) -> int:
        return sum(self.by_part.values())

    @property
    def is_scarce(self) -> bool:
        """The broker blocks, and the database ends, on a full disk."""
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
        return path.lstat().st_blocks * 512  # stat(2): always of 512 bytes
    except OSError:
        return 0


class FullDisk:
    """Notices when a disk that was full has room again. Pure."""

    def __init__(self) -> None:
        self._was_full = False

    def has_recovered(self, free: int) -> bool:
        """True once, when `free` bytes are enough again."""
        if free < FULL_BYTES:
            self._was_full = True
        if not self._was_full or free < RECOVERED_BYTES:
            return False
        self._was_full = False
        return True
