"""Mailboxes on the private mail server, for tests of the fetcher."""

import itertools
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from imap_tools import MailBox

from deploy.local import PrivateServers
from services.fetcher.sources.credentials import Password
from services.runtime.settings import IncomingServer, Mailbox

PASSWORD = "secret"
_numbers = itertools.count(1)


class Account:
    """An account for one test."""

    def __init__(self, servers: PrivateServers, name: str = "box") -> None:
        self.mail = servers.mail
        self.address = f"{name}.{next(_numbers)}@example.test"
        self.mail.add_user(self.address, PASSWORD)
        self.name = self.address.partition("@")[0].replace(".", "-")

    def deliver(self, raw: bytes) -> None:
        self.mail.deliver(self.address, raw)

    def mailbox(self, **more: Any) -> Mailbox:
        fields = {"name": self.name, "process": "invoices", "server": "s", "address": self.address}
        return Mailbox(**(fields | {"user": self.address, "password_env": "UNUSED"} | more))

    def server(self, protocol: str = "imap", security: str = "tls", **more: Any) -> IncomingServer:
        name = f"{protocol}s_port" if security == "tls" else f"{protocol}_port"
        fields: dict[str, Any] = {
            "protocol": protocol,
            "host": "localhost",
            "port": getattr(self.mail, name),
        }
        fields |= {"security": security, "timeout_s": 10.0}
        if security != "none":
            fields["ca_file"] = self.mail.ca_file
        return IncomingServer(**(fields | more))

    @contextmanager
    def client(self) -> Iterator[MailBox]:
        context = ssl.create_default_context(cafile=str(self.mail.ca_file))
        with MailBox("localhost", self.mail.imaps_port, ssl_context=context).login(
            self.address, PASSWORD
        ) as box:
            yield box

    def left(self) -> int:
        with self.client() as box:
            return len(box.uids())

    def system_flags(self) -> list[set[str]]:
        """The flags (RFC 9051 section 2.3.2) of each mail, oldest first, without \\Recent.

        A server may add keywords: Dovecot 2.4.5 adds whether a mail has attachments.
        """
        with self.client() as box:
            flags = [message.flags for message in box.fetch(mark_seen=False)]
        return [{flag for flag in names if flag.startswith("\\")} - {r"\Recent"} for names in flags]

    def raws(self) -> list[bytes]:
        """The mails of the mailbox, oldest first."""
        with self.client() as box:
            return [message.obj.as_bytes() for message in box.fetch(mark_seen=False)]


def password() -> Password:
    return Password(PASSWORD)


@contextmanager
def in_background(call: Callable[[], object]) -> Iterator[threading.Thread]:
    """Run `call` in a thread during the block; it must end when the block ends."""
    failures: list[BaseException] = []

    def run() -> None:
        try:
            call()
        except BaseException as error:  # noqa: BLE001 - raised in the test below
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield thread
    finally:
        thread.join(20)
    assert not thread.is_alive(), "it did not end"
    if failures:
        raise failures[0]


def wrong_authority(folder: Path) -> Path:
    """The certificate of an authority that signed no certificate here."""
    import trustme  # noqa: PLC0415 - an extra of the tests

    file = folder / "other-ca.pem"
    trustme.CA().cert_pem.write_to_path(str(file))
    return file
