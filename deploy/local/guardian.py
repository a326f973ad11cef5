"""Runs one server. When its launcher is gone, stops the server with every process that it forked.

This file is a program: `python -I -S guardian.py`. The first line of its standard input is the JSON
of `Spec`. It is not an argument, since every user of the machine can read arguments
(proc_pid_cmdline(5)) and the environment in it may contain passwords. The program imports little,
and only from the standard library, because one starts for every server. The launcher keeps the
write end of its standard input.

It stops its server if
- the launcher dies, also by kill -9: the pipe reports end of file, and the launcher's pidfd becomes
  readable (the pipe alone is not enough: a fork of the launcher that outlives it would keep the
  write end open);
- it receives SIGTERM (graceful stop, killed after `grace_s`) or SIGUSR1 (killed at once);
- the server's main process exits, since its forks must not outlive it.

It is a child subreaper (prctl(2)), so a daemon that detaches becomes its child and can be found.
The server's main process has PR_SET_PDEATHSIG set, so killing the guardian with -9 kills the
server, too.
"""

import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import sys
import time
from typing import NoReturn, TypedDict

PR_SET_PDEATHSIG = 1  # linux/prctl.h
PR_SET_CHILD_SUBREAPER = 36
POLL_S = 0.02
KILL_PATIENCE_S = 10.0  # a process in uninterruptible sleep must not block the launcher forever


class Spec(TypedDict):
    """What to run.

    `owner` is the (uid, gid) to run as, None for those of the guardian. `scratch` are folders to
    remove when the server has ended. `grace_s` is how long a graceful stop may take, in seconds.
    """

    argv: list[str]
    env: dict[str, str]
    owner: tuple[int, int] | None
    pid_file: str | None
    scratch: list[str]
    grace_s: float


def process_table() -> dict[int, tuple[int, str, int]]:
    """All processes: pid → (parent pid, state letter, start time in clock ticks since boot).

    See proc_pid_stat(5).
    """
    table = {}
    for entry in os.listdir("/proc"):  # noqa: PTH208 - pathlib would triple the guardian's start-up time
        if not entry.isdecimal():
            continue
        try:
            with open(f"/proc/{entry}/stat", "rb") as stat:  # noqa: PTH123 - as above
                fields = stat.read().rpartition(b")")[2].split()
        except OSError:
            continue  # it ended in the meantime
        table[int(entry)] = (int(fields[1]), fields[0].decode(), int(fields[19]))
    return table


def descendants(ancestor: int) -> list[int]:
    """The live descendants of `ancestor`, parents before children, without itself and without
    zombies.
    """
    table = process_table()
    children: dict[int, list[int]] = {}
    for pid, (parent, _, _) in table.items():
        children.setdefault(parent, []).append(pid)
    found: list[int] = []
    queue = children.get(ancestor, [])
    while queue:
        found += queue
        queue = [child for pid in queue for child in children.get(pid, [])]
    return [pid for pid in found if table[pid][1] not in "ZX"]


def signal_all(pids: list[int], number: int) -> None:
    """Send a signal to each process; a process that is gone is not an error."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def boot_id() -> str:
    """The id of this boot: pids and start times from before a reboot are invalid."""
    with open("/proc/sys/kernel/random/boot_id") as file:  # noqa: PTH123 - see process_table
        return file.read().strip()


class Guardian:
    """Supervises one server. `run` returns when no process of the server is left."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.server = 0
        self.exit_status: int | None = None
        self.asked_to_stop = False
        self.asked_to_kill = False

    def run(self) -> int:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")
        wakeup = self._listen_for_signals()
        launcher = self._watch_launcher()
        self._start_server(libc)
        self._write_pid_file()
        self._wait_for_the_end(wakeup, [0, *launcher])
        self._kill_everything()
        self._remove_traces()
        return self.exit_status if self.exit_status is not None else 128 + signal.SIGKILL

    def _listen_for_signals(self) -> int:
        reader, writer = os.pipe()
        for end in (reader, writer):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, lambda *_: setattr(self, "asked_to_stop", True))
        signal.signal(signal.SIGUSR1, lambda *_: setattr(self, "asked_to_kill", True))
        signal.signal(signal.SIGCHLD, lambda *_: None)  # to wake the poll
        return reader

    @staticmethod
    def _watch_launcher() -> list[int]:
        """The launcher's pidfd; empty if the kernel or a sandbox has none, and only the pipe is
        left.
        """
        try:
            return [os.pidfd_open(os.getppid())]
        except OSError:
            return []

    def _start_server(self, libc: ctypes.CDLL) -> None:
        guardian = os.getpid()
        self.server = os.fork()
        if self.server == 0:
            try:
                self._become_server(libc, guardian)
            except OSError as error:
                print(f"cannot run {self.spec['argv'][0]}: {error}", file=sys.stderr, flush=True)  # noqa: T201 - the log
            finally:
                os._exit(127)

    def _become_server(self, libc: ctypes.CDLL, guardian: int) -> NoReturn:
        signal.set_wakeup_fd(-1)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        if self.spec["owner"] is not None:
            uid, gid = self.spec["owner"]
            os.setgroups([])
            os.setgid(gid)
            os.setuid(uid)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # after setuid, which clears it
        if os.getppid() != guardian:
            os._exit(127)
        os.execvpe(self.spec["argv"][0], self.spec["argv"], self.spec["env"])  # noqa: S606 - no shell is wanted

    def _write_pid_file(self) -> None:
        path = self.spec["pid_file"]
        if path is None:
            return
        table = process_table()
        known = [(pid, table[pid][2]) for pid in (os.getpid(), self.server) if pid in table]
        with open(path + ".new", "w") as file:  # noqa: PTH123 - see process_table
            json.dump({"boot": boot_id(), "processes": known}, file)
        os.replace(path + ".new", path)  # noqa: PTH105 - see process_table

    def _wait_for_the_end(self, wakeup: int, launcher: list[int]) -> None:
        poll = select.poll()
        for fd in (wakeup, *launcher):
            poll.register(fd, select.POLLIN)
        deadline: float | None = None
        while not self._reap() and not self.asked_to_kill:
            if deadline is not None and time.monotonic() > deadline:
                return
            ready = [fd for fd, _ in poll.poll(None if deadline is None else 100)]
            if wakeup in ready:
                os.read(wakeup, 4096)
            if deadline is None and (self.asked_to_stop or any(fd in launcher for fd in ready)):
                deadline = time.monotonic() + self.spec["grace_s"]
                for fd in launcher:
                    poll.unregister(fd)
                # a stopped server would not handle SIGTERM
                signal_all(descendants(os.getpid()), signal.SIGCONT)
                signal_all([self.server], signal.SIGTERM)

    def _reap(self) -> bool:
        """Reap ended children; returns True once the server's main process has ended."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return self.exit_status is not None
            if pid == 0:
                return self.exit_status is not None
            if pid == self.server:
                code = os.waitstatus_to_exitcode(status)
                self.exit_status = code if code >= 0 else 128 - code

    def _kill_everything(self) -> None:
        deadline = time.monotonic() + KILL_PATIENCE_S
        while (left := descendants(os.getpid())) and time.monotonic() < deadline:
            signal_all(left, signal.SIGKILL)
            self._reap()
            time.sleep(POLL_S)  # nothing notifies us when grandchildren end
        self._reap()

    def _remove_traces(self) -> None:
        for folder in self.spec["scratch"]:
            shutil.rmtree(folder, ignore_errors=True)
        if self.spec["pid_file"] is not None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.spec["pid_file"])  # noqa: PTH108 - see process_table


def read_spec() -> Spec:
    """Read the spec unbuffered, so that the poll sees what follows.

    Exits if the launcher is gone.
    """
    line = b""
    while not line.endswith(b"\n"):
        if not (part := os.read(0, 65536)):
            sys.exit(127)
        line += part
    spec: Spec = json.loads(line)
    return spec


if __name__ == "__main__":
    sys.exit(Guardian(read_spec()).run())
