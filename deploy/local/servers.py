"""The private servers of one data folder, together."""

import fcntl
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from deploy.local.broker import Broker
from deploy.local.errors import DataFolderInUseError, LocalServerError
from deploy.local.mail import MailServer
from deploy.local.programs import find_programs
from deploy.local.server import Server
from deploy.local.store import Store

S = TypeVar("S", bound=Server)


class PrivateServers:
    """RabbitMQ, MongoDB and Dovecot for nobody but us, on loopback, with their data below `data_dir`.

        with PrivateServers(Path("build/servers"), mail=True) as servers:
            print(servers.broker.url, servers.store.url, servers.mail.imaps_port)

    Data and ports outlast a stop. No process outlasts this one, whatever ends it. One launcher at a time may use a data
    folder. Starting takes about ten seconds, most of them RabbitMQ's.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        broker: bool = True,
        store: bool = True,
        mail: bool = False,
        store_members: int = 1,
        broker_plugins: Sequence[str] = (),
    ) -> None:
        self.data_dir = data_dir.absolute()
        self._broker = Broker(self.data_dir, broker_plugins) if broker else None
        self._store = Store(self.data_dir, store_members) if store else None
        self._mail = MailServer(self.data_dir) if mail else None
        self._lock: int | None = None

    @property
    def broker(self) -> Broker:
        return _asked_for(self._broker, "broker")

    @property
    def store(self) -> Store:
        return _asked_for(self._store, "store")

    @property
    def mail(self) -> MailServer:
        return _asked_for(self._mail, "mail")

    @property
    def all(self) -> list[Server]:
        """Those that were asked for."""
        return [server for server in (self._broker, self._store, self._mail) if server is not None]

    def start(self) -> Self:
        """Starts all of them at once and returns when each one serves.

        Raises MissingProgramError for all that is not installed, DataFolderInUseError when another living launcher has
        this folder, LocalServerError when one does not start; none is left running then.
        """
        find_programs(name for server in self.all for name in server.required_programs())
        self._take_folder()
        pool = ThreadPoolExecutor(max_workers=max(1, len(self.all)), thread_name_prefix="start")
        try:
            for started in [pool.submit(server.start) for server in self.all]:
                started.result()
        except BaseException:
            self.kill()  # a start still under way then fails, since its process is gone
            raise
        finally:
            pool.shutdown()
        return self

    def stop(self) -> None:
        """An orderly end of all of them, at once; the data stays."""
        self._end("stop")

    def kill(self) -> None:
        """SIGKILL to every process; the data stays as it is."""
        self._end("kill")

    def wipe(self) -> None:
        """Kills what runs and deletes all data."""
        self.kill()
        for server in self.all:
            server.wipe()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _end(self, manner: str) -> None:
        with ThreadPoolExecutor(max_workers=max(1, len(self.all)), thread_name_prefix="stop") as pool:
            endings = [pool.submit(getattr(server, manner)) for server in self.all]
        self._release_folder()
        for ending in endings:
            ending.result()

    def _take_folder(self) -> None:
        """The lock goes with the process, however that ends."""
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
                f"{self.data_dir} is in use by process {holder or '?'}: end that, or choose another folder"
            ) from error
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        self._lock = lock

    def _release_folder(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _asked_for(server: S | None, name: str) -> S:
    if server is None:
        raise LocalServerError(f"these private servers have no {name}: pass {name}=True")
    return server
