"""The base of the private servers: a folder, guarded processes, and waiting until the server
serves.
"""

import shutil
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from deploy.local.errors import LocalServerError
from deploy.local.ports import Ports
from deploy.local.processes import GuardedProcess
from deploy.local.secrets import Secrets


class Server(ABC):
    """One private server below `data_dir`. Its methods block, and may be called in any order.

    Class attributes: `name`, also that of its folder; `start_patience_s`, after which a start
    fails.
    """

    name: str
    start_patience_s = 180.0  # a shared disk may stall for a minute

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.folder = data_dir / self.name
        self.ports = Ports(data_dir / "ports.json")
        self.secrets = Secrets(data_dir / "secrets")

    @property
    @abstractmethod
    def processes(self) -> Sequence[GuardedProcess]:
        """Its processes, in the order in which they start."""

    @property
    def log_file(self) -> Path:
        """The log of the server, with its standard output; restarts append to it."""
        return self.processes[-1].log_file

    @property
    def pids(self) -> list[int]:
        return [pid for process in self.processes for pid in process.pids]

    @property
    def running(self) -> bool:
        """Whether all of its processes run. A frozen server counts as running."""
        return all(process.running for process in self.processes)

    def start(self) -> None:
        """Start the server and return when it serves. Does nothing if it runs.

        Raises LocalServerError, with the end of the log, if it ends early or takes longer than
        `start_patience_s`; no process is left then.
        """
        if self.running:
            return
        self.kill()  # a crash may have left some processes running
        self.end_leftovers()
        try:
            self._start()
        except BaseException:
            self.kill()
            raise

    @abstractmethod
    def _start(self) -> None:
        """Write the configuration, start the processes, and wait until they serve."""

    @abstractmethod
    def required_programs(self) -> Sequence[str]:
        """The programs that the server needs, for `programs.find_programs`."""

    def stop(self) -> None:
        """Stop it gracefully and keep the data. Returns when no process is left."""
        for process in reversed(self.processes):
            process.stop()

    def kill(self) -> None:
        """Send SIGKILL to all of its processes at once; the data stays as it is."""
        for process in reversed(self.processes):
            process.kill()

    def freeze(self) -> None:
        """Send SIGSTOP: open connections become unresponsive, and only the kernel accepts new
        ones.
        """
        for process in self.processes:
            process.freeze()

    def thaw(self) -> None:
        for process in self.processes:
            process.thaw()

    def wipe(self) -> None:
        """Delete the server's data; its ports stay. Raises LocalServerError while it runs."""
        if any(process.running for process in self.processes):
            raise LocalServerError(f"{self.name} runs: stop it before deleting its data")
        shutil.rmtree(self.folder, ignore_errors=True)

    def ending(self) -> str:
        """How its first ended process ended; see `GuardedProcess.ending`."""
        return next((process.ending() for process in self.processes if not process.running), "")

    def epilogue(self) -> str:
        """The end of the log of that process, for a message."""
        return next((process.epilogue() for process in self.processes if not process.running), "")

    def end_leftovers(self) -> None:
        """Stop what a crashed launcher left running in this data folder."""
        for process in reversed(self.processes):
            process.end_leftover()

    def _guarded(self, name: str) -> tuple[Path, Path]:
        """The log file and the pid file of a process of this name."""
        return self.data_dir / "logs" / f"{name}.log", self.data_dir / "run" / f"{name}.pid"


def wait_for_port(process: GuardedProcess, port: int, deadline: float) -> None:
    """Return when the process listens.

    Raises LocalServerError if it ends or the (monotonic) deadline passes.
    """
    while True:
        process.check_alive()
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            pause(process, deadline)
        else:
            return


def pause(process: GuardedProcess, deadline: float) -> None:
    """Wait between two polls.

    Raises LocalServerError if the process has ended or the deadline has passed.
    """
    process.check_alive()
    if time.monotonic() > deadline:
        raise LocalServerError(f"{process.name} did not start in time{process.epilogue()}")
    time.sleep(0.05)  # nothing notifies us when a port opens
