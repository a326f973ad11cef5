"""A desk on real servers with invented cases, for tests with a browser."""

import asyncio
import socket
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from msgspec import structs

from deploy.local import PrivateServers
from schemas.changes import MailAdded
from schemas.stored import Case, Comment, Mail, Person, to_document
from schemas.stored.desk import User
from services.casework.persistence.recording import record_change
from services.cli.desk import tools
from services.desk.accounts.accounts import Client
from services.desk.build import build_desk, ensure_indexes
from services.desk.main import run
from services.runtime.process.lifecycle import Stop
from services.runtime.settings import load_settings
from services.runtime.store.blobs import Blobs
from services.runtime.store.collection import Session
from services.runtime.store.errors import ConflictError
from services.runtime.store.mongo import Store
from tests.builders import parked_spam
from tests.integration.casework.test_casework import comment, open_case
from tests.integration.desk.conftest import TOML
from tests.unit.casework.builders import ANNA
from tests.vhosts import add_virtual_host

PASSWORD = "a sentence nobody guesses"
ADA = "ada@office.example"
MARIA = "maria@office.example"
HOSTILE = (
    "<p>Dear <b>all</b></p><script>parent.document.title = 'owned'</script>"
    '<img src="x" onerror="parent.document.title = \'owned\'">'
    '<img data-remote-src="https://track.example/1.png" alt="Logo">'
    '<form action="https://evil.example/"><button>Win</button></form>'
    '<a href="https://evil.example/">https://bank.example</a>'
    '<div style="position:fixed;inset:0;background:red">over everything</div>'
)
SUBJECTS = (
    ("Faktura FV/2026/11/0418 za transport paliwa", "Jan Kowalski"),
    ("Question about the due date of invoice 2026-5581", "Jane Harper"),
    ("Korekta do faktury 77/10/2026", "Biuro Rachunkowe Liczydło"),
    (
        "</title><script>document.title='owned'</script> \u202egpj.exe",
        '"><img src=x onerror=alert(1)>',
    ),
    ("Invoice for office supplies, November", "Paper & Pen Ltd"),
    ("Order 17 did not arrive", "Jane Harper"),
    ("Reklamacja: pęknięty wazon", "Bogumił Wrzesień"),
)
SETTINGS = """
[store]
url = "{store}"
database = "{database}"
[broker]
url = "{broker}"
"""


@dataclass(frozen=True)
class Office:
    """A running desk: its URL, its database, and the one-time links of an administrator and of a
    colleague.
    """

    url: str
    welcome: str
    colleague: str
    store: Store


@asynccontextmanager
async def running_office(servers: PrivateServers, folder: Path) -> AsyncIterator[Office]:
    """Serve the desk until the block ends. Cases 1 to 7 exist."""
    port, health = _free_port(), _free_port()
    database = f"browser_{port}"
    add_virtual_host(servers, database)
    broker = f"{servers.broker.url.rstrip('/')}/{database}"
    settings_file = folder / "mailcase.toml"
    settings_file.write_text(
        SETTINGS.format(store=servers.store.url, database=database, broker=broker) + TOML
    )
    (folder / "keys").write_text("0123456789abcdef0123456789abcdef\n")
    (folder / "password").write_text("secret\n")
    settings = load_settings(settings_file, {})
    url = f"http://127.0.0.1:{port}"
    async with Store.opened(servers.store.url, database) as store:
        desk = build_desk(settings, store, url, tools(settings))
        # Before the desk starts, since creating its indexes would block the transactions on cases.
        await ensure_indexes(desk)
        await _fill(store)
        _, link = await desk.accounts.add_user(
            ADA, "Ada Zielińska", ["accounting"], admin=True, by="test"
        )
        assert link is not None
        _, colleague = await desk.accounts.add_user(
            "anna@office.example", "Anna Nowak", [], admin=False, by="test"
        )
        assert colleague is not None
        marek, _ = await desk.accounts.add_user(
            "marek@office.example", "Marek", [], admin=False, by="test"
        )
        identity = {"issuer": "https://id.example", "subject": "marek"}
        await store.collection(User.COLLECTION).update({"_id": marek.id}, {"$set": identity})
        _, manager = await desk.accounts.add_user(MARIA, "Maria Lis", [], admin=False, by="test")
        assert manager is not None
        await desk.accounts.use_link(manager.partition("=")[2], PASSWORD, Client())
        stop = Stop()
        listen = f"127.0.0.1:{port}"
        serving = asyncio.create_task(
            run(settings, health, stop, "127.0.0.1", tools=tools(settings), listen=listen)
        )
        try:
            await _answering(port, serving)
            yield Office(url=url, welcome=link, colleague=colleague, store=store)
        finally:
            stop.request()
            await asyncio.wait_for(serving, 40)


async def _fill(store: Store) -> None:
    now = datetime.now(UTC)
    for number, (title, author) in enumerate(SUBJECTS, start=1):
        await open_case(
            store, number, title=title, opened_by=Person(author, "jan@supplier.example")
        )
    comments = store.collection(Comment.COLLECTION)
    (hostile,) = await comments.find({"case": 4}, limit=1)
    changes = {
        "html": HOSTILE,
        "author": {"name": SUBJECTS[3][1], "address": "jan@supplier.example"},
        "text": "<script>document.title='owned'</script>",
        "full_text": "<script>document.title='owned'</script>\n\n> earlier",
        "flags": ["unverified-sender", "charset-repaired"],
    }
    await comments.update({"_id": hostile["_id"]}, {"$set": changes})
    cases = store.collection(Case.COLLECTION)
    late = {"due_at": now - timedelta(days=1), "overdue_at": now}
    await cases.update({"_id": 5}, {"$set": late})
    raw = b"From: jan@supplier.example\r\nSubject: Parked\r\n\r\nWho am I?\r\n"
    blob = await Blobs(store).put(raw)
    parked = parked_spam("a" * 64, blob.sha256, now)
    await store.collection(Mail.COLLECTION).insert([to_document(parked)])


async def customer_writes(store: Store, number: int, text: str) -> None:
    """Add a mail to a case, as the case writer does. Any desk publishes the change."""
    mail = structs.replace(
        comment(uuid.uuid4().hex * 2, number, datetime.now(UTC)), text=text, full_text=text
    )

    async def write(session: Session) -> None:
        await store.collection(Comment.COLLECTION).insert([to_document(mail)], session)
        added = MailAdded(comment=mail.id)
        await record_change(store, number, added, ANNA, session, added={"comment_count": 1})

    while True:
        try:
            return await store.transaction(write)
        except ConflictError:  # someone else changed the case at the same time
            continue


async def _answering(port: int, serving: asyncio.Task[None]) -> None:
    """Wait until the desk accepts connections. Raises the exception that ended it earlier."""
    async with asyncio.timeout(60):
        while True:
            if serving.done():
                serving.result()
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
                continue
            writer.close()
            return


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
