"""Mailcase on a cluster: mailboxes, settings and services, each service with its broker node."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pymongo

from deploy.local.servers.mail import MailServer
from deploy.local.services import ServiceProcess
from schemas.mails import mail_key
from tests.cluster.cluster import Cluster
from tests.cluster.waiting import until
from tests.pipeline import PASSWORD, Document
from tests.sample_mails import Sample

SETTINGS = """\
[store]
database = "mailcase"
[server.private]
protocol = "imap"
host = "localhost"
port = {port}
ca_file = "{ca_file}"
"""
PROCESS = """\
[process.{name}]
max_new_cases_per_sender = 0
[[process.{name}.stage]]
name = "registration"
initial = true
[[process.{name}.mailbox]]
server = "private"
address = "{address}"
password_file = "password"
"""


class ClusterPipeline:
    """`services` by name and machine, such as `fetcher-2`: its broker node is on machine 2."""

    def __init__(self, cluster: Cluster, mail: MailServer, folder: Path, mailboxes: int) -> None:
        self.cluster, self.mail, self.folder = cluster, mail, folder
        self.mailboxes = {
            f"m{number}": f"m{number}@example.test" for number in range(1, mailboxes + 1)
        }
        self.sent: dict[str, Sample] = {}
        self.mailbox_of: dict[str, str] = {}
        for address in self.mailboxes.values():
            mail.add_user(address, PASSWORD)
        self._config = self._write_settings()
        self._client: pymongo.MongoClient[Document] = pymongo.MongoClient(
            cluster.store_url, tz_aware=True, timeoutMS=20_000
        )
        self.database = self._client["mailcase"]
        self.services = {
            f"{service}-{machine}": self._service(service, machine)
            for service in ("fetcher", "router", "case-writer")
            for machine in cluster.machines
        }

    def _service(self, service: str, machine: int) -> ServiceProcess:
        env = {
            "MAILCASE_BROKER_URL": self.cluster.brokers[machine].url,
            "MAILCASE_STORE_URL": self.cluster.store_url,
        }
        return ServiceProcess(service, f"{service}-{machine}", self._config, self.folder, env=env)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run all services; yields when they are ready."""
        try:
            for service in self.services.values():
                service.start()
            for service in self.services.values():
                until(partial(_is_ready, service), service.name, 120)
            yield
        finally:
            for service in self.services.values():
                service.kill()
            self._client.close()

    def send(self, mailbox: str, sample: Sample) -> None:
        """Deliver a mail and record it as sent."""
        key = mail_key(mailbox, sample.raw)
        self.sent[key], self.mailbox_of[key] = sample, mailbox
        self.mail.deliver(self.mailboxes[mailbox], sample.raw)

    def recorded(self) -> int:
        return self.database["mails"].count_documents({})

    def holders(self) -> dict[str, str]:
        """The fetcher that reads each mailbox, according to the fetchers' metrics."""
        found = {}
        for machine in self.cluster.machines:
            fetcher = self.services[f"fetcher-{machine}"]
            for line in fetcher.get("/metrics")[1].splitlines():
                if line.startswith("mailcase_mailbox_lease_held{") and line.endswith(" 1.0"):
                    found[line.split('"')[1]] = fetcher.name
        return found

    def settle(self, patience_s: float = 180) -> None:
        """Wait until everything that was sent is recorded and removed from its mailbox."""
        until(lambda: self.recorded() >= len(self.sent), f"{len(self.sent)} recorded", patience_s)
        until(lambda: self.left() == 0, "the mailboxes are empty", patience_s)

    def left(self) -> int:
        """The number of mails that are still in a mailbox."""
        folders = self.mail.folder.resolve() / "maildirs"
        return sum(
            len(list((folders / address / "Maildir" / part).glob("*")))
            for address in self.mailboxes.values()
            for part in ("new", "cur")
        )

    def faults(self) -> dict[str, list[str]]:
        """The faulty mails and cases, by kind of fault; empty if there are none."""
        mails = {mail["_id"]: mail for mail in self.database["mails"].find()}
        comments = {comment["_id"]: comment for comment in self.database["comments"].find()}
        cases = {case["_id"]: case for case in self.database["cases"].find()}
        found = {
            "lost": sorted(self.sent.keys() - (mails.keys() & comments.keys())),
            "duplicated": sorted((mails.keys() | comments.keys()) - self.sent.keys()),
            "wrong outcome": [key for key, mail in mails.items() if mail["outcome"] != "opened"],
            "incomplete": [
                key
                for key in comments.keys() & self.sent.keys()
                if self._is_incomplete(comments[key])
            ],
            "gaps": [str(n) for n in set(range(1, len(self.sent) + 1)) ^ cases.keys()],
            "miscounted": [str(n) for n, case in cases.items() if case["comment_count"] != 1],
        }
        return {kind: wrong for kind, wrong in found.items() if wrong}

    def _is_incomplete(self, comment: Document) -> bool:
        expected = {
            name: hashlib.sha256(content).hexdigest()
            for name, content in self.sent[comment["_id"]].attachments.items()
        }
        return expected != {
            attachment["name"]: attachment["sha256"] for attachment in comment["attachments"]
        }

    def gaps_s(self, begin: datetime, end: datetime) -> dict[str, float]:
        """For each mailbox, the longest time between two recordings in this time span."""
        times: dict[str, list[datetime]] = {mailbox: [begin] for mailbox in self.mailboxes}
        query = {"recorded_at": {"$gte": begin, "$lt": end}}
        for mail in self.database["mails"].find(query).sort("recorded_at"):
            times[self.mailbox_of[mail["_id"]]].append(mail["recorded_at"])
        return {
            mailbox: max(
                (later - earlier).total_seconds()
                for earlier, later in zip(found, [*found[1:], end], strict=True)
            )
            for mailbox, found in times.items()
        }

    def _write_settings(self) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "password").touch(mode=0o600)
        (self.folder / "password").write_text(PASSWORD)
        text = SETTINGS.format(port=self.mail.imaps_port, ca_file=self.mail.ca_file)
        for name, address in self.mailboxes.items():
            text += PROCESS.format(name=name, address=address)
        config = self.folder / "mailcase.toml"
        config.write_text(text)
        return config


def _is_ready(service: ServiceProcess) -> bool:
    return bool(service.readiness()["ok"])


def now() -> datetime:
    return datetime.now(UTC)
