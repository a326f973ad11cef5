"""An office that writes to its customers: router, case writer and senders in this process, and an
SMTP server.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from deploy.local import PrivateServers
from deploy.local.servers.smtp import SmtpSink, TakenMail
from schemas.codec import encode, tag_of
from schemas.mails import RawMail, mail_key
from schemas.message_ids import MessageIdSigner
from schemas.sending import AnswerCase
from services.case_writer import main as case_writer
from services.router import main as router
from services.runtime.broker.configured import topology_of
from services.runtime.broker.connection import Broker
from services.runtime.broker.deliveries import Deliveries
from services.runtime.broker.messages import Outgoing
from services.runtime.broker.topology import CASE, MAIL, answer_key, raw_key
from services.runtime.process.lifecycle import Stop
from services.runtime.settings import Settings, load_settings
from services.runtime.store.mongo import Store
from services.sender import main as sender
from tests.vhosts import add_virtual_host

KEY = "0123456789abcdef0123456789abcdef"
ADDRESS = "invoices@office.example"
_numbers = itertools.count(1)

SETTINGS = """
[store]
database = "{name}"
[server.s]
protocol = "imap"
host = "127.0.0.1"
[smtp.relay]
host = "127.0.0.1"
port = {port}
security = "none"
timeout_s = {timeout_s}
[case_reference]
key_file = "keys"
[sender]
sweep_interval_s = 0.2
retry_first_s = 0.1
retry_longest_s = 0.5
{sender}
[process.invoices]
title = "Faktury kosztowe"
max_new_cases_per_sender = 0
[process.invoices.acknowledgement]
enabled = true
language = "pl"
[[process.invoices.stage]]
name = "registration"
initial = true
[[process.invoices.mailbox]]
server = "s"
address = "{address}"
password_file = "password"
{mailbox}
"""


class Office:
    """Settings, a virtual host and a database for one test, and access to the results."""

    def __init__(
        self,
        servers: PrivateServers,
        folder: Path,
        sink: SmtpSink,
        *,
        sender: str = "",
        mailbox: str = "",
        timeout_s: float = 10.0,
    ) -> None:
        self.name = f"office{next(_numbers)}-{folder.name}"[:60]
        self.servers = servers
        self.sink = sink
        self.signer = MessageIdSigner([KEY.encode()])
        add_virtual_host(servers, self.name)
        (folder / "keys").write_text(KEY + "\n")
        config = folder / "mailcase.toml"
        values = {
            "name": self.name,
            "port": sink.port,
            "sender": sender,
            "mailbox": mailbox,
            "timeout_s": timeout_s,
        }
        config.write_text(SETTINGS.format(address=ADDRESS, **values))
        self.config = config
        self.settings: Settings = load_settings(config, self.environ)
        self._store: Store | None = None
        self._broker: Broker | None = None

    @property
    def environ(self) -> dict[str, str]:
        url = f"{self.servers.broker.url.rstrip('/')}/{self.name}"
        return {"MAILCASE_BROKER_URL": url, "MAILCASE_STORE_URL": self.servers.store.url}

    @asynccontextmanager
    async def open(self, *, senders: int = 1) -> AsyncIterator["Office"]:
        """Run all services except the fetcher during the block."""
        stop = Stop()
        async with (
            Store.opened(self.servers.store.url, self.name) as self._store,
            Broker.connected(self.environ["MAILCASE_BROKER_URL"], "test") as self._broker,
        ):
            await self._broker.declare(topology_of(self.settings))
            runs = [router.run, case_writer.run, *[sender.run] * senders]
            services = [asyncio.ensure_future(run(self.settings, 0, stop)) for run in runs]
            try:
                yield self
                assert not [service for service in services if service.done()]
            finally:
                stop.request()
                await asyncio.wait_for(asyncio.gather(*services), 60)
                self.servers.broker.delete_virtual_host(self.name)

    async def receive(self, raw: bytes, **more: Any) -> str:
        """Receive a mail; returns its key."""
        assert self._broker is not None
        key = mail_key("invoices", raw)
        fields: dict[str, Any] = {
            "key": key,
            "process": "invoices",
            "mailbox": "invoices",
            "size": len(raw),
        }
        mail = RawMail(**(fields | {"fetched_at": datetime.now(UTC), "raw": raw} | more))
        message = Outgoing(MAIL, raw_key("invoices", "invoices"), encode(mail), tag_of(mail), key)
        await self._broker.publish(message)
        return key

    async def answer(self, answer: AnswerCase) -> None:
        assert self._broker is not None
        message = Outgoing(CASE, answer_key("invoices"), encode(answer), tag_of(answer), answer.id)
        await self._broker.publish(message)

    async def dead_letters(self, queue: str) -> Deliveries:
        assert self._broker is not None
        return await self._broker.consume(queue, 10)

    async def all(self, collection: str) -> dict[Any, dict[str, Any]]:
        assert self._store is not None
        return {
            document["_id"]: document
            for document in await self._store.collection(collection).find({})
        }

    async def change(self, collection: str, query: dict[str, Any], fields: dict[str, Any]) -> None:
        assert self._store is not None
        assert await self._store.collection(collection).update(query, {"$set": fields})

    async def case_of(self, key: str) -> int:
        """The case of a mail, once it is recorded."""
        await self.until(lambda mails: key in mails, "mails")
        mail = (await self.all("mails"))[key]
        assert mail["case"] is not None, mail
        return int(mail["case"])

    async def until(
        self, condition: Callable[[dict[Any, dict[str, Any]]], bool], collection: str
    ) -> None:
        """Wait until the collection meets the condition. AssertionError after a minute."""
        deadline = asyncio.get_running_loop().time() + 60
        while not condition(found := await self.all(collection)):
            assert asyncio.get_running_loop().time() < deadline, found
            await asyncio.sleep(0.03)  # it does not announce changes

    async def until_ended(self, count: int) -> dict[Any, dict[str, Any]]:
        """Wait until this many mails of the outbox reached a final state, and return them."""
        await self.until(
            lambda mails: sum(mail["ended_at"] is not None for mail in mails.values()) >= count,
            "outbox",
        )
        return await self.all("outbox")


def parsed(mail: TakenMail) -> EmailMessage:
    message = message_from_bytes(mail.raw, policy=default)
    assert isinstance(message, EmailMessage)
    return message


def letter(
    name: str, *, sender: str = "Anna Nowak <anna@customer.example>", headers: str = ""
) -> bytes:
    """A mail from a customer that opens a case."""
    lines = [
        "Return-Path: <bounce@customer.example>",
        f"From: {sender}",
        f"To: {ADDRESS}",
        f"Subject: =?utf-8?q?Zam=C3=B3wienie?= {name}",
        f"Message-ID: <letter-{name}@customer.example>",
    ]
    return ("\r\n".join(lines) + "\r\n" + headers + f"\r\nLetter {name}.\r\n").encode()
