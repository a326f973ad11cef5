"""What processes cost, from /proc: processor time and the highest memory so far (proc(5))."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_CLEAR_PEAK = "5"


def cpu_s(pids: Iterable[int]) -> float:
    """Seconds on a processor so far, children that ended counted; a process that is gone counts
    nothing.
    """
    total = 0
    for pid in pids:
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += sum(map(int, fields[11:15]))  # utime, stime, cutime, cstime
    return total / _TICKS_PER_S


def peak_rss_mb(pids: Iterable[int]) -> float:
    """Each process's highest resident memory added up, in MB of 1,000,000 bytes; what they share
    counts each time.
    """
    total = 0
    for pid in pids:
        with suppress(OSError):
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
            total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    return total / 1e6


def forget_peak(pids: Iterable[int]) -> None:
    """The highest is from now on what it is now."""
    for pid in pids:
        with suppress(OSError):
            Path(f"/proc/{pid}/clear_refs").write_text(_CLEAR_PEAK)


def held_mb(pids: Iterable[int]) -> float:
    """What processes hold now: each page that they share counts once, files in memory that they
    have open count too.
    """
    total, files = 0, {}
    for pid in pids:
        with suppress(OSError):
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
            files.update(_files_in_memory(Path(f"/proc/{pid}/fd")))
    return (total + sum(files.values())) / 1e6


def _files_in_memory(folder: Path) -> dict[int, int]:
    """Their bytes by inode (memfd_create(2))."""
    found = {}
    for entry in folder.iterdir():
        with suppress(OSError):
            if str(entry.readlink()).startswith("/memfd:"):
                status = entry.stat()
                found[status.st_ino] = status.st_blocks * 512
    return found
