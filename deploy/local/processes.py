"""A process under a guardian (see `guardian`). It can be started, stopped, killed and frozen, and
does not outlive this process.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.errors import LocalServerError, last_lines
from deploy.local.guardian import (
    KILL_PATIENCE_S,
    Spec,
    boot_id,
    descendants,
    process_table,
    signal_all,
)

GUARDIAN = Path(__file__).with_name("guardian.py")
LOG_LIMIT_BYTES = 20_000_000


@dataclass
class GuardedProcess:
    """One server process. `command` is called at each start, so that it can reflect changes.

    `grace_s` is how long `stop` waits before it kills. `owner` is the (uid, gid), None for the
    current user.
    """

    name: str
    command: Callable[[], list[str]]
    log_file: Path
    pid_file: Path
    env: Callable[[], dict[str, str]] = lambda: dict(os.environ)
    owner: tuple[int, int] | None = None
    grace_s: float = 10.0
    scratch: Callable[[], list[str]] = list
    _guardian: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def running(self) -> bool:
        guardian = self._guardian
        return guardian is not None and guardian.poll() is None

    @property
    def pids(self) -> list[int]:
        """The server's processes, without the guardian; empty if it does not run."""
        guardian = self._guardian
        return descendants(guardian.pid) if guardian is not None and guardian.poll() is None else []

    @property
    def exit_status(self) -> int | None:
        """The status if it ended by itself, like `stop`; None if it runs, was stopped or never
        started.
        """
        guardian = self._guardian
        return None if guardian is None else guardian.poll()

    def start(self) -> None:
        """Start the process without waiting until it serves. Does nothing if it runs."""
        if self.running:
            return
        self._close_guardian()
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        self.pid_file.parent.mkdir(parents=True, exist_ok=True)
        if self.log_file.exists() and self.log_file.stat().st_size > LOG_LIMIT_BYTES:
            self.log_file.replace(self.log_file.with_suffix(".log.1"))
        spec: Spec = {
            "argv": self.command(),
            "env": self.env(),
            "owner": self.owner,
            "pid_file": str(self.pid_file.resolve()),
            "scratch": self.scratch(),
            "grace_s": self.grace_s,
        }
        with self.log_file.open("ab") as log:
            self._guardian = start_guardian(spec, stdout=log.fileno(), stderr=log.fileno())

    def check_alive(self) -> None:
        """Raise LocalServerError, with the end of the log, if the process has ended by itself."""
        if not self.running:
            status = self.exit_status
            hint = (
                " (MongoDB 5 and later need a processor with AVX)"
                if status == 128 + signal.SIGILL
                else ""
            )
            raise LocalServerError(
                f"{self.name} ended while starting, with status {status}{hint}{self.epilogue()}"
            )

    def ending(self) -> str:
        """How it ended by itself, in parentheses and perhaps with a hint; empty while it runs."""
        match self.exit_status:
            case None:
                return ""
            case status if status in {128 + signal.SIGKILL, -signal.SIGKILL}:
                return " (killed; if nobody did it, the machine may be out of memory: see `dmesg`)"
            case status:
                return f" (status {status})"

    def epilogue(self) -> str:
        return f"; its log {self.log_file} ends with:{last_lines(self.log_file)}"

    def stop(self) -> int | None:
        """Stop it gracefully: SIGTERM, and SIGKILL after `grace_s`.

        Returns when none of its processes is left.

        Returns the exit status, 128 plus the number if a signal ended it; None if it did not run.
        """
        return self._end(signal.SIGTERM, self.grace_s + KILL_PATIENCE_S + 5)

    def kill(self) -> None:
        """Send SIGKILL to all of its processes at once, like the OOM killer or a power failure."""
        self._end(signal.SIGUSR1, KILL_PATIENCE_S + 5)

    def _end(self, number: int, patience_s: float) -> int | None:
        guardian = self._guardian  # another thread may stop it at the same time
        if guardian is None:
            return None
        guardian.send_signal(number)
        try:
            return guardian.wait(patience_s)
        except subprocess.TimeoutExpired as error:
            left = self.pids
            guardian.kill()
            raise LocalServerError(
                f"{self.name} did not end within {patience_s:.0f} s: {left}"
            ) from error
        finally:
            self._close_guardian()

    def freeze(self) -> None:
        """Send SIGSTOP to all of its processes: connections stay open but silent.

        Returns when all have stopped.
        """

        def all_stopped() -> bool:
            table = process_table()
            moving = [pid for pid in self.pids if table.get(pid, (0, "T", 0))[1] not in "TtZX"]
            signal_all(moving, signal.SIGSTOP)
            return not moving

        _wait_until(all_stopped, KILL_PATIENCE_S)

    def thaw(self) -> None:
        """Send SIGCONT to all of its processes."""
        signal_all(self.pids, signal.SIGCONT)

    def end_leftover(self) -> None:
        """Stop processes that a crashed launcher left running, but only those that it provably
        started.
        """
        recorded = recorded_processes(self.pid_file)
        doomed = recorded | {
            (pid, start)
            for ancestor, _ in living(recorded)
            for pid in descendants(ancestor)
            if (start := process_table().get(pid, (0, "", -1))[2]) >= 0
        }
        if not living(doomed):
            return
        # A live guardian stops the others gracefully; it is probably doing so, since its launcher
        # is dead.
        guardian = {(pid, start) for pid, start in living(doomed) if _is_guardian(pid)}
        for number in (signal.SIGTERM, signal.SIGCONT):
            signal_all([pid for pid, _ in guardian], number)
        if guardian and _wait_until(lambda: not living(doomed), self.grace_s + KILL_PATIENCE_S):
            return
        signal_all([pid for pid, _ in living(doomed)], signal.SIGKILL)
        if not _wait_until(lambda: not living(doomed), KILL_PATIENCE_S):
            left = " ".join(str(pid) for pid, _ in living(doomed))
            raise LocalServerError(f"{self.name} of an earlier run does not stop: kill -9 {left}")

    def _close_guardian(self) -> None:
        guardian = self._guardian
        if guardian is not None and guardian.poll() is not None:
            if guardian.stdin is not None:
                guardian.stdin.close()
            self._guardian = None


def start_guardian(spec: Spec, stdout: int, stderr: int) -> subprocess.Popen[bytes]:
    """Start a guardian in its own session, so that Ctrl-C on the terminal reaches only the
    launcher.
    """
    command = [sys.executable, "-I", "-S", str(GUARDIAN)]
    guardian = subprocess.Popen(  # noqa: S603 - our own program, run by our own interpreter, without a shell
        command,
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,
    )
    assert guardian.stdin is not None  # noqa: S101 - for the type checker: it is a pipe
    with contextlib.suppress(BrokenPipeError):  # it was killed already; its exit status shows that
        _write_all(guardian.stdin.fileno(), json.dumps(spec).encode() + b"\n")
    return guardian


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def run_guarded(argv: list[str], env: dict[str, str], timeout_s: float) -> tuple[str, int]:
    """Run a command without leaving a daemon behind; returns its output, including errors, and its
    exit status.

    Raises LocalServerError if it takes longer than `timeout_s`.
    """
    spec: Spec = {
        "argv": argv,
        "env": env,
        "owner": None,
        "pid_file": None,
        "scratch": [],
        "grace_s": 1.0,
    }
    with (
        tempfile.TemporaryFile() as output,
        start_guardian(spec, output.fileno(), output.fileno()) as guardian,
    ):
        try:
            # Not communicate(), which closes the pipe and so stops the command.
            status = guardian.wait(timeout_s)
        except subprocess.TimeoutExpired as error:
            guardian.send_signal(signal.SIGUSR1)
            raise LocalServerError(
                f"{' '.join(argv)} took longer than {timeout_s:.0f} s"
            ) from error
        output.seek(0)
        return output.read().decode(errors="replace"), status


def recorded_processes(pid_file: Path) -> set[tuple[int, int]]:
    """The (pid, start time) pairs of a guardian and its server from a pid file.

    Empty if the file is missing, unreadable or from before a reboot.
    """
    try:
        note = json.loads(pid_file.read_bytes())
        return (
            {(int(pid), int(start)) for pid, start in note["processes"]}
            if note["boot"] == boot_id()
            else set()
        )
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def living(processes: set[tuple[int, int]]) -> set[tuple[int, int]]:
    """The processes that still run.

    The start time distinguishes a process from a later one with the same pid.
    """
    table = process_table()
    return {
        (pid, start)
        for pid, start in processes
        if pid in table and table[pid][2] == start and table[pid][1] not in "ZX"
    }


def _is_guardian(pid: int) -> bool:
    try:
        return str(GUARDIAN).encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _wait_until(condition: Callable[[], bool], patience_s: float) -> bool:
    deadline = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)  # /proc sends no notification of changes
    return True
