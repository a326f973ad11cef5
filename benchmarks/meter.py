"""Reads the cost of processes from /proc: processor time and peak memory (proc(5))."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_CLEAR_PEAK = "5"


def cpu_s(pids: Iterable[int]) -> float:
    """Seconds of processor time so far, including ended children. A process that is gone counts as
    0.
    """
    total = 0
    for pid in pids:
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += sum(map(int, fields[11:15]))  # utime, stime, cutime, cstime
    return total / _TICKS_PER_S


def peak_rss_mb(pids: Iterable[int]) -> float:
    """The sum of the processes' peak resident memory, in MB of 1,000,000 bytes. Shared memory
    counts for each process.
    """
    total = 0
    for pid in pids:
        with suppress(OSError):
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
            total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    return total / 1e6


def forget_peak(pids: Iterable[int]) -> None:
    """Reset the peak memory to the current memory."""
    for pid in pids:
        with suppress(OSError):
            Path(f"/proc/{pid}/clear_refs").write_text(_CLEAR_PEAK)


def held_mb(pids: Iterable[int]) -> float:
    """The current memory of processes: shared pages count once, and open memory files are
    included.
    """
    total, files = 0, {}
    for pid in pids:
        with suppress(OSError):
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
            files.update(_files_in_memory(Path(f"/proc/{pid}/fd")))
    return (total + sum(files.values())) / 1e6


def _files_in_memory(folder: Path) -> dict[int, int]:
    """The sizes of open memory files by inode (memfd_create(2))."""
    found = {}
    for entry in folder.iterdir():
        with suppress(OSError):
            if str(entry.readlink()).startswith("/memfd:"):
                status = entry.stat()
                found[status.st_ino] = status.st_blocks * 512
    return found
