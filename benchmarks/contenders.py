"""The sides of every comparison: Mailcase's services, and the bare programs, each on a ground of
its own.

A side has a virtual host, a database and a mailbox, so that neither sees what the other does; the
servers are the same.
"""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType

import msgspec

from benchmarks.baseline.broker import Link
from benchmarks.baseline.mails import BENCH
from benchmarks.baseline.services import READY, Where
from benchmarks.mails import ADDRESS
from deploy.local import PrivateServers
from deploy.local.processes import GuardedProcess
from services.runtime.broker.connection import Broker
from services.runtime.broker.topology import mailcase_topology
from tests.pipeline import PASSWORD, Pipeline

_PATIENCE_S = 60.0
NO_REPLICAS: Mapping[str, int] = MappingProxyType({})


class Side:
    """Processes of one kind on a ground of their own. `name` is `mailcase`, `floor` or `work`.

    `work` are the programs of the floor that do the necessary work on each mail besides. `replicas`
    are those of Mailcase's services that run more than once.
    """

    def __init__(
        self,
        name: str,
        servers: PrivateServers,
        folder: Path,
        replicas: Mapping[str, int] = NO_REPLICAS,
    ) -> None:
        self.name = name
        self.servers = servers
        self.address = f"{folder.name}.{ADDRESS}"
        self._replicas = replicas
        self.pipeline = Pipeline(servers, folder, {BENCH: self.address})
        self.processes: list[GuardedProcess] = []
        self._maildir = servers.mail.folder / "maildirs" / self.address / "Maildir"

    @property
    def broker_url(self) -> str:
        return self.pipeline.env["MAILCASE_BROKER_URL"]

    async def declare(self) -> None:
        """The broker's queues and exchanges, as the services declare them."""
        async with Broker.connected(self.broker_url, "bench") as broker:
            await broker.declare(mailcase_topology(archive_max_age_days=1, archive_max_bytes=2**31))

    @asynccontextmanager
    async def running(self, services: Sequence[str]) -> AsyncIterator[None]:
        """The services' processes during the block."""
        self.processes = (
            self._of_mailcase(services) if self.name == "mailcase" else self._of_floor(services)
        )
        try:
            for process in self.processes:
                process.start()
            await self._until_ready()
            yield
        finally:
            await asyncio.gather(*(asyncio.to_thread(process.stop) for process in self.processes))
            self.processes = []

    def freeze(self) -> None:
        for process in self.processes:
            process.freeze()

    def thaw(self) -> None:
        for process in self.processes:
            process.thaw()

    def deliver(self, mail: bytes) -> None:
        """Put a mail into the side's mailbox."""
        self.servers.mail.deliver(self.address, mail)

    def left(self) -> int:
        """Mails in the mailbox, by its files."""
        folders = [self._maildir / name for name in ("new", "cur")]
        return sum(1 for folder in folders if folder.exists() for _ in os.scandir(folder))

    @asynccontextmanager
    async def link(self) -> AsyncIterator[Link]:
        async with Link.opened(self.broker_url) as link:
            yield link

    def groups(self) -> dict[str, Callable[[], list[int]]]:
        """What is measured together: each process of the side, each server."""
        own = {process.name: (lambda process=process: process.pids) for process in self.processes}
        servers = {
            "RabbitMQ": lambda: self.servers.broker.pids,
            "mongod": lambda: self.servers.store.pids,
            "Dovecot": lambda: self.servers.mail.pids,
        }
        return own | servers

    def _of_mailcase(self, services: Sequence[str]) -> list[GuardedProcess]:
        counts = {service.replace("-", "_"): self._replicas.get(service, 1) for service in services}
        return list(self.pipeline.services(**counts).all)

    def _of_floor(self, services: Sequence[str]) -> list[GuardedProcess]:
        where = Where(
            broker=self.broker_url,
            store=self.servers.store.url,
            database=self.pipeline.database_name,
            imaps_port=self.servers.mail.imaps_port,
            ca_file=str(self.servers.mail.ca_file),
            user=self.address,
            password=PASSWORD,
            works=self.name == "work",
        )
        file = self.pipeline.folder / "floor.json"
        file.write_bytes(msgspec.json.encode(where))
        return [self._bare(service, file) for service in services]

    def _bare(self, service: str, file: Path) -> GuardedProcess:
        log = self.pipeline.folder / "logs" / f"floor-{service}.log"
        log.unlink(missing_ok=True)
        command = [sys.executable, "-m", "benchmarks.baseline.services", service, str(file)]
        return GuardedProcess(
            service,
            lambda: command,
            log,
            self.pipeline.folder / "pids" / f"{service}.json",
            grace_s=1,
        )

    async def _until_ready(self) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        for process in self.processes:
            while not _is_ready(process):
                process.check_alive()
                if time.monotonic() > deadline:
                    raise TimeoutError(
                        f"{self.name}: {process.name} is not ready{process.epilogue()}"
                    )
                await asyncio.sleep(0.05)


def _is_ready(process: GuardedProcess) -> bool:
    readiness = getattr(process, "readiness", None)
    if readiness is not None:
        return bool(readiness()["ok"])
    return process.log_file.exists() and READY in process.log_file.read_text()
