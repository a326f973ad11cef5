"""A complete Mailcase, scraped by a real Prometheus."""

import asyncio
import json
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from aiosmtpd.smtp import SMTP

from deploy.local import PrivateServers
from deploy.local.ports import Ports
from deploy.local.servers.prometheus import Prometheus
from deploy.local.servers.smtp import SmtpSink, TakenMail
from deploy.local.services import Services
from services.runtime.broker.connection import Broker
from services.runtime.broker.messages import Outgoing
from services.runtime.broker.topology import MAIL, ROUTER_MAIL, dead_name
from tests.integration.fetcher.test_hostile_servers import FETCH_OF_11, GREETINGS, Imap
from tests.integration.scripted import ScriptedServer
from tests.pipeline import Pipeline
from tests.watching.manifests import rule_groups

PATIENCE_S = 90.0
EVERY = "500ms"  # interval of scrapes and rule evaluations
WINDOW = 8  # mails in flight
AUTOMATIC_MAILS = 14  # acknowledgements per minute before the circuit breaker opens

SETTINGS = """
[limits]
max_mail_bytes = 100000
inline_mail_bytes = 65536
[smtp.relay]
host = "127.0.0.1"
port = {smtp_port}
security = "none"
[sender]
sweep_interval_s = 0.5
max_automatic_mails_per_minute = {automatic_mails}
[case_reference]
key_file = "keys"
[process.invoices.acknowledgement]
enabled = true
[oauth2.corp]
provider = "microsoft"
tenant = "corp.example"
client_id = "1234"
secret_file = "password"
secret_expires = "2031-01-31"
[[process.invoices.field]]
name = "number"
[[process.invoices.field.from]]
source = "invoice"
value = "number"
[process.broken]
title = "A mailbox with a wrong password"
[[process.broken.stage]]
name = "registration"
initial = true
[[process.broken.mailbox]]
server = "private"
address = "{address}"
password_env = "WRONG_PASSWORD"
[server.sick]
protocol = "imap"
host = "127.0.0.1"
port = {sick_port}
security = "none"
idle = false
[process.sick]
title = "A mailbox with a mail that its server cannot read"
[[process.sick.stage]]
name = "registration"
initial = true
[[process.sick.mailbox]]
server = "sick"
address = "sick@example.test"
password_file = "password"
"""


def highest(series: str) -> str:
    """An expression for the largest value of these series in the last ten minutes."""
    return f"max_over_time(max({series})[10m:{EVERY}])"


class Watched:
    """The services, their Prometheus server, and methods that cause faults."""

    def __init__(
        self,
        pipeline: Pipeline,
        services: Services,
        prometheus: Prometheus,
        sink: SmtpSink,
        desk: str,
    ) -> None:
        self.pipeline = pipeline
        self.services = services
        self.prometheus = prometheus
        self.sink = sink
        self._desk = desk

    def open_desk(self) -> None:
        """Open the log-in page of the desk."""
        with urllib.request.urlopen(f"{self._desk}/sign-in", timeout=PATIENCE_S) as answer:
            assert answer.status == 200

    def value(self, expression: str) -> float:
        """The largest sample; 0 if there is none, or only NaN."""
        values = [float(sample["value"][1]) for sample in self.prometheus.query(expression)]
        return max([value for value in values if value == value], default=0.0)  # noqa: PLR0124 - NaN is not itself

    def until(self, expression: str, condition: Callable[[float], bool] = bool) -> None:
        """Wait until the value of the expression meets the condition."""
        self.pipeline.until(
            lambda: condition(self.value(expression)),
            f"{expression}: {self.value(expression)}",
            PATIENCE_S,
        )

    def events(self, mail_key: str) -> list[tuple[str, str]]:
        """(service, event) of each log line that has this key."""
        return [
            (process.name, str(json.loads(line)["event"]))
            for process in self.services.all
            for line in process.log_file.read_text().splitlines()
            if mail_key in line and line.startswith("{")
        ]

    def publish_unreadable(self) -> None:
        """Publish an invalid message, and a message of a newer version.

        The dead-letter queue is deleted first: a router that cannot dead-letter reconnects and
        declares it again.
        """
        bodies = [b"no mail at all", msgspec.msgpack.encode({"type": "RawMail.v2"})]
        asyncio.run(_publish_unreadable(self.pipeline.env["MAILCASE_BROKER_URL"], bodies))

    def deliver(self, *mails: bytes) -> None:
        self.pipeline.append("invoices", mails)

    def deliver_late(self, mail: bytes) -> None:
        """Deliver a mail whose arrival time on the mail server is two minutes ago."""
        with self.pipeline.imap("invoices") as box:
            box.append(mail, dt=datetime.now(UTC) - timedelta(minutes=2))

    @contextmanager
    def without_database(self) -> Iterator[None]:
        store = self.pipeline.servers.store
        store.kill()
        try:
            yield
        finally:
            store.start()

    @contextmanager
    def with_a_concurrent_writer(self, collection: str, document: object) -> Iterator[None]:
        """Keep a transaction open that changed the document; it is aborted at the end."""
        database = self.pipeline.database
        with database.client.start_session() as session, session.start_transaction():
            changed = database[collection].update_one(
                {"_id": document}, {"$set": {"theirs": 1}}, session=session
            )
            assert changed.matched_count == 1
            yield
            session.abort_transaction()

    @contextmanager
    def broker_alarms(self) -> Iterator[None]:
        """Cause memory and disk alarms, during which the broker blocks publishers."""
        try:
            self._give_broker(memory="0.0001", free_disk_bytes=10**15)
            yield
        finally:
            self._give_broker(memory="0.4", free_disk_bytes=50_000_000)

    def _give_broker(self, memory: str, free_disk_bytes: int) -> None:
        """Set the broker's memory limit (as a share) and disk limit."""
        watermark = f"vm_memory_monitor:set_vm_memory_high_watermark({memory})"
        limit = f"rabbit_disk_monitor:set_disk_free_limit({free_disk_bytes})"
        self.pipeline.servers.broker.ctl("eval", f"{watermark}, {limit}.")


async def _publish_unreadable(url: str, bodies: list[bytes]) -> None:
    async with Broker.connected(url, "someone else") as broker:
        channel = await broker.open_channel(1)
        await channel.queue_delete(dead_name(ROUTER_MAIL))
        for body in bodies:
            await broker.publish(
                Outgoing(MAIL, "raw.invoices.invoices", body, "Other.v1", "unreadable")
            )


class PickySink(SmtpSink):
    """Rejects every recipient at refused.example."""

    async def take(self, server: SMTP, mail: TakenMail) -> str:
        if any(recipient.endswith("@refused.example") for recipient in mail.recipients):
            return "550 5.1.1 no such user"
        return await super().take(server, mail)


@contextmanager
def watched(servers: PrivateServers, folder: Path) -> Iterator[Watched]:
    """Start everything, and wait until it has been scraped once."""
    with ExitStack() as stack:
        addresses = {"invoices": f"invoices.{folder.name}@example.test"}
        pipeline = Pipeline(servers, folder, addresses, f"max_in_flight_mails = {WINDOW}")
        stack.callback(pipeline.close)
        sink = stack.enter_context(PickySink())
        damaged = Imap({FETCH_OF_11: b"TAG NO it is damaged\r\n"})
        damaged.left = {11: damaged.left[11]}  # only the damaged mail
        sick = stack.enter_context(ScriptedServer(GREETINGS["imap"], damaged))
        broken = f"broken.{folder.name}@example.test"
        servers.mail.add_user(broken, "another password")
        (folder / "keys").write_text("0123456789abcdef0123456789abcdef\n")
        more = SETTINGS.format(
            smtp_port=sink.port,
            sick_port=sick.port,
            address=broken,
            automatic_mails=AUTOMATIC_MAILS,
        )
        pipeline.config.write_text(pipeline.config.read_text() + more)
        replicas = {"fetcher": 1, "router": 1, "case-writer": 1, "sender": 1, "desk": 1}
        replicas["extractor"] = 1
        desk = f"127.0.0.1:{Ports(folder / 'ports.json').get('desk')}"
        services = Services(
            pipeline.config,
            folder,
            replicas,
            env=pipeline.env | {"WRONG_PASSWORD": "wrong"},
            arguments={"desk": ("--listen", desk)},
        )
        stack.enter_context(services)
        prometheus = Prometheus(
            folder / "watching",
            services={process.name: process.http_port for process in services.all},
            every=EVERY,
            broker_port=servers.broker.plugin_port("rabbitmq_prometheus"),
            rule_groups=[group | {"interval": EVERY} for group in rule_groups()],
        )
        stack.callback(prometheus.kill)
        prometheus.start()
        services.wait_until_ready()
        everything = Watched(pipeline, services, prometheus, sink, f"http://{desk}")
        everything.until("count(mailcase_build_info)", lambda count: count == len(services.all))
        yield everything
