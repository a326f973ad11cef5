"""The new user's mail provider: a private mail server that an autoconfig file announces."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.local.servers.mail import MailServer
from deploy.local.servers.private import PrivateServers
from tests.integration.published_mail_servers import autoconfig, https_server

DOMAIN = "office.test"
ADDRESS = f"invoices@{DOMAIN}"
PASSWORD = "Zażółć gęślą 1"
AUTOCONFIG_HOST = f"autoconfig.{DOMAIN}"
WEB_ADDRESS = "127.18.0.1"  # a loopback address of its own, for port 443 may be taken on 127.0.0.1


@dataclass(frozen=True)
class Provider:
    """A mail server with one account, and the certificates that its clients trust."""

    mail: MailServer
    certificates: dict[str, bytes]

    def deliver(self, subject: str, text: str) -> None:
        """Deliver a mail from a customer."""
        head = f"From: Jan Lis <jan@customer.test>\nTo: {ADDRESS}\nSubject: {subject}\n"
        key = subject.replace(" ", ".").replace("/", "-")
        self.mail.deliver(ADDRESS, f"{head}Message-ID: <{key}@customer.test>\n\n{text}\n".encode())


@contextmanager
def provider() -> Iterator[Provider]:
    """Run the provider during the block."""
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="mailcase-newcomer-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with PrivateServers(folder, broker=False, store=False, mail=True) as servers:
            servers.mail.add_user(ADDRESS, PASSWORD)
            files = {"/mail/config-v1.1.xml": autoconfig(servers.mail.imaps_port, 465)}
            place = (WEB_ADDRESS, 443)
            with https_server(folder, AUTOCONFIG_HOST, files, place) as (_, web_ca):
                ca_files = {"web": web_ca, "mail": servers.mail.ca_file}
                yield Provider(
                    servers.mail, {key: file.read_bytes() for key, file in ca_files.items()}
                )
