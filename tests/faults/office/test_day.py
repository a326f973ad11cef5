"""A day of a small office, compressed to minutes: mails, restarts, kills and a full disk.

`MAILS=5000` makes it longer. The figures are printed.
"""

import os
import signal
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.local import PrivateServers
from deploy.local.guardian import descendants
from services.cli.up.log_files import KEPT, MAX_BYTES
from tests.faults.office.offices import ADDRESS, Office, RunningOffice, interpreter, letter, until
from tests.integration.local.test_local_processes import cmdline

MAILS = int(os.environ.get("MAILS", "2000"))
PER_SECOND = 10.0
DISK = "1200m"
FULL_S = 30.0
LEAK_MB = 5.0  # growth of a service per thousand mails; a mail takes about 5 kB

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        os.geteuid() != 0 or not Path(interpreter("daemon")).exists(),
        reason="needs root, to mount a small disk and to run as another user",
    ),
]


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A small file system for the data, which the test can fill."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def kill(running: RunningOffice, program: bytes) -> None:
    """Send SIGKILL to the one process of `up` that runs this program."""
    [pid] = [
        pid
        for pid in descendants(running.process.pid)
        if program in cmdline(pid).split(b"\0")[0] and b"guardian.py" not in cmdline(pid)
    ]
    os.kill(pid, signal.SIGKILL)


def memory(running: RunningOffice) -> dict[str, float]:
    """Resident memory in MB, by service or server."""
    found: dict[str, float] = defaultdict(float)
    for pid in descendants(running.process.pid):
        words = cmdline(pid).split(b"\0")
        if b"services.cli" in words:
            name = words[words.index(b"services.cli") + 1].decode()
        else:
            name = next(
                (program for program in ("mongod", "beam.smp") if program.encode() in words[0]), ""
            )
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            continue  # the process has just ended
        sizes = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")]
        if name and sizes:
            found[name] += int(sizes[0]) / 1024
    return found


class Day:
    """Delivers mails at a steady rate and records how much memory the services use."""

    def __init__(self, servers: PrivateServers, office: Office) -> None:
        self.servers, self.office = servers, office
        self.delivered = 0
        self.samples: list[tuple[int, dict[str, float]]] = []

    def deliver(self, running: RunningOffice, mails: int) -> None:
        for _ in range(mails):
            self.delivered += 1
            self.servers.mail.deliver(ADDRESS, letter(self.delivered))
            time.sleep(1 / PER_SECOND)  # the pace of the simulated day
            if self.delivered % 50 == 0:
                self.samples.append((self.delivered, memory(running)))

    def catch_up(self, running: RunningOffice) -> None:
        running.until_recorded(self.delivered, 300)

    def slopes(self) -> dict[str, float]:
        """Growth in MB per thousand mails (least squares), in the second half since the last
        restart, when caches and allocators are warm.
        """
        found = {}
        warm = self.samples[len(self.samples) // 2 :]
        for name in warm[-1][1]:
            points = [(mails, sizes[name]) for mails, sizes in warm if name in sizes]
            mean_x = sum(x for x, _ in points) / len(points)
            mean_y = sum(y for _, y in points) / len(points)
            over = sum((x - mean_x) * (y - mean_y) for x, y in points)
            found[name] = 1000 * over / sum((x - mean_x) ** 2 for x, _ in points)
        return found


def fill(disk: Path) -> Path:
    """Fill the disk, including the space that others free meanwhile."""
    file = disk / "filler"
    with file.open("ab", buffering=0) as filler:
        try:
            while True:
                filler.write(b"\0" * 65536)
        except OSError:
            return file


def test_a_day_of_a_small_office_loses_nothing(servers: PrivateServers, open_folder: Path) -> None:
    office = Office(open_folder / "office", "daemon", servers.mail)
    office.write_settings()
    day = Day(servers, office)
    with small_disk(office.folder / "mailcase-data") as disk:
        office.own_all(disk)
        with office.up() as running:
            day.deliver(running, MAILS // 10)
            kill(running, b"beam.smp")
            day.deliver(running, MAILS // 10)
            kill(running, b"mongod")
            day.deliver(running, MAILS // 10)
            day.catch_up(running)
            filler = fill(disk)
            until(lambda: '"disk_scarce"' in running.printed, lambda: running.printed[-2000:])
            ends_s = time.monotonic() + FULL_S
            while time.monotonic() < ends_s:
                day.deliver(running, 10)
                fill(disk)
            filler.unlink()
            day.catch_up(running)
        print(f"{day.delivered} mails, after kills and {FULL_S:.0f} s of a full disk: none lost")
        day.samples.clear()
        with office.up() as running:  # a restart, and the rest of the day
            day.deliver(running, max(200, MAILS - day.delivered))
            day.catch_up(running)
            slopes = day.slopes()
            cases = [case["_id"] for case in running.documents("cases")]
            assert sorted(cases) == list(range(1, day.delivered + 1))
            print(office.run("audit").strip().splitlines()[-1])
        logs = {file.name: file.stat().st_size for file in (disk / "logs").iterdir()}
        print(
            f"{day.delivered} mails; logs: {sum(logs.values()) / 1e6:.1f} MB in {len(logs)} files"
        )
        for name, slope in sorted(slopes.items()):
            last = day.samples[-1][1][name]
            print(f"{name}: {last:.0f} MB, {slope:+.2f} MB per thousand mails")
        assert max(logs.values()) <= MAX_BYTES * 1.2
        assert len([name for name in logs if name.endswith(".gz")]) <= KEPT * len(logs)
        services = set(slopes) - {"mongod", "beam.smp"}  # servers fill caches of fixed sizes
        assert services
        slow = {name: slopes[name] for name in services if slopes[name] > LEAK_MB}
        assert not slow
