"""Streams of readers whose session, token or roles have ended are closed at once, on every desk."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from msgspec.structs import replace

from deploy.local import PrivateServers
from schemas.stored.desk import User
from services.casework.publisher import ChangePublisher
from services.cli.accounts import tokens
from services.cli.desk import tools
from services.desk.accounts.accounts import Accounts
from services.desk.accounts.web.wiring import http_authenticator
from services.desk.build import build_desk
from services.desk.desk import Desk
from services.desk.live import sse
from services.runtime.broker.connection import Broker
from services.runtime.settings import Settings
from services.runtime.store.mongo import Store
from tests.integration.desk.live.test_live import declared, fed, page, served

AT_ONCE_S = 20.0  # far from the minute below, on a busy machine too
RITA = "rita@office.example"
URL = "http://127.0.0.1:8080"


@pytest.fixture(autouse=True)
def _unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams check their reader only once a minute, so that only an announcement can reach them
    sooner.
    """
    monkeypatch.setattr(sse, "CHECK_EVERY_S", 60.0)


@pytest.fixture
async def broker(servers: PrivateServers, no_settling: None) -> AsyncIterator[Broker]:
    async with declared(servers) as broker:
        yield broker


@pytest.fixture
def here(desk: Desk, indexed_store: Store, settings: Settings) -> Desk:
    """The desk that has the stream."""
    return build_desk(settings, indexed_store, URL, tools(settings))


@pytest.fixture
def elsewhere(here: Desk, broker: Broker) -> Desk:
    """Another replica, connected to the same broker."""
    other = build_desk(here.settings, here.store, URL, here.tools)
    other.events.connected(broker, ChangePublisher(other.store, broker))
    return other


async def session(accounts: Accounts, user: User) -> tuple[str, Callable[[], Awaitable[object]]]:
    cookie, began = await accounts.sessions.begin(user, "192.0.2.1", "Firefox")
    return f"Cookie: mailcase={cookie}", lambda: accounts.sessions.revoke({"_id": began.id})


async def token(accounts: Accounts, user: User) -> tuple[str, Callable[[], Awaitable[object]]]:
    text, kept = await accounts.tokens.create("Robot", ["cases:read"], owner=user.id)
    return f"Authorization: Bearer {text}", lambda: accounts.revoke_token(kept.id, by="test")


async def token_of_disabled(
    accounts: Accounts, user: User
) -> tuple[str, Callable[[], Awaitable[object]]]:
    text, _ = await accounts.tokens.create("Robot", ["cases:read"], owner=user.id)
    return f"Authorization: Bearer {text}", lambda: accounts.disable(user.id, by="test")


@pytest.mark.parametrize("proof", [session, token, token_of_disabled])
async def test_a_stream_at_another_desk_ends_with_its_proof(
    proof: Callable[..., Awaitable[tuple[str, Callable[[], Awaitable[object]]]]],
    here: Desk,
    elsewhere: Desk,
    broker: Broker,
) -> None:
    user = await elsewhere.accounts.users.add(RITA, "Rita")
    header, end = await proof(elsewhere.accounts, user)
    anna = await elsewhere.accounts.users.add("anna@office.example", "Anna")
    others, _ = await session(elsewhere.accounts, anna)
    async with (
        fed(here.live, broker),
        served(here, http_authenticator(here)) as (port, _),
        page(port, "", header) as rita,
        page(port, "", others) as other,
    ):
        await rita.until(b"event: open")
        await other.until(b"event: open")
        started = time.monotonic()
        await end()
        assert b'"reason":"signed-out"' in await rita.to_the_end()
        assert time.monotonic() - started < AT_ONCE_S
        other.read = b""
        await other.until(b": still here")  # whoever is not meant stays
        assert b"ended" not in other.read


async def test_a_stream_ends_as_soon_as_the_command_revokes_its_token(
    here: Desk, broker: Broker, servers: PrivateServers
) -> None:
    user = await here.accounts.users.add(RITA, "Rita")
    text, kept = await here.accounts.tokens.create("Robot", ["cases:read"], owner=user.id)
    database = here.store._database.name
    settings = replace(
        here.settings,
        broker=replace(here.settings.broker, url=servers.broker.url),
        store=replace(here.settings.store, url=servers.store.url, database=database),
    )
    async with (
        fed(here.live, broker),
        served(here, http_authenticator(here)) as (port, _),
        page(port, "", f"Authorization: Bearer {text}") as rita,
    ):
        await rita.until(b"event: open")
        await tokens._revoked(settings, kept.id)
        started = time.monotonic()
        assert b'"reason":"signed-out"' in await rita.to_the_end()
        assert time.monotonic() - started < AT_ONCE_S


async def test_a_stream_of_this_desk_ends_without_a_broker(here: Desk) -> None:
    user = await here.accounts.users.add(RITA, "Rita")
    header, end = await session(here.accounts, user)
    async with (
        served(here, http_authenticator(here)) as (port, _),
        page(port, "", header) as rita,
    ):
        await rita.until(b"event: open")
        started = time.monotonic()
        await end()
        assert b'"reason":"signed-out"' in await rita.to_the_end()
        assert time.monotonic() - started < AT_ONCE_S
