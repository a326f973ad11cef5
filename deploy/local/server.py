"""What the private servers have in common: a folder, guarded processes, and a wait until they really serve."""

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
    """One private server under `data_dir`. Its methods block; all of them may be called in any order, any time.

    Class attributes: `name`, also its folder's; `start_patience_s`, after which a start counts as failed.
    """

    name: str
    start_patience_s = 180.0  # a disk shared with others may stand still for a minute

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.folder = data_dir / self.name
        self.ports = Ports(data_dir / "ports.json")
        self.secrets = Secrets(data_dir / "secrets")

    @property
    @abstractmethod
    def processes(self) -> Sequence[GuardedProcess]:
        """In the order in which they start."""

    @property
    def log_file(self) -> Path:
        """What the server itself writes, standard output included; appended to over restarts."""
        return self.processes[-1].log_file

    @property
    def pids(self) -> list[int]:
        return [pid for process in self.processes for pid in process.pids]

    @property
    def running(self) -> bool:
        """Whether all of its processes are there. A frozen server runs."""
        return all(process.running for process in self.processes)

    def start(self) -> None:
        """Starts the server and returns when it serves. Does nothing when it runs.

        Raises LocalServerError, with the end of the log, when it ends early or takes longer than `start_patience_s`;
        nothing of it is left then.
        """
        if self.running:
            return
        self.kill()  # half of it may be left after a crash
        self.end_leftovers()
        try:
            self._start()
        except BaseException:
            self.kill()
            raise

    @abstractmethod
    def _start(self) -> None:
        """Writes the configuration, starts the processes, waits until they serve."""

    @abstractmethod
    def required_programs(self) -> Sequence[str]:
        """Names for `programs.find_programs`."""

    def stop(self) -> None:
        """An orderly end; the data stays. Returns when no process is left."""
        for process in reversed(self.processes):
            process.stop()

    def kill(self) -> None:
        """SIGKILL to all of its processes at once; the data stays as it is."""
        for process in reversed(self.processes):
            process.kill()

    def freeze(self) -> None:
        """SIGSTOP: connections stay open and fall silent, new ones are taken by the kernel only."""
        for process in self.processes:
            process.freeze()

    def thaw(self) -> None:
        for process in self.processes:
            process.thaw()

    def wipe(self) -> None:
        """Deletes the server's data; its ports stay. Raises LocalServerError while it runs."""
        if any(process.running for process in self.processes):
            raise LocalServerError(f"{self.name}: stop it before its data is deleted")
        shutil.rmtree(self.folder, ignore_errors=True)

    def ending(self) -> str:
        """How the first of its processes that are gone ended, as `GuardedProcess.ending` has it."""
        return next((process.ending() for process in self.processes if not process.running), "")

    def epilogue(self) -> str:
        """The end of that process's log, for a message."""
        return next((process.epilogue() for process in self.processes if not process.running), "")

    def end_leftovers(self) -> None:
        """Ends what a crashed launcher left running in this data folder."""
        for process in reversed(self.processes):
            process.end_leftover()

    def _guarded(self, name: str) -> tuple[Path, Path]:
        """Log file and pid file of a process of this name."""
        return self.data_dir / "logs" / f"{name}.log", self.data_dir / "run" / f"{name}.pid"


def wait_for_port(process: GuardedProcess, port: int, deadline: float) -> None:
    """Returns when the process listens. Raises LocalServerError when it ends or the (monotonic) deadline passes."""
    while True:
        process.check_alive()
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            pause(process, deadline)
        else:
            return


def pause(process: GuardedProcess, deadline: float) -> None:
    """A short wait between two looks. Raises LocalServerError when the process ended or the deadline has passed."""
    process.check_alive()
    if time.monotonic() > deadline:
        raise LocalServerError(f"{process.name} does not serve in time{process.epilogue()}")
    time.sleep(0.05)  # a port that opens tells nobody
