"""Compares one replica of a service with two, on a backlog in the service's queue.

    .venv/bin/python benchmarks/scaling.py [--mails 5000] [--rounds 3] [--share 0.2]
        [--service router|case-writer]

Each round refills the queue, then starts the replicas and measures from the moment when all of them
are ready until all but a little of the backlog has come out at the other end: mails per second, and
the processor time that the replicas and the servers took for it.

On a machine with two cores, none is idle once broker, database and two replicas run, so the rate
alone would measure the machine. Two figures show what a larger machine would do:

- the service's processor time per mail with one replica and with two: if it does not rise,
  replicas do not get into each other's way, and with cores to run on, two do twice the work;
- the rate with each replica held to a `--share` of one core (frozen for the rest of each tenth of a
  second), so that the servers have processor time to spare: what still keeps two replicas from
  twice the rate is not the processor.
"""

import argparse
import asyncio
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from signal import SIGCONT, SIGSTOP

import aio_pika
import pymongo

from deploy.local import PrivateServers
from deploy.local.guardian import descendants
from deploy.local.services import Services
from schemas.mails import BlobRef
from services.runtime.broker.connection import Broker
from services.runtime.broker.topology import CASE_WRITER_COMMANDS, ROUTER_MAIL, mailcase_topology
from services.runtime.mail.raw_mail_builder import RawMailBuilder

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
SLICE_S = 0.1
REST = 0.02  # of the backlog, not measured: replicas run out of mail at different times
PATIENCE_S = 300.0
SETTINGS = """
[store]
database = "{database}"
[archive]
max_bytes = 104857600
[server.none]
protocol = "imap"
host = "127.0.0.1"
[process.bench]
max_new_cases_per_sender = 0
[[process.bench.stage]]
name = "registration"
initial = true
[[process.bench.mailbox]]
server = "none"
address = "bench@example.test"
password_file = "none"
"""


@dataclass(frozen=True)
class Measure:
    """The results of one round; CPU times are in seconds."""

    mails: int
    seconds: float
    service_cpu_s: float
    servers_cpu_s: float

    @property
    def rate(self) -> float:
        return self.mails / self.seconds

    @property
    def cpu_ms_per_mail(self) -> float:
        return 1000 * self.service_cpu_s / self.mails


class Bench:
    """Each round has its own virtual host and database on shared servers."""

    def __init__(self, servers: PrivateServers, folder: Path) -> None:
        self._servers = servers
        self._folder = folder
        self._round = 0

    def measure(self, service: str, replicas: int, mails: int, share: float | None) -> Measure:
        """One round of `service`, which is `router` or `case-writer`."""
        self._round += 1
        name = f"bench-{self._round}"
        ctl = self._servers.broker.ctl
        ctl("add_vhost", name)
        ctl("set_permissions", "-p", name, self._servers.broker.user, ".*", ".*", ".*")
        url = f"{self._servers.broker.url.rstrip('/')}/{name}"
        folder = self._folder / name
        folder.mkdir()
        config = folder / "mailcase.toml"
        config.write_text(SETTINGS.format(database=name))
        env = {"MAILCASE_BROKER_URL": url, "MAILCASE_STORE_URL": self._servers.store.url}
        client: pymongo.MongoClient[dict[str, object]] = pymongo.MongoClient(
            self._servers.store.url
        )
        try:
            asyncio.run(_fill(url, self._round, mails))
            if service == "router":
                with _Depth(url, CASE_WRITER_COMMANDS) as depth:
                    return self._drain(
                        Services(config, folder, {service: replicas}, env=env), depth, mails, share
                    )
            self._route(Services(config, folder, {"router": 2}, env=env), url, mails)
            recorded = client[name]["mails"].estimated_document_count
            return self._drain(
                Services(config, folder, {service: replicas}, env=env), recorded, mails, share
            )
        finally:
            client.drop_database(name)
            client.close()
            ctl("delete_vhost", name)

    def _route(self, routers: Services, url: str, mails: int) -> None:
        with routers, _Depth(url, CASE_WRITER_COMMANDS) as depth, _Depth(url, ROUTER_MAIL) as left:
            _until(lambda: depth() >= mails and left() == 0)

    def _drain(
        self, services: Services, done: Callable[[], int], mails: int, share: float | None
    ) -> Measure:
        with services:
            services.wait_until_ready()
            groups = [process.pids for process in services.all]
            replicas = [pid for group in groups for pid in group]
            servers = [pid for pid in descendants(os.getpid()) if pid not in replicas]
            with _held_to(share, groups):
                first, started = done(), time.monotonic()
                service_before, servers_before = _cpu_s(replicas), _cpu_s(servers)
                _until(lambda: done() >= mails * (1 - REST))
                return Measure(
                    done() - first,
                    time.monotonic() - started,
                    _cpu_s(replicas) - service_before,
                    _cpu_s(servers) - servers_before,
                )


async def _fill(url: str, seed: int, mails: int) -> None:
    dispatcher = RawMailBuilder("bench", "bench", inline_bytes=1_000_000, put_blob=_no_blob)
    messages = [await dispatcher.message(_mail(seed, number), None) for number in range(mails)]
    async with Broker.connected(url, "bench") as broker:
        await broker.declare(
            mailcase_topology(archive_max_age_days=1, archive_max_bytes=100_000_000)
        )
        for start in range(0, mails, 200):
            await broker.publish_all(messages[start : start + 200])


async def _no_blob(raw: bytes) -> BlobRef:
    raise AssertionError(f"a mail of {len(raw)} bytes is too large for this benchmark")


def _mail(seed: int, number: int) -> bytes:
    """A letter of about 5 kB. Every third mail has an attachment of 20 kB; no two mails are
    equal.
    """
    mail = EmailMessage()
    mail["From"] = f"Person {number} <person{number}@customers.test>"
    mail["To"] = "bench@example.test"
    mail["Subject"] = f"Invoice {seed}/{number}"
    mail["Message-ID"] = f"<{seed}.{number}@customers.test>"
    mail["Date"] = "Mon, 23 Nov 2026 10:00:00 +0100"
    mail.set_content(
        "\n".join(f"Line {line} of letter {number}, as people write them." for line in range(100))
    )
    if number % 3 == 0:
        content = f"{seed}-{number} ".encode() * 2000
        mail.add_attachment(
            content[:20_000], maintype="application", subtype="octet-stream", filename="invoice.bin"
        )
    return mail.as_bytes().replace(b"\n", b"\r\n")


class _Depth:
    """The number of ready messages in a queue, queried over a separate connection in its own event
    loop.
    """

    def __init__(self, url: str, queue: str) -> None:
        self._url, self._queue = url, queue
        self._loop = asyncio.new_event_loop()

    def __enter__(self) -> Callable[[], int]:
        self._loop.run_until_complete(self._open())
        return lambda: self._loop.run_until_complete(self._ask())

    async def _open(self) -> None:
        self._connection = await aio_pika.connect(self._url)
        self._channel = await self._connection.channel()

    async def _ask(self) -> int:
        queue = await self._channel.declare_queue(self._queue, passive=True)
        return queue.declaration_result.message_count or 0

    def __exit__(self, *_: object) -> None:
        self._loop.run_until_complete(self._connection.close())
        self._loop.close()


@contextmanager
def _held_to(share: float | None, groups: list[list[int]]) -> Iterator[None]:
    """Let each group of processes run for `share` of each time slice, one after the other. None
    means no limit.
    """
    if share is None:
        yield
        return
    ending = threading.Event()

    def duty() -> None:
        while not ending.is_set():
            began = time.monotonic()
            for group in groups:
                _signal(group, SIGCONT)
                time.sleep(share * SLICE_S)  # a replica may run for this share of each slice
                _signal(group, SIGSTOP)
            time.sleep(max(0.0, SLICE_S - (time.monotonic() - began)))  # the rest of the slice

    for group in groups:
        _signal(group, SIGSTOP)
    thread = threading.Thread(target=duty)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()
        for group in groups:
            _signal(group, SIGCONT)


def _signal(pids: list[int], number: int) -> None:
    for pid in pids:
        os.kill(pid, number)


def _cpu_s(pids: list[int]) -> float:
    """User and system time of processes and of the children they waited for (proc_pid_stat(5))."""
    total = 0.0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += sum(map(int, fields[11:15])) * TICK_S
    return total


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the backlog does not drain")
        time.sleep(0.02)  # the broker does not report that a queue is empty


def _compare(bench: Bench, service: str, mails: int, rounds: int, share: float | None) -> None:
    held = f", each held to {share:.0%} of a core" if share else ""
    ratios, costs = [], []
    for _ in range(rounds):
        one, two = (bench.measure(service, replicas, mails, share) for replicas in (1, 2))
        ratios.append(two.rate / one.rate)
        costs.append(two.cpu_ms_per_mail / one.cpu_ms_per_mail)
        for replicas, measure in ((1, one), (2, two)):
            print(
                f"{service} x{replicas}{held}: {measure.rate:7.0f} mails/s, "
                f"{measure.cpu_ms_per_mail:.2f} ms CPU a mail; "
                f"of a core the service took {measure.service_cpu_s / measure.seconds:.0%}, "
                f"the servers {measure.servers_cpu_s / measure.seconds:.0%}",
                flush=True,
            )
    ratio, cost = statistics.median(ratios), statistics.median(costs)
    print(f"{service}{held}: rate of two to one {ratio:.2f} {_each(ratios)}")
    print(
        f"{service}{held}: CPU a mail of two to one {cost:.2f} {_each(costs)}, "
        f"so that with cores for all two do {2 / cost:.2f} times"
    )


def _each(ratios: list[float]) -> str:
    return f"(each: {', '.join(f'{ratio:.2f}' for ratio in ratios)})"


def main() -> None:
    parser = argparse.ArgumentParser(description="One replica of a service against two.")
    parser.add_argument("--mails", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--share", type=float, default=0.2, help="of one core, in the second measurement"
    )
    parser.add_argument("--service", choices=["router", "case-writer"], action="append")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mailcase-scaling-") as name:
        folder = Path(name)
        with PrivateServers(folder / "servers") as servers:
            bench = Bench(servers, folder)
            for service in arguments.service or ["router", "case-writer"]:
                for share in (None, arguments.share):
                    _compare(bench, service, arguments.mails, arguments.rounds, share)


if __name__ == "__main__":
    main()
