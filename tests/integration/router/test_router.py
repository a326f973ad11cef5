"""The router as a process, on a real broker: bytes are forwarded unchanged, invalid messages are
dead-lettered.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from deploy.local import PrivateServers
from schemas.codec import encode, tag_of
from schemas.mails import RawMail
from services.router.main import run
from services.router.policy import Policy
from services.router.service import route
from services.runtime.broker.configured import topology_of
from services.runtime.broker.connection import Broker
from services.runtime.broker.deliveries import Deliveries
from services.runtime.broker.messages import Outgoing
from services.runtime.broker.topology import (
    CASE_WRITER_COMMANDS,
    MAIL,
    ROUTER_MAIL,
    dead_name,
    raw_key,
)
from services.runtime.process.lifecycle import Stop
from services.runtime.settings import Settings, load_settings
from tests.builders import command_in, raw_bytes, raw_mail
from tests.vhosts import add_virtual_host

PATIENCE_S = 20.0
SETTINGS = """
[broker]
url = "{url}"

[server.s]
protocol = "imap"
host = "127.0.0.1"

[process.invoices]
title = "Invoices"
[[process.invoices.stage]]
name = "registration"
initial = true
[[process.invoices.mailbox]]
server = "s"
address = "invoices@office.example"
password_file = "password"
"""


@pytest.fixture
def settings(servers: PrivateServers, tmp_path: Path) -> Settings:
    """Settings with a separate virtual host, so that mails of other tests are not routed too."""
    host = f"router-{uuid.uuid4().hex[:8]}"
    add_virtual_host(servers, host)
    file = tmp_path / "mailcase.toml"
    file.write_text(SETTINGS.format(url=f"{servers.broker.url.rstrip('/')}/{host}"))
    return load_settings(file, {})


@pytest.fixture
async def broker(settings: Settings) -> AsyncIterator[Broker]:
    assert settings.broker.url is not None
    async with Broker.connected(settings.broker.url, "test") as broker:
        await broker.declare(topology_of(settings))
        yield broker


@asynccontextmanager
async def router(settings: Settings) -> AsyncIterator[None]:
    """Run the router during the block; afterwards it must stop by itself."""
    stop = Stop()
    running = asyncio.ensure_future(run(settings, 0, stop))
    try:
        yield
    finally:
        stop.request()
        await asyncio.wait_for(running, PATIENCE_S)


def message(mail: RawMail, body: bytes | None = None) -> Outgoing:
    return Outgoing(
        MAIL, raw_key(mail.process, mail.mailbox), body or encode(mail), tag_of(mail), mail.key
    )


async def bodies(deliveries: Deliveries, count: int) -> list[bytes]:
    found: list[bytes] = []
    while len(found) < count:
        found += [
            delivery.body
            for delivery in await asyncio.wait_for(deliveries.next_batch(1000), PATIENCE_S)
        ]
    await deliveries.acknowledge()
    return found


async def test_every_mail_is_forwarded_byte_for_byte(settings: Settings, broker: Broker) -> None:
    raws = [raw_bytes(f"mail {number}", subject=f"Invoice {number}") for number in range(300)]
    mails = [
        raw_mail(raw) for raw in [*raws, bytes(range(256)) * 4096, b"\x00", b"no header\r\nat all"]
    ]
    commands = await broker.consume(CASE_WRITER_COMMANDS, 1000)
    async with router(settings):
        await broker.publish_all([message(mail) for mail in mails])
        routed = [command_in(body).mail for body in await bodies(commands, len(mails))]
    assert {mail.key: mail for mail in routed} == {mail.key: mail for mail in mails}
    assert len(routed) == len(mails)


async def test_an_unreadable_message_is_dead_lettered_and_the_next_one_is_routed(
    settings: Settings, broker: Broker
) -> None:
    broken = [
        b"\xc1 no message",
        encode(raw_mail())[:-3],
        b"\x82\xa4type\xaaRawMail.v1\xa1x" + b"\x91" * 100_000,
    ]
    commands = await broker.consume(CASE_WRITER_COMMANDS, 1000)
    async with router(settings):
        await broker.publish_all(
            [message(raw_mail(), body) for body in [*broken, encode(raw_mail())]]
        )
        assert [command_in(body).mail for body in await bodies(commands, 1)] == [raw_mail()]
        dead = await broker.consume(dead_name(ROUTER_MAIL), 10)
        assert sorted(await bodies(dead, len(broken))) == sorted(broken)


async def test_a_mail_on_which_our_code_fails_is_dead_lettered_and_the_next_one_is_routed(
    settings: Settings, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd, even = raw_mail(raw_bytes("odd")), raw_mail(raw_bytes("even"))

    def failing(mail: RawMail, policy: Policy, _unknown: str | None = None) -> Outgoing:
        if mail == odd:
            raise ZeroDivisionError
        return route(mail, policy)

    monkeypatch.setattr("services.router.main.route", failing)
    commands = await broker.consume(CASE_WRITER_COMMANDS, 10)
    dead = await broker.consume(dead_name(ROUTER_MAIL), 10)
    async with router(settings):
        await broker.publish_all([message(odd), message(even)])
        assert [command_in(body).mail for body in await bodies(commands, 1)] == [even]
        assert await bodies(dead, 1) == [encode(odd)]


async def test_a_router_that_stops_leaves_nothing_in_hand(
    settings: Settings, broker: Broker
) -> None:
    mails = [raw_mail(raw_bytes(f"mail {number}")) for number in range(200)]
    commands = await broker.consume(CASE_WRITER_COMMANDS, 1000)
    await broker.publish_all([message(mail) for mail in mails])
    keys: list[str] = []
    for _ in range(2):
        async with router(settings):
            keys += [command_in(body).mail.key for body in await bodies(commands, 1)]
    async with router(settings):
        while len(set(keys)) < len(mails):
            keys += [command_in(body).mail.key for body in await bodies(commands, 1)]
    assert set(keys) == {mail.key for mail in mails}
    assert len(keys) == len(mails)
