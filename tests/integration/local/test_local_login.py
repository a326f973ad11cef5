"""Who can log in to the private servers: only their owner, by a generated secret. Their data can
move with their folder.
"""

import asyncio
import os
import stat
from pathlib import Path
from typing import Any

import aio_pika
import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from deploy.local import Broker, PrivateServers, Store
from deploy.local.guardian import descendants
from deploy.local.servers import amqp_probe
from tests.integration.local.test_local_servers import everything, put

pytestmark = pytest.mark.usefixtures("server_programs")

MAILS = [b"mail 1", b"mail 2", b"mail 3"]
PATIENCE_S = 30.0


def refuses_guest(port: int) -> bool:
    try:
        amqp_probe.probe(port, "guest", "guest")
    except ConnectionError:
        return True
    return False


def needs_login(servers: PrivateServers) -> bool:
    with MongoClient[dict[str, int]](
        servers.store.url.replace(f"mailcase:{servers.store.password}@", "")
    ) as client:
        try:
            client.mailcase.numbers.find_one()
        except OperationFailure as error:
            return error.code == 13  # unauthorized
    return False


def test_nobody_gets_in_without_the_generated_secrets_and_only_their_owner_can_read_those(
    servers: PrivateServers,
) -> None:
    assert refuses_guest(servers.broker.port)
    assert needs_login(servers)
    users = servers.broker.ctl("list_users").split()
    assert "mailcase" in users
    assert "guest" not in users
    secrets = servers.data_dir / "secrets"
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in secrets.iterdir()} == {0o600}
    assert {file.name for file in secrets.iterdir()} == {"broker", "store", "store.key"}


def test_no_secret_is_on_a_command_line_or_in_a_log(servers: PrivateServers) -> None:
    secrets = [file.read_bytes() for file in (servers.data_dir / "secrets").iterdir()]
    commands = b"".join(
        Path(f"/proc/{pid}/cmdline").read_bytes() for pid in descendants(os.getpid())
    )
    logs = b"".join(file.read_bytes() for file in (servers.data_dir / "logs").iterdir())
    assert b"mongod" in commands
    assert b"mailcase" in logs
    assert not [secret for secret in secrets if secret in commands or secret in logs]


async def send(url: str) -> None:
    """Send mails to a quorum queue and to a stream."""
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        for kind in ("quorum", "stream"):
            await channel.declare_queue(kind, durable=True, arguments={"x-queue-type": kind})
            for mail in MAILS:
                await channel.default_exchange.publish(
                    aio_pika.Message(mail, delivery_mode=2), kind
                )


async def received(url: str, kind: str) -> list[bytes]:
    """The messages in the queue; the coordinator of a stream needs a moment after the start of the
    node.
    """
    async with asyncio.timeout(PATIENCE_S), await aio_pika.connect(url) as connection:
        while True:
            channel = await connection.channel()
            await channel.set_qos(10)
            queue = await channel.get_queue(kind, ensure=False)
            found: asyncio.Queue[bytes] = asyncio.Queue()
            first: dict[str, Any] = {"x-stream-offset": "first"} if kind == "stream" else {}

            async def take(
                message: aio_pika.abc.AbstractIncomingMessage, found: asyncio.Queue[bytes] = found
            ) -> None:
                await found.put(message.body)

            try:
                await queue.consume(take, arguments=first)
            except aio_pika.exceptions.ChannelNotFoundEntity:
                continue
            return [await found.get() for _ in MAILS]


def assert_all_is_there(servers: PrivateServers) -> None:
    assert everything(servers.store.url) == [1]
    for kind in ("quorum", "stream"):
        assert asyncio.run(received(servers.broker.url, kind)) == MAILS


@pytest.mark.slow
def test_a_folder_made_before_there_was_a_log_in_gets_one_and_may_move_at_the_same_time(
    server_folder: Path,
) -> None:
    old, new = server_folder / "old", server_folder / "new zażółć"
    broker, store = Broker(old), Store(old)
    broker.user = "guest"
    broker.secrets.write("broker", "guest")
    broker.start()
    asyncio.run(send(broker.url))
    broker.stop()
    [member] = store.members
    member.launch(login_required=False)
    store._configure_members()
    member.wait_for(lambda client: bool(client.admin.command("hello")["isWritablePrimary"]))
    put(store.url, 1)
    store.stop()
    for secret in (old / "secrets").iterdir():
        secret.unlink()
    old.rename(new)
    for _ in range(2):  # the second start finds everything set up
        with PrivateServers(new) as servers:
            assert_all_is_there(servers)
            assert refuses_guest(servers.broker.port)
            assert needs_login(servers)
            assert servers.broker.ctl("list_users", "--no-table-headers").split()[0] == "mailcase"
    assert not old.exists()


def test_a_folder_may_move_with_mails_in_its_queues_and_cases_in_its_database(
    server_folder: Path,
) -> None:
    here, there = server_folder / "here", server_folder / "deeper" / "there"
    with PrivateServers(here) as servers:
        put(servers.store.url, 1)
        asyncio.run(send(servers.broker.url))
    there.parent.mkdir()
    here.rename(there)
    with PrivateServers(there) as servers:
        assert_all_is_there(servers)
    assert not here.exists()


@pytest.mark.slow
def test_a_run_that_was_cut_off_before_it_kept_the_password_is_repeated(
    server_folder: Path,
) -> None:
    with PrivateServers(server_folder) as servers:
        put(servers.store.url, 1)
    for name in ("broker", "store"):
        (server_folder / "secrets" / name).unlink()
    with PrivateServers(server_folder) as servers:
        assert everything(servers.store.url) == [1]
        assert needs_login(servers)
        servers.broker.probe()
