"""A URL with several hosts connects to one that answers, even if others are dead or silent."""

import random
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from deploy.local import PrivateServers
from services.runtime.broker import connection
from services.runtime.broker.connection import Broker
from services.runtime.errors import TransientError

pytestmark = pytest.mark.usefixtures("no_settling")


@pytest.fixture
def dead() -> Iterator[list[str]]:
    """A host that refuses connections, and one that accepts them and never answers."""
    with ExitStack() as opened:
        refusing, silent = [opened.enter_context(socket.socket()) for _ in range(2)]
        for listener in (refusing, silent):
            listener.bind(("127.0.0.1", 0))
        silent.listen(100)
        yield [f"127.0.0.1:{listener.getsockname()[1]}" for listener in (refusing, silent)]


async def test_a_connection_finds_the_host_that_answers(
    servers: PrivateServers, dead: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "CONNECT_TIMEOUT_ONE_OF_SEVERAL_S", 0.5)
    monkeypatch.setattr(random, "sample", lambda urls, k: urls[:k])
    user, _, rest = servers.broker.url.rpartition("@")
    host, slash, path = rest.partition("/")
    for hosts in ([*dead, host], [host, *dead]):
        async with Broker.connected(f"{user}@{','.join(hosts)}{slash}{path}", "test") as broker:
            assert broker.server().startswith("RabbitMQ")


async def test_without_a_host_that_answers_the_error_names_one_and_no_password(
    dead: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "CONNECT_TIMEOUT_ONE_OF_SEVERAL_S", 0.5)
    with pytest.raises(TransientError, match=r"connect to amqp://guest:\*\*\*@127\.0\.0\.1"):
        async with Broker.connected(f"amqp://guest:hunter2@{','.join(dead)}/", "test"):
            pass
