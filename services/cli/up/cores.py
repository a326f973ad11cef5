"""How many cores `mailcase up` may use: the affinity mask, and the CPU quotas of its cgroups."""

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_CGROUPS = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")


def usable_cores(own: Path = _OWN, cgroups: Path = _CGROUPS) -> int:
    """Whole cores, at least 1: the smallest of the cores in the affinity mask (sched(7)) and the
    quotas, rounded down.

    A container or a systemd unit with `CPUQuota=` has a quota. `os.cpu_count` shows neither.
    """
    limits = [float(len(os.sched_getaffinity(0))), *_quotas(own, cgroups)]
    return max(1, int(min(limits)))


def _quotas(own: Path, cgroups: Path) -> Iterator[float]:
    """The quota in cores of each cgroup that has one, from the own one to the root."""
    for version, path in _own_cgroups(own):
        for folder in (path, *path.parents):
            place = PurePosixPath(str(folder).lstrip("/"))
            quota = _quota_2(cgroups / place) if version == 2 else _quota_1(cgroups / "cpu" / place)
            if quota is not None:
                yield quota


def _own_cgroups(file: Path) -> Iterator[tuple[int, PurePosixPath]]:
    """The version and path of the cgroups that limit the CPU (cgroups(7))."""
    for line in _read(file).splitlines():
        number, controllers, path = line.split(":", 2)
        if (number, controllers) == ("0", ""):
            yield 2, PurePosixPath(path)
        elif "cpu" in controllers.split(","):
            yield 1, PurePosixPath(path)


def _quota_2(folder: Path) -> float | None:
    """`cpu.max` is `max PERIOD` or `QUOTA PERIOD`, in microseconds."""
    quota, _, period = _read(folder / "cpu.max").partition(" ")
    return _share(quota, period)


def _quota_1(folder: Path) -> float | None:
    """A quota of -1 is none."""
    return _share(_read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us"))


def _share(quota: str, period: str) -> float | None:
    try:
        share = int(quota) / int(period)
    except (ValueError, ZeroDivisionError):
        return None
    return share if share > 0 else None


def _read(file: Path) -> str:
    """An empty text if the file is not there or cannot be read."""
    try:
        return file.read_text()
    except OSError:
        return ""
