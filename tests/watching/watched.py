"""A whole Mailcase under a real Prometheus, through an eventful minute."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from aiosmtpd.smtp import SMTP

from deploy.local import PrivateServers
from deploy.local.prometheus import Prometheus
from deploy.local.smtp import SmtpSink, TakenMail
from deploy.local.stages import Stages
from services.runtime.broker.connection import Broker
from services.runtime.broker.messages import Outgoing
from services.runtime.broker.topology import MAIL, ROUTER_MAIL, dead_name
from tests.integration.scripted import ScriptedServer
from tests.integration.test_hostile_servers import GREETINGS, SICK, Imap
from tests.pipeline import Pipeline
from tests.watching.manifests import rule_groups

PATIENCE_S = 90.0
EVERY = "500ms"  # scrapes, and looks at the rules
WINDOW = 8  # mails in flight
AUTOMATIC_MAILS = 14  # acknowledgements a minute, before the breaker opens

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
    """The expression for the largest value that any of these series has had in the scene."""
    return f"max_over_time(max({series})[10m:{EVERY}])"


class Watched:
    """The stages, their Prometheus, and how to make things happen to them."""

    def __init__(self, pipeline: Pipeline, stages: Stages, prometheus: Prometheus, sink: SmtpSink) -> None:
        self.pipeline = pipeline
        self.stages = stages
        self.prometheus = prometheus
        self.sink = sink

    def value(self, expression: str) -> float:
        """The largest sample; 0 without one, or where it is no number."""
        values = [float(sample["value"][1]) for sample in self.prometheus.query(expression)]
        return max([value for value in values if value == value], default=0.0)  # noqa: PLR0124 - NaN is not itself

    def until(self, expression: str, condition: Callable[[float], bool] = bool) -> None:
        """Until Prometheus says so of the expression's value."""
        self.pipeline.until(
            lambda: condition(self.value(expression)), f"{expression}: {self.value(expression)}", PATIENCE_S
        )

    def events(self, mail_key: str) -> list[tuple[str, str]]:
        """(stage, event) of each log line with this key, stage by stage."""
        return [
            (process.name, str(json.loads(line)["event"]))
            for process in self.stages.all
            for line in process.log_file.read_text().splitlines()
            if mail_key in line and line.startswith("{")
        ]

    def publish_unreadable(self) -> None:
        """A message that breaks its contract, and one of a version that is still to come.

        The queue for the first is gone, until a router that cannot be rid of it connects again and declares it.
        """
        bodies = [b"no mail at all", msgspec.msgpack.encode({"type": "RawMail.v2"})]
        asyncio.run(_publish_unreadable(self.pipeline.env["MAILCASE_BROKER_URL"], bodies))

    def deliver(self, *mails: bytes) -> None:
        self.pipeline.append("invoices", mails)

    def deliver_late(self, mail: bytes) -> None:
        """One that the mail server says it took two minutes ago."""
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
    def beside_another_writer(self, collection: str, document: object) -> Iterator[None]:
        """Someone else has changed the document in a transaction that is still open, and in the end gives it up."""
        database = self.pipeline.database
        with database.client.start_session() as session, session.start_transaction():
            changed = database[collection].update_one({"_id": document}, {"$set": {"theirs": 1}}, session=session)
            assert changed.matched_count == 1
            yield
            session.abort_transaction()

    @contextmanager
    def without_room(self) -> Iterator[None]:
        """The broker has alarms for memory and disk, and takes no messages."""
        try:
            self._give_broker(memory="0.0001", free_disk_bytes=10**15)
            yield
        finally:
            self._give_broker(memory="0.4", free_disk_bytes=50_000_000)

    def _give_broker(self, memory: str, free_disk_bytes: int) -> None:
        """The share of memory that it may use, and what has to stay free."""
        watermark = f"vm_memory_monitor:set_vm_memory_high_watermark({memory})"
        limit = f"rabbit_disk_monitor:set_disk_free_limit({free_disk_bytes})"
        self.pipeline.servers.broker.ctl("eval", f"{watermark}, {limit}.")


async def _publish_unreadable(url: str, bodies: list[bytes]) -> None:
    async with Broker.connected(url, "someone else") as broker:
        channel = await broker.open_channel(1)
        await channel.queue_delete(dead_name(ROUTER_MAIL))
        for body in bodies:
            await broker.publish(Outgoing(MAIL, "raw.invoices.invoices", body, "Other.v1", "unreadable"))


class PickySink(SmtpSink):
    """Knows nobody at refused.example."""

    async def take(self, server: SMTP, mail: TakenMail) -> str:
        if any(recipient.endswith("@refused.example") for recipient in mail.recipients):
            return "550 5.1.1 no such user"
        return await super().take(server, mail)


@contextmanager
def watched(servers: PrivateServers, folder: Path) -> Iterator[Watched]:
    """Everything runs and was scraped at least once."""
    with ExitStack() as stack:
        addresses = {"invoices": f"invoices.{folder.name}@example.test"}
        pipeline = Pipeline(servers, folder, addresses, f"max_in_flight_mails = {WINDOW}")
        stack.callback(pipeline.close)
        sink = stack.enter_context(PickySink())
        damaged = Imap({SICK: b"TAG NO it is damaged\r\n"})
        damaged.left = {11: damaged.left[11]}  # that one alone
        sick = stack.enter_context(ScriptedServer(GREETINGS["imap"], damaged))
        broken = f"broken.{folder.name}@example.test"
        servers.mail.add_user(broken, "another password")
        (folder / "keys").write_text("0123456789abcdef0123456789abcdef\n")
        more = SETTINGS.format(
            smtp_port=sink.port, sick_port=sick.port, address=broken, automatic_mails=AUTOMATIC_MAILS
        )
        pipeline.config.write_text(pipeline.config.read_text() + more)
        replicas = {"fetcher": 1, "router": 1, "case-writer": 1, "sender": 1}
        stages = Stages(pipeline.config, folder, replicas, env=pipeline.env | {"WRONG_PASSWORD": "wrong"})
        stack.enter_context(stages)
        prometheus = Prometheus(
            folder / "watching",
            stages={process.name: process.http_port for process in stages.all},
            every=EVERY,
            broker_port=servers.broker.plugin_port("rabbitmq_prometheus"),
            rule_groups=[group | {"interval": EVERY} for group in rule_groups()],
        )
        stack.callback(prometheus.kill)
        prometheus.start()
        stages.wait_until_ready()
        everything = Watched(pipeline, stages, prometheus, sink)
        everything.until("count(mailcase_build_info)", lambda count: count == len(stages.all))
        yield everything
