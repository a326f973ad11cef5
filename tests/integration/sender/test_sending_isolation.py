"""An SMTP server that accepts connections and never answers delays only its own mails."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deploy.local import PrivateServers
from deploy.local.servers.smtp import SmtpSink, TakenMail
from schemas.message_ids import MessageIdSigner
from schemas.stored import OutgoingMail, Person, to_document
from services.runtime.process.lifecycle import Stop
from services.runtime.settings import load_settings
from services.runtime.store.mongo import Store
from services.sender import main as sender
from services.sender.outbox import MongoOutbox
from tests.vhosts import add_virtual_host

IDS = MessageIdSigner([b"0123456789abcdef0123456789abcdef"])
WITHIN_S = 10.0
TOML = """
[store]
database = "{name}"
[server.s]
protocol = "imap"
host = "127.0.0.1"
[smtp.swallowing]
host = "127.0.0.1"
port = {swallowing}
security = "none"
[smtp.working]
host = "127.0.0.1"
port = {working}
security = "none"
[case_reference]
key_file = "keys"
[process.stuck]
title = "Stuck"
smtp = "swallowing"
[[process.stuck.stage]]
name = "new"
initial = true
[[process.stuck.mailbox]]
server = "s"
address = "stuck@office.example"
password_file = "password"
[process.invoices]
title = "Invoices"
smtp = "working"
[[process.invoices.stage]]
name = "new"
initial = true
[[process.invoices.mailbox]]
server = "s"
address = "invoices@office.example"
password_file = "password"
"""


class Swallowing:
    """A server that accepts every connection and never answers."""

    def __init__(self) -> None:
        self.connections = 0
        self.reached = asyncio.Event()

    async def _swallow(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.reached.set()
        try:
            await reader.read()
        finally:
            writer.close()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[int]:
        server = await asyncio.start_server(self._swallow, "127.0.0.1", 0)
        async with server:
            yield server.sockets[0].getsockname()[1]


class TellingSink(SmtpSink):
    """Signals the first mail that it accepts."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.loop = asyncio.get_running_loop()
        self.first = asyncio.Event()

    async def take(self, server: Any, mail: TakenMail) -> str:
        answer = await super().take(server, mail)
        self.loop.call_soon_threadsafe(self.first.set)
        return answer


def pending(number: int, process: str, kind: str, **more: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    mail = OutgoingMail(
        id=f"{kind} {process} {number}",
        kind=kind,  # type: ignore[arg-type] # one of its two
        case=number,
        process=process,
        state="pending",
        message_id=IDS.make(number, f"{number:08d}", "office.example"),
        author=Person(process, f"{process}@office.example"),
        reply_to=None,
        to=(to := [f"customer{number}@customer.example"]),
        remaining=to,
        subject=f"Case [#{number}]",
        text="Thank you.\n",
        attachments=[],
        in_reply_to=None,
        references=[],
        auto_submitted=None,
        caused_by="0f" * 32,
        created_at=now,
        due_at=now,
        attempts=0,
        **more,
    )
    return to_document(mail)


async def test_a_person_s_answer_by_another_server_leaves_while_600_mails_wait_for_a_swallowing_one(
    servers: PrivateServers, tmp_path: Path
) -> None:
    name = f"isolation-{tmp_path.name}"[:60]
    add_virtual_host(servers, name)
    swallowing, stop = Swallowing(), Stop()
    url = f"{servers.broker.url.rstrip('/')}/{name}"
    environ = {"MAILCASE_BROKER_URL": url, "MAILCASE_STORE_URL": servers.store.url}
    (tmp_path / "keys").write_text("0123456789abcdef0123456789abcdef\n")
    async with swallowing.open() as port, Store.opened(servers.store.url, name) as store:
        with TellingSink() as sink:
            config = tmp_path / "mailcase.toml"
            config.write_text(TOML.format(name=name, swallowing=port, working=sink.port))
            settings = load_settings(config, environ)
            await MongoOutbox(store).ensure_indexes()
            outbox = store.collection("outbox")
            await outbox.insert(
                [pending(number, "stuck", "acknowledgement") for number in range(1, 601)]
            )
            running = asyncio.ensure_future(sender.run(settings, 0, stop))
            try:
                await asyncio.wait_for(swallowing.reached.wait(), 60)
                await outbox.insert([pending(1000, "invoices", "answer")])
                await asyncio.wait_for(sink.first.wait(), WITHIN_S)
                assert swallowing.connections <= settings.sender.mails_at_once
            finally:
                stop.request()
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
                servers.broker.delete_virtual_host(name)
