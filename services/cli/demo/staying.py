"""The end of `mailcase demo --keep`: everything stays, and it says what can be tried now."""

import shutil
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from deploy.local.servers.mail import MailServer
from deploy.local.services import Services
from deploy.local.single_instance import only_launcher_of
from services.cli.demo import mails as demo_mails
from services.cli.terminal.lines import shell_path, wrapped, wrapped_command
from services.cli.up.running import announced

OWN = "office@demo.example"


def stay(
    config: Path,
    urls: Mapping[str, str],
    services: Services,
    lines: Sequence[str],
    stop: threading.Event,
) -> None:
    """Print the lines, and wait. Meanwhile, commands with these settings find the servers, as they
    find those of `mailcase up`.
    """
    data = config.parent
    ports = {process.name: process.http_port for process in services.all}
    with ExitStack() as stack:
        stack.enter_context(only_launcher_of(config, data))
        stack.enter_context(announced(config, data, urls, ports))
        for line in lines:
            print(wrapped_command(line) if line.startswith("  ") else wrapped(line), flush=True)
        stop.wait()


def what_to_try(
    config: Path, mail: MailServer, services: Services, *, desk: str, password: str
) -> list[str]:
    """Lines for a person. Commands are complete, and whole on a line: they can be copied."""
    mailcase, settings = _program(), f"--config {shell_path(config)}"
    port, ca_file = mail.imaps_port, shell_path(mail.ca_file)
    own = (
        "A mailbox for you is on the demo's mail server, with a first mail in it. Set it up in a new "
        f"folder, with the password {password}, and start a Mailcase of its own there:"
    )
    addresses = (demo_mails.INVOICES, demo_mails.COMPLAINTS, demo_mails.NADIA)
    others = (
        f"The demo's mailboxes are at localhost:{port} (IMAP with TLS), with the password {password}: "
        f"{', '.join(addresses)}"
    )
    ports = [f"{process.name} {process.http_port}" for process in services.all]
    init = f"{mailcase} init --address {OWN} --protocol imap --server localhost:{port}"
    return [
        "",
        "Everything keeps running until Ctrl-C.",
        "The cases in a browser, with an account that you make there:",
        desk,
        "",
        "In another terminal:",
        f"  {mailcase} case show 1 {settings}",
        f"  echo Thanks | {mailcase} reply 2 --text-file - {settings}",
        f"  {mailcase} status {settings}",
        "",
        own,
        f"  {init} --ca-file {ca_file}",
        f"  {mailcase} up",
        "",
        others,
        f"Metrics are at http://127.0.0.1:PORT/metrics, with the port of a service: {', '.join(ports)}",
        f"Logs are in {shell_path(services.all[0].log_file.parent)}",
    ]


def _program() -> str:
    """How this program is called from any folder."""
    return "mailcase" if shutil.which("mailcase") else shell_path(Path(sys.argv[0]).absolute())
