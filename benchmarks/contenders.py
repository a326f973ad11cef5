"""The sides of every comparison: Mailcase's services, and the bare programs, each on a ground of
its own.

A side has a virtual host, a database and a mailbox, so that neither sees what the other does; the
servers are the same.
"""

import asyncio
import itertools
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import msgspec

from benchmarks.baseline.broker import Link
from benchmarks.baseline.mails import BENCH
from benchmarks.baseline.notice import notice_times
from benchmarks.baseline.services import READY, Where
from benchmarks.mails import ADDRESS
from deploy.local import PrivateServers
from deploy.local.processes import GuardedProcess
from deploy.local.servers.mail import MailServer
from services.runtime.broker.connection import Broker
from services.runtime.broker.topology import mailcase_topology
from tests.pipeline import PASSWORD, Pipeline

_PATIENCE_S = 60.0
NO_REPLICAS: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True)
class NoticeClient:
    """A running `benchmarks.baseline.notice`."""

    server: MailServer
    address: str
    output: Path

    def deliver(self, mail: bytes) -> None:
        """Put a mail into the client's mailbox."""
        self.server.deliver(self.address, mail)

    def times(self, mails: int) -> list[float]:
        """When each mail was seen, in the order of delivery; those not seen yet are left out."""
        lines = self.output.read_text().splitlines(keepends=True)
        return notice_times(
            [line for line in lines if line[0].isdigit() and line[-1] == "\n"], mails
        )


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
        self._notices = itertools.count(1)
        self.maildir = servers.mail.folder / "maildirs" / self.address / "Maildir"

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
            await self._until_ready(self.processes)
            yield
        finally:
            await asyncio.gather(*(asyncio.to_thread(process.stop) for process in self.processes))
            self.processes = []

    @asynccontextmanager
    async def noticing(self) -> AsyncIterator[NoticeClient]:
        """A bare IMAP client during the block, with a mailbox that nothing used before."""
        address = f"notice-{next(self._notices)}.{self.address}"
        self.servers.mail.add_user(address, PASSWORD)
        process = self._bare("notice", self._where(address), "benchmarks.baseline.notice")
        process.start()
        try:
            await self._until_ready([process])
            yield NoticeClient(self.servers.mail, address, process.log_file)
        finally:
            await asyncio.to_thread(process.stop)

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
        folders = [self.maildir / name for name in ("new", "cur")]
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
        program = "benchmarks.baseline.services"
        where = self._where(self.address)
        return [self._bare(service, where, program, service) for service in services]

    def _where(self, address: str) -> Where:
        return Where(
            broker=self.broker_url,
            store=self.servers.store.url,
            database=self.pipeline.database_name,
            imaps_port=self.servers.mail.imaps_port,
            ca_file=str(self.servers.mail.ca_file),
            user=address,
            password=PASSWORD,
            works=self.name == "work",
        )

    def _bare(self, name: str, where: Where, program: str, *arguments: str) -> GuardedProcess:
        """A program of the baseline, which prints READY when it is."""
        file = self.pipeline.folder / f"floor-{name}.json"
        file.write_bytes(msgspec.json.encode(where))
        log = self.pipeline.folder / "logs" / f"floor-{name}.log"
        log.unlink(missing_ok=True)
        command = [sys.executable, "-m", program, *arguments, str(file)]
        return GuardedProcess(
            name,
            lambda: command,
            log,
            self.pipeline.folder / "pids" / f"{name}.json",
            grace_s=1,
        )

    async def _until_ready(self, processes: Sequence[GuardedProcess]) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        for process in processes:
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
