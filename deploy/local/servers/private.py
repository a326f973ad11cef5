"""All private servers of one data folder."""

import fcntl
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from deploy.local.errors import DataFolderInUseError, LocalServerError
from deploy.local.programs import find_programs
from deploy.local.servers.broker import Broker
from deploy.local.servers.mail import MailServer
from deploy.local.servers.server import Server
from deploy.local.servers.store import LEAST_CACHE_GB, Store

S = TypeVar("S", bound=Server)


class PrivateServers:
    """RabbitMQ, MongoDB and Dovecot on loopback, with their data below `data_dir`.

        with PrivateServers(Path("build/servers"), mail=True) as servers:
            print(servers.broker.url, servers.store.url, servers.mail.imaps_port)

    Data and ports survive a stop. No server process survives this process, however it ends. Only
    one launcher at a time can use a data folder. Starting takes about ten seconds, most of them for
    RabbitMQ.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        broker: bool = True,
        store: bool = True,
        mail: bool = False,
        store_members: int = 1,
        store_cache_gb: float = LEAST_CACHE_GB,
        broker_plugins: Sequence[str] = (),
    ) -> None:
        self.data_dir = data_dir.absolute()
        self._broker = Broker(self.data_dir, broker_plugins) if broker else None
        self._store = Store(self.data_dir, store_members, store_cache_gb) if store else None
        self._mail = MailServer(self.data_dir) if mail else None
        self._lock: int | None = None

    @property
    def broker(self) -> Broker:
        return _requested(self._broker, "broker")

    @property
    def store(self) -> Store:
        return _requested(self._store, "store")

    @property
    def mail(self) -> MailServer:
        return _requested(self._mail, "mail")

    @property
    def all(self) -> list[Server]:
        """The servers that were requested."""
        return [server for server in (self._broker, self._store, self._mail) if server is not None]

    def start(self) -> Self:
        """Start all of them at once and return when each one serves.

        Raises MissingProgramError if programs are not installed, DataFolderInUseError if another
        launcher uses the folder, and LocalServerError if a server does not start; none is left
        running then.
        """
        find_programs(name for server in self.all for name in server.required_programs())
        self._lock_folder()
        pool = ThreadPoolExecutor(max_workers=max(1, len(self.all)), thread_name_prefix="start")
        try:
            for start in [pool.submit(server.start) for server in self.all]:
                start.result()
        except BaseException:
            self.kill()  # a pending start then fails, since its process is gone
            raise
        finally:
            pool.shutdown()
        return self

    def stop(self) -> None:
        """Stop all of them gracefully, at once; the data stays."""
        self._end("stop")

    def kill(self) -> None:
        """Send SIGKILL to every process; the data stays as it is."""
        self._end("kill")

    def wipe(self) -> None:
        """Kill all servers and delete their data."""
        self.kill()
        for server in self.all:
            server.wipe()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _end(self, manner: str) -> None:
        with ThreadPoolExecutor(
            max_workers=max(1, len(self.all)), thread_name_prefix="stop"
        ) as pool:
            endings = [pool.submit(getattr(server, manner)) for server in self.all]
        self._unlock_folder()
        for ending in endings:
            ending.result()

    def _lock_folder(self) -> None:
        """Lock the data folder; the kernel releases the lock when the process ends."""
        if self._lock is not None:
            return
        self.data_dir.mkdir(parents=True, exist_ok=True)
        lock = os.open(self.data_dir / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(lock, 20, 0).decode(errors="replace").strip()
            os.close(lock)
            raise DataFolderInUseError(
                f"{self.data_dir} is in use by process {holder or '?'}: stop that process, or choose another folder"
            ) from error
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        self._lock = lock

    def _unlock_folder(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _requested(server: S | None, name: str) -> S:
    if server is None:
        raise LocalServerError(f"these private servers have no {name}: pass {name}=True")
    return server
