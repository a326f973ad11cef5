"""`mailcase demo`: demonstrates Mailcase on private servers, step by step. Everything shown is read
from the servers.
"""

import asyncio
import os
import secrets
import ssl
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from imap_tools import BaseMailBox, MailBox, MailMessage
from rich.console import Console

from deploy.local.ports import Ports
from deploy.local.servers.private import PrivateServers
from deploy.local.servers.smtp import SmtpSink
from deploy.local.services import Services
from schemas.case_ref import CaseReference
from schemas.mails import mail_key
from schemas.sending import AnswerCase
from services.cli.answer.reply import send_reply
from services.cli.demo import mails as demo_mails
from services.cli.demo.expected import check_fields
from services.cli.demo.invoices import OUR_NIP
from services.cli.demo.report import (
    counters,
    show_cases,
    show_counters,
    show_fields,
    show_mails,
)
from services.cli.demo.settings import SETTINGS
from services.cli.demo.staying import OWN, stay, what_to_try
from services.cli.demo.working import work_case
from services.cli.desk import first_link
from services.cli.up.command import local_failures, stop_signal
from services.runtime.errors import PermanentError
from services.runtime.settings import Settings, Smtp, load_settings
from services.runtime.store.collection import Document
from services.runtime.store.mongo import Store
from services.sender.smtp import SmtpTransport

TIMEOUT_S = 60.0
DATABASE = "mailcase"
PASSWORD = "demo"  # noqa: S105 - for a server on loopback, while the demo runs
REPLICAS = {
    "fetcher": 1,
    "router": 2,
    "case-writer": 2,
    "sender": 2,
    "extractor": 1,
    "desk": 1,
}
MAILBOXES = {demo_mails.INVOICES: "invoices", demo_mails.COMPLAINTS: "complaints"}

Keep = Annotated[
    bool,
    Parameter(name="--keep", negative="", help="Keep everything running at the end, until Ctrl-C."),
]
Data = Annotated[
    Path | None,
    Parameter(name="--data", help="The folder for the servers' data; default: a temporary folder."),
]


def demo(*, keep: Keep = False, data: Data = None) -> int:
    """Turn a few mails into cases on private servers, answer one, and show the outcome of each.

    Everything shown is read back from the servers. Exit status 0 if every outcome is as expected.
    """
    # In a pipe, no line is broken.
    console = Console(soft_wrap=not sys.stdout.isatty(), markup=False, highlight=False)
    with local_failures(), stop_signal() as stop, ExitStack() as stack:
        folder = data or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="mailcase-demo-"))
        )
        console.print("Starting a private RabbitMQ, MongoDB and Dovecot …")
        servers = stack.enter_context(PrivateServers(folder / "servers", mail=True))
        post = stack.enter_context(SmtpSink(partial(_deliver, servers)))
        story = _Demo(console, servers, post, stop)
        story.fill_mailboxes()
        console.print(
            "Starting one fetcher, extractor and desk, and two routers, case writers and senders …"
        )
        urls = {"MAILCASE_BROKER_URL": servers.broker.url, "MAILCASE_STORE_URL": servers.store.url}
        config = _settings(folder, servers, post)
        listen = f"127.0.0.1:{Ports(folder / 'ports.json').get('desk')}"
        arguments = {"desk": ("--listen", listen)}
        services = stack.enter_context(
            Services(config, folder, REPLICAS, env=urls, arguments=arguments)
        )
        services.wait_until_ready(TIMEOUT_S)
        settings = load_settings(config, urls)
        story.run(services, settings)
        if keep and not stop.is_set():
            link = first_link(settings, f"http://{listen}") or f"http://{listen}/"
            lines = what_to_try(config, servers.mail, services, desk=link, password=PASSWORD)
            stay(config, urls, services, lines, stop)
        elif not stop.is_set():
            console.print("To work such cases in the browser: make demo ARGS=--keep")
        console.print("Stopping everything …")
    return 0


class _Demo:
    """The steps of the demo, and the keys of the mails sent so far."""

    def __init__(
        self, console: Console, servers: PrivateServers, post: SmtpSink, stop: threading.Event
    ) -> None:
        self._console = console
        self._servers = servers
        self._post = post
        self._stop = stop
        self._mails = demo_mails.first_mails()
        self._sent: list[str] = []

    def fill_mailboxes(self) -> None:
        """Deliver the first mails before any service runs."""
        for address, mails in self._mails.items():
            self._servers.mail.add_user(address, PASSWORD)
            self._append(address, mails)
        for address in (demo_mails.NADIA, OWN):
            self._servers.mail.add_user(address, PASSWORD)
        self._servers.mail.deliver(OWN, demo_mails.first_of_your_own(OWN))
        self._console.print(f"{len(self._sent)} mails are in {len(self._mails)} mailboxes.")

    def run(self, services: Services, settings: Settings) -> None:
        """Wait for the cases, answer one of them, deliver the customer's replies, and show
        everything.
        """
        self._until_recorded()
        number = self._case_of(demo_mails.ANSWERED_SUBJECT)["_id"]
        self._until_read(demo_mails.POLISH_INVOICE, demo_mails.ANSWERED_SUBJECT)
        self._console.print(
            "An FA(3) invoice and a Factur-X PDF were read. The first comes again from someone else, as "
            "UBL; and its seller wants the next one to be paid to another account."
        )
        self._append(demo_mails.INVOICES, demo_mails.later_mails())
        self._until_recorded()
        self._until_read(demo_mails.SENT_TWICE, demo_mails.ACCOUNT_CHANGED)
        show_fields(self._console, asyncio.run(self._find("cases")))
        [acknowledgement] = self._received(demo_mails.NADIA, 1)
        self._console.print(
            f"Case {number} was acknowledged; Nadia reads: {acknowledgement.subject}"
        )
        self._console.print("An answer is sent from the case:")
        asyncio.run(send_reply(settings, _accepted(number)))
        accepted = self._received(demo_mails.NADIA, 2)[-1]
        self._console.print(
            f"Nadia answers {accepted.subject!r}; from her phone she answers the acknowledgement, with a mangled "
            "subject and no reference headers; and a complaint is delivered a second time."
        )
        started = time.monotonic()
        message_id = accepted.headers["message-id"][0].strip()
        self._post_to_us(demo_mails.answer(accepted.subject, message_id))
        self._post_to_us(demo_mails.mangled_answer(acknowledgement.subject))
        self._append(demo_mails.COMPLAINTS, self._mails[demo_mails.COMPLAINTS][-1:])
        self._until_recorded()
        self._console.print(f"Recorded {time.monotonic() - started:.1f} s after they were sent.\n")
        self._console.print(f"Case {number} goes from its mail to its end:")
        for line in asyncio.run(work_case(settings, number)):
            self._console.print(f"  {line}")
        self._console.print()
        mails, cases, comments = asyncio.run(self._read_back())
        show_mails(self._console, mails, comments)
        show_cases(self._console, cases, comments, settings)
        show_counters(self._console, counters(services))
        self._check(number, mails, comments)
        check_fields(cases)
        self._console.print(
            f"\n{len(mails)} mails, {len(mails)} outcomes, both mailboxes empty; 4 invoices read, the "
            "duplicate linked, the changed account flagged. Everything is as expected."
        )

    def _post_to_us(self, mail: bytes) -> None:
        """Send a customer's mail by SMTP to the server that delivers to our mailbox."""
        server = Smtp(name="customer", host="127.0.0.1", port=self._post.port, security="none")
        handed = asyncio.run(
            SmtpTransport(server, None).send(demo_mails.NADIA, [demo_mails.INVOICES], mail)
        )
        if not handed.accepted:
            raise PermanentError(
                f"the demo's mail server did not take an answer: {handed.deferred_answers}"
            )
        self._sent.append(mail_key(MAILBOXES[demo_mails.INVOICES], mail))

    def _received(self, address: str, count: int) -> list[MailMessage]:
        """Wait until a customer's mailbox has `count` mails; returns them, the oldest first."""
        deadline = time.monotonic() + TIMEOUT_S
        with self._mailbox(address) as box:
            while len(found := list(box.fetch(mark_seen=False))) < count:
                self._wait(
                    deadline,
                    f"{address} got no mail within {TIMEOUT_S:.0f} s; see the logs of the services",
                )
        return found

    def _append(self, address: str, mails: Iterable[bytes]) -> None:
        with self._mailbox(address) as box:
            for mail in mails:
                box.append(mail)
                self._sent.append(mail_key(MAILBOXES[address], mail))

    def _mailbox(self, address: str) -> BaseMailBox:
        """A logged-in mailbox, as a context manager."""
        context = ssl.create_default_context(cafile=str(self._servers.mail.ca_file))
        return MailBox("localhost", self._servers.mail.imaps_port, ssl_context=context).login(
            address, PASSWORD
        )

    def _until_read(self, *subjects: str) -> None:
        """Wait until the cases of these mails have fields."""
        deadline = time.monotonic() + TIMEOUT_S
        for subject in subjects:
            while not self._case_of(subject)["fields"]:
                self._wait(
                    deadline,
                    f"the fields of {subject!r} were not read within {TIMEOUT_S:.0f} s; see the log "
                    "of the extractor",
                )

    def _until_recorded(self) -> None:
        deadline = time.monotonic() + TIMEOUT_S
        # Until every mail has an outcome, and every duplicate is counted.
        while sum(mail["deliveries"] for mail in asyncio.run(self._find("mails"))) < len(
            self._sent
        ):
            self._wait(
                deadline,
                f"the mails were not recorded within {TIMEOUT_S:.0f} s; see the logs of the services",
            )

    def _wait(self, deadline: float, failure: str) -> None:
        """Wait 0.1 s.

        Raises KeyboardInterrupt if the demo was stopped, PermanentError after the deadline.
        """
        if self._stop.wait(0.1):
            raise KeyboardInterrupt
        if time.monotonic() > deadline:
            raise PermanentError(failure)

    def _case_of(self, subject: str) -> Document:
        for case in asyncio.run(self._find("cases")):
            if case["title"] == subject:
                return case
        raise PermanentError(
            f"no case was opened by the mail {subject!r}; see the logs of the services"
        )

    async def _find(self, collection: str) -> list[Document]:
        async with Store.opened(self._servers.store.url, DATABASE) as store:
            return await store.collection(collection).find({})

    async def _read_back(self) -> tuple[list[Document], list[Document], list[Document]]:
        mails, cases, comments = [await self._find(name) for name in ("mails", "cases", "comments")]
        return (
            sorted(mails, key=lambda mail: mail["recorded_at"]),
            cases,
            sorted(comments, key=lambda comment: comment["at"]),
        )

    def _check(self, answered: int, mails: list[Document], comments: list[Document]) -> None:
        """Raise PermanentError unless every outcome is as expected."""
        expected = len(set(self._sent))
        joined = Counter(comment["kind"] for comment in comments if comment["case"] == answered)
        ours = sum(comment["kind"] in {"sent", "note"} for comment in comments)
        of_case = {"mail": 3, "sent": 2, "note": 1}
        if len(mails) != expected or len(comments) - ours != expected or joined != of_case:
            raise PermanentError(
                f"{len(mails)} outcomes and {len(comments) - ours} comments for {expected} mails"
            )
        for address in MAILBOXES:
            left = self._left(address)
            if left:
                raise PermanentError(f"{left} mails were left in the mailbox {address}")

    def _left(self, address: str) -> int:
        deadline = time.monotonic() + TIMEOUT_S
        with self._mailbox(address) as box:
            while (
                left := box.folder.status("INBOX", ["MESSAGES"])["MESSAGES"]
            ) and time.monotonic() < deadline:
                self._stop.wait(0.1)  # a mail is removed shortly after it is recorded
        return left


def _deliver(servers: PrivateServers, address: str, mail: bytes) -> None:
    """Deliver to the existing mailboxes; the SMTP server drops mail to other customers."""
    if address in {*MAILBOXES, demo_mails.NADIA, OWN}:
        servers.mail.deliver(address, mail)


def _accepted(number: int) -> AnswerCase:
    text = "Hello Nadia,\n\nyour invoice was accepted. Which purchase order does it belong to?\n\nAccounts\n"
    subject = f"Case {CaseReference().write(number)} was accepted"
    return AnswerCase(
        id=str(uuid.uuid4()), case=number, text=text, at=datetime.now(UTC), subject=subject
    )


def _settings(folder: Path, servers: PrivateServers, post: SmtpSink) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    _write_secret(folder / "password", PASSWORD)
    _write_secret(folder / "keys", secrets.token_hex(32))
    file = folder / "mailcase.toml"
    file.write_text(
        SETTINGS.format(
            database=DATABASE,
            port=servers.mail.imaps_port,
            ca_file=servers.mail.ca_file,
            smtp_port=post.port,
            own_tax_id=OUR_NIP,
            invoices=demo_mails.INVOICES,
            complaints=demo_mails.COMPLAINTS,
        )
    )
    return file


def _write_secret(file: Path, secret: str) -> None:
    """Write a file that only its owner can read, whatever mode it had before."""
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(secret)
