"""A complete Mailcase for one test: mailboxes, settings and services, on its own virtual host and
database.
"""

import hashlib
import itertools
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pymongo
from imap_tools import MailBox
from pymongo.database import Database

from deploy.local.servers.private import PrivateServers
from deploy.local.services import Services
from tests.vhosts import add_virtual_host

PASSWORD = "secret"
_numbers = itertools.count(1)

Document = dict[str, Any]


class Pipeline:
    """Processes with one mailbox each. The test chooses which services run."""

    def __init__(
        self,
        servers: PrivateServers,
        folder: Path,
        mailboxes: Mapping[str, str],
        server: str = "",
        *,
        fresh: bool = False,
    ) -> None:
        """`mailboxes` maps the names of processes (and mailboxes) to addresses; `server` is more
        TOML for the server.

        `fresh` is for tests that kill the broker (see `add_virtual_host`).
        """
        number = next(_numbers)
        self.servers = servers
        self.folder = folder
        self.mailboxes = dict(mailboxes)
        self._fresh = fresh
        self.virtual_host = f"test-{folder.name}-{number}"
        self.database_name = (
            f"test_{hashlib.sha256(str(folder).encode()).hexdigest()[:12]}_{number}"
        )
        self.add_virtual_host()
        for address in self.mailboxes.values():
            servers.mail.add_user(address, PASSWORD)
        self.config = self._write_settings(server)
        self._client: pymongo.MongoClient[Document] = pymongo.MongoClient(
            servers.store.url, tz_aware=True
        )

    def add_virtual_host(self) -> None:
        """Create the virtual host; tests call it again after the broker lost its data."""
        add_virtual_host(self.servers, self.virtual_host, fresh=self._fresh)

    @property
    def env(self) -> dict[str, str]:
        url = f"{self.servers.broker.url.rstrip('/')}/{self.virtual_host}"
        return {"MAILCASE_BROKER_URL": url, "MAILCASE_STORE_URL": self.servers.store.url}

    @property
    def database(self) -> Database[Document]:
        return self._client[self.database_name]

    def services(self, **replicas: int) -> Services:
        """A context manager that runs services: `services(fetcher=1, case_writer=2)`."""
        counts = {name.replace("_", "-"): count for name, count in replicas.items()}
        return Services(self.config, self.folder, counts, env=self.env)

    @contextmanager
    def imap(self, mailbox: str) -> Iterator[MailBox]:
        context = ssl.create_default_context(cafile=str(self.servers.mail.ca_file))
        box = MailBox("localhost", self.servers.mail.imaps_port, ssl_context=context)
        with box.login(self.mailboxes[mailbox], PASSWORD):
            yield box

    def append(self, mailbox: str, mails: Iterable[bytes]) -> None:
        """Deliver mails by IMAP APPEND."""
        with self.imap(mailbox) as box:
            for mail in mails:
                box.append(mail)

    def left(self, mailbox: str) -> int:
        """The number of mails that are still in the mailbox."""
        with self.imap(mailbox) as box:
            return int(box.folder.status("INBOX", ["MESSAGES"])["MESSAGES"])

    def recorded(self) -> int:
        return self.database["mails"].count_documents({})

    def queued(self) -> dict[str, int]:
        """The number of messages in each queue, ready or unacknowledged.

        Archives are left out, because they keep messages, and so are the queues of the desk and the
        extractor, which few tests run.
        """
        listing = self.servers.broker.ctl(
            "list_queues", "-q", "-p", self.virtual_host, "name", "messages"
        )
        rows = [line.split("\t") for line in listing.splitlines() if "\t" in line]
        return {
            name: int(count)
            for name, count in rows
            if count.isdecimal()
            and not name.endswith(".archive")
            and not name.startswith(("desk.", "extractor."))
        }

    def until(self, condition: Callable[[], bool], what: str, patience_s: float = 60.0) -> None:
        """Wait until `condition` holds. AssertionError after the timeout."""
        deadline = time.monotonic() + patience_s
        pause = 0.02
        while not condition():
            assert time.monotonic() < deadline, f"not within {patience_s:.0f} s: {what}"
            _pause(pause)

    def until_recorded(self, count: int, patience_s: float = 120.0) -> None:
        self.until(
            lambda: self.recorded() >= count,
            f"{count} mails recorded, {self.recorded()} are",
            patience_s,
        )

    def until_empty(self, mailbox: str, patience_s: float = 30.0) -> None:
        self.until(lambda: self.left(mailbox) == 0, f"the mailbox {mailbox} is empty", patience_s)

    def until_queues_empty(self, patience_s: float = 30.0) -> None:
        """Wait until all queues are empty. The broker updates its counts every few seconds."""
        self.until(
            lambda: not any(self.queued().values()),
            f"queues are empty: {self.queued()}",
            patience_s,
        )

    def blob(self, sha256: str) -> bytes:
        """The bytes of a blob, read in the layout of GridFS."""
        chunks = self.database["blobs.chunks"].find({"files_id": sha256}).sort("n")
        return b"".join(chunk["data"] for chunk in chunks)

    def close(self) -> None:
        self._client.drop_database(self.database_name)
        self._client.close()
        self.servers.broker.delete_virtual_host(self.virtual_host)

    def _write_settings(self, server: str) -> Path:
        (self.folder / "password").touch(mode=0o600)
        (self.folder / "password").write_text(PASSWORD)
        lines = [
            "[store]",
            f'database = "{self.database_name}"',
            "[server.private]",
            'protocol = "imap"',
            'host = "localhost"',
            f"port = {self.servers.mail.imaps_port}",
            f'ca_file = "{self.servers.mail.ca_file}"',
            server,
        ]
        for name, address in self.mailboxes.items():
            lines += [
                f"[process.{name}]",
                f"[[process.{name}.stage]]",
                'name = "registration"',
                "initial = true",
                f"[[process.{name}.mailbox]]",
                'server = "private"',
                f'address = "{address}"',
                'password_file = "password"',
            ]
        config = self.folder / "mailcase.toml"
        config.write_text("\n".join(lines) + "\n")
        return config


def _pause(seconds: float) -> None:
    """Pause between two queries of a server that does not announce changes."""
    time.sleep(seconds)
