"""A whole Mailcase under a real Prometheus, through an eventful minute."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import msgspec
from aiosmtpd.smtp import SMTP

from deploy.local import PrivateServers
from deploy.local.prometheus import Prometheus
from deploy.local.smtp import SmtpSink, TakenMail
from deploy.local.stages import Stages
from services.runtime.broker import Broker
from services.runtime.messages import Outgoing
from services.runtime.topology import MAIL
from tests.pipeline import Pipeline
from tests.watching.manifests import rule_groups

PATIENCE_S = 90.0
MAILS = 12
WINDOW = 8  # fewer than MAILS, so that in an outage some stay in the mailbox
TOO_LARGE = b"From: Anna <anna@customer.example>\r\nSubject: large\r\n\r\n" + b"0123456789\r\n" * 20_000
LOOP = b"Received: by relay.example; Mon, 2 Mar 2026 10:00:00 +0000\r\n" * 60 + b"Subject: round and round\r\n\r\nx\r\n"

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
"""


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
        """A message that breaks its contract, and one of a version that is still to come."""
        bodies = [b"no mail at all", msgspec.msgpack.encode({"type": "RawMail.v2"})]
        asyncio.run(_publish(self.pipeline.env["MAILCASE_BROKER_URL"], bodies))

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
    def without_memory(self) -> Iterator[None]:
        """The broker has an alarm, and takes no messages."""
        ctl = self.pipeline.servers.broker.ctl
        ctl("set_vm_memory_high_watermark", "0.0001")
        try:
            yield
        finally:
            ctl("set_vm_memory_high_watermark", "0.4")


async def _publish(url: str, bodies: list[bytes]) -> None:
    async with Broker.connected(url, "someone else") as broker:
        for body in bodies:
            await broker.publish(Outgoing(MAIL, "raw.invoices.invoices", body, "Other.v1", "unreadable"))


class PickySink(SmtpSink):
    """Knows nobody at refused.example."""

    async def take(self, server: SMTP, mail: TakenMail) -> str:
        if any(recipient.endswith("@refused.example") for recipient in mail.recipients):
            return "550 5.1.1 no such user"
        return await super().take(server, mail)


def letter(number: int, domain: str = "customer.example") -> bytes:
    """A small mail that opens a case."""
    head = b"From: Anna Nowak <anna%d@%s>\r\nTo: invoices@example.test\r\n" % (number, domain.encode())
    return head + b"Message-ID: <%d@customer.example>\r\nSubject: Invoice %d\r\n\r\nPlease pay.\r\n" % (number, number)


def bounce() -> bytes:
    """A report on a mail that is none of ours: parked."""
    report = EmailMessage()
    report["From"] = "MAILER-DAEMON@relay.example"
    report["To"] = "invoices@example.test"
    report["Subject"] = "Undelivered Mail Returned to Sender"
    report["Content-Type"] = 'multipart/report; report-type=delivery-status; boundary="b"'
    head = report.as_bytes().replace(b"\n", b"\r\n")
    return head + b"--b\r\n\r\nNo such user.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n\r\n--b--\r\n"


@contextmanager
def watched(servers: PrivateServers, folder: Path) -> Iterator[Watched]:
    """Everything runs and was scraped at least once."""
    with ExitStack() as stack:
        addresses = {"invoices": f"invoices.{folder.name}@example.test"}
        pipeline = Pipeline(servers, folder, addresses, f"max_in_flight_mails = {WINDOW}")
        stack.callback(pipeline.close)
        sink = stack.enter_context(PickySink())
        broken = f"broken.{folder.name}@example.test"
        servers.mail.add_user(broken, "another password")
        (folder / "keys").write_text("0123456789abcdef0123456789abcdef\n")
        more = SETTINGS.format(smtp_port=sink.port, address=broken)
        pipeline.config.write_text(pipeline.config.read_text() + more)
        replicas = {"fetcher": 1, "router": 1, "case-writer": 1, "sender": 1}
        stages = Stages(pipeline.config, folder, replicas, env=pipeline.env | {"WRONG_PASSWORD": "wrong"})
        stack.enter_context(stages)
        prometheus = Prometheus(
            folder / "watching",
            stages={process.name: process.http_port for process in stages.all},
            broker_port=servers.broker.plugin_port("rabbitmq_prometheus"),
            rule_groups=[group | {"interval": "1s"} for group in rule_groups()],
        )
        stack.callback(prometheus.kill)
        prometheus.start()
        stages.wait_until_ready()
        everything = Watched(pipeline, stages, prometheus, sink)
        everything.until("count(mailcase_build_info)", lambda count: count == len(stages.all))
        yield everything


def eventful_minute(everything: Watched) -> list[bytes]:
    """Mail of every kind, a broken message, an outage of the database, alarm and lost connections at the broker.

    Returns the ordinary mails.
    """
    ordinary = [letter(number) for number in range(2 * MAILS)]
    everything.deliver(*ordinary[:MAILS], ordinary[0], bounce(), LOOP, TOO_LARGE, letter(0, "refused.example"))
    everything.deliver_late(letter(1, "late.example"))
    everything.publish_unreadable()
    everything.pipeline.until_recorded(MAILS + 4, PATIENCE_S)
    with everything.without_database():
        everything.deliver(*ordinary[MAILS:])
        everything.until("mailcase_messages_in_hand", lambda count: count >= WINDOW)
        everything.until("max(mailcase_mailbox_oldest_unfetched_age_seconds)")
        everything.until('max_over_time(mailcase_retries_total{what="write"}[5m])')
        everything.until("max(mailcase:oldest_mail_age_seconds) > 1")
        everything.until("sum(mailcase_mailbox_mails_in_flight)")
        everything.until('max(mailcase_queue_oldest_age_seconds{queue="case_writer.commands"}) > 1')
        virtual_host = everything.pipeline.virtual_host
        everything.pipeline.servers.broker.ctl("close_all_connections", "--vhost", virtual_host, "a test asks for it")
    everything.pipeline.until_recorded(2 * MAILS + 4, PATIENCE_S)
    with everything.without_memory():
        everything.until("max(rabbitmq_alarms_memory_used_watermark)")
        everything.deliver(letter(2, "patient.example"))
        everything.until('mailcase_mailbox_paused{by="broker"}')
    everything.pipeline.until_recorded(2 * MAILS + 5, PATIENCE_S)
    everything.until('sum(mailcase_mails_recorded_total{outcome="opened"})', lambda count: count >= 2 * MAILS + 3)
    everything.until("sum(mailcase:parked_mails)")
    everything.until('max(rabbitmq_detailed_queue_messages{queue="router.mail.newer"})')
    everything.until("mailcase:mails_late:increase1h")
    for state in ("sent", "refused"):
        everything.until(f'mailcase_sender_mails_total{{state="{state}"}}')
    return ordinary
