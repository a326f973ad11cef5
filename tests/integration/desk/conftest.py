"""A desk on a real database, and people with different roles who use it."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import HTTPConnection

from deploy.local import PrivateServers
from schemas.changes import Actor
from schemas.mails import mail_key
from schemas.stored import Case, Mail, to_document
from services.casework.actors import ActingAs
from services.cli.desk import tools
from services.desk.access import Permission, Principal
from services.desk.app import build_app
from services.desk.build import build_desk, ensure_indexes
from services.desk.desk import Desk
from services.desk.http.problems import ProblemError
from services.runtime.errors import TransientError
from services.runtime.settings import Settings, load_settings
from services.runtime.store.mongo import Store
from tests.asgi import Client
from tests.builders import parked_spam
from tests.integration.casework.test_casework import open_case

TOML = """
[server.s]
protocol = "imap"
host = "imap.office.example"
[smtp.relay]
host = "smtp.office.example"
[case_reference]
key_file = "keys"

[process.invoices]
title = "Cost invoices"
smtp = "relay"
[[process.invoices.stage]]
name = "registration"
title = "Registration"
initial = true
next = ["approval"]
[[process.invoices.stage]]
name = "approval"
title = "Awaiting approval"
next = ["paid", "registration"]
roles = ["approver"]
[[process.invoices.stage]]
name = "paid"
title = "Paid out"
final = true
next = ["registration"]
[[process.invoices.field]]
name = "invoice_number"
[[process.invoices.access]]
role = "worker"
users = ["anna@office.example"]
[[process.invoices.access]]
role = "approver"
groups = ["accounting"]
[[process.invoices.access]]
role = "manager"
users = ["maria@office.example"]
[[process.invoices.access]]
role = "reader"
users = ["rita@office.example"]
[[process.invoices.mailbox]]
server = "s"
address = "invoices@office.example"
password_file = "password"

[[process.invoices.snippet]]
title = "Received"
text = "Case {{ reference }} is ours."

[process.help]
title = "Help"
smtp = "relay"
[[process.help.stage]]
name = "new"
initial = true
next = ["done"]
[[process.help.stage]]
name = "done"
final = true
[[process.help.access]]
role = "worker"
users = ["hans@office.example", "anna@office.example"]
[[process.help.access]]
role = "manager"
users = ["otto@office.example"]
[[process.help.mailbox]]
server = "s"
address = "help@office.example"
password_file = "password"
"""


def person(name: str, **more: Any) -> Principal:
    actor = Actor(kind="person", id=f"{name}@office.example", name=name.title())
    return Principal(acting=ActingAs(actor, user=actor.id), session=f"session of {name}", **more)


PEOPLE: dict[str, Principal] = {
    "anna": person("anna"),  # a worker in both processes
    "maria": person("maria"),
    "rita": person("rita"),
    "hans": person("hans"),  # a worker in the other process
    "otto": person("otto"),  # a manager in the other process
    "eve": person("eve"),  # no role
    "ada": Principal(  # an administrator
        acting=ActingAs(
            Actor(kind="person", id="ada@office.example", name="Ada"),
            everything=True,
            user="ada@office.example",
        ),
        admin=True,
        session="session of ada",
    ),
    "reading": Principal(
        acting=ActingAs(Actor(kind="token", id="anna@office.example")),
        scopes=frozenset({Permission.READ}),
        token="reading",
    ),
    "scanner": Principal(  # a token of anna
        acting=ActingAs(Actor(kind="token", id="tok_scanner"), user="anna@office.example"),
        scopes=frozenset({Permission.READ, Permission.WORK}),
        token="tok_scanner",
    ),
    "helping": Principal(
        acting=ActingAs(Actor(kind="token", id="anna@office.example")),
        processes=frozenset({"help"}),
        token="helping",
    ),
}
# Tokens of an administrator that have every scope but one.
PEOPLE |= {
    f"without {permission}": Principal(
        acting=ActingAs(Actor(kind="token", id="ada@office.example"), everything=True),
        scopes=frozenset(Permission) - {permission},
        admin=permission is not Permission.ADMIN,
        token=f"without {permission}",
    )
    for permission in Permission
}


class KnownPeople:
    """Accepts the name in the header `x-test-user`; the sessions of `signed_out` have ended."""

    def __init__(self) -> None:
        self.signed_out: set[str] = set()

    async def principal(self, connection: HTTPConnection) -> Principal | None:
        name = connection.headers.get("x-test-user")
        if name == "revoked":
            raise ProblemError(401, "revoked", "the session was ended; sign in again")
        if name == "unread":
            raise TransientError("the session cannot be read")
        return PEOPLE[name] if name else None

    async def again(self, principal: Principal) -> Principal | None:
        return None if principal.acting.actor.name.lower() in self.signed_out else principal


@pytest.fixture(scope="session")
async def indexed_store(
    servers: PrivateServers, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Store]:
    """A database with the desk's indexes. Creating them takes longer than a test."""
    settings = desk_settings(tmp_path_factory.mktemp("desk"))
    async with Store.opened(servers.store.url, f"test_{uuid.uuid4().hex[:12]}") as store:
        await ensure_indexes(build_desk(settings, store, "http://desk.test", tools(settings)))
        yield store


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return desk_settings(tmp_path)


@pytest.fixture
async def desk(indexed_store: Store, settings: Settings) -> Desk:
    """A desk on an empty database."""
    for name in await indexed_store._database.list_collection_names():
        await indexed_store.collection(name).delete({})
    return build_desk(settings, indexed_store, "http://desk.test", tools(settings))


def desk_settings(tmp_path: Path) -> Settings:
    """The settings of TOML, with the files that they name."""
    (tmp_path / "mailcase.toml").write_text(TOML)
    (tmp_path / "keys").write_text("0123456789abcdef0123456789abcdef\n")
    (tmp_path / "password").write_text("secret\n")
    return load_settings(tmp_path / "mailcase.toml", {})


@pytest.fixture
def client(desk: Desk) -> Callable[[str], Client]:
    """A client for one of PEOPLE. Its requests come from the desk's own pages."""
    app = build_app(desk, KnownPeople())
    return lambda name: Client(
        app, {"x-test-user": name, "sec-fetch-site": "same-origin"} if name else {}
    )


PARKED_MAIL = (
    b"From: Jan Kowalski <jan@supplier.example>\r\nTo: invoices@office.example\r\n"
    b"Subject: Invoice 17\r\nDate: Wed, 04 Mar 2026 05:06:07 +0000\r\n\r\nPlease pay.\r\n"
)
PARKED = mail_key("invoices", PARKED_MAIL)


@pytest.fixture
async def parked(desk: Desk) -> Mail:
    """A mail of the process invoices that was parked as spam."""
    blob = await desk.blobs.put(PARKED_MAIL)
    mail = parked_spam(PARKED, blob.sha256, datetime.now(UTC))
    await desk.store.collection(Mail.COLLECTION).insert([to_document(mail)])
    return mail


OpenCase = Callable[..., Awaitable[Case]]


@pytest.fixture
def opened(desk: Desk) -> OpenCase:
    """Opens a case, as a mail does."""

    async def opens(number: int, **fields: Any) -> Case:
        return await open_case(desk.store, number, **fields)

    return opens
