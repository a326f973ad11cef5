"""A connection to the broker, and names that no other test uses."""

import itertools
import uuid
from collections.abc import AsyncIterator

import pytest

from deploy.local import PrivateServers
from services.runtime.broker.connection import Broker
from tests.integration.brokers import connected

_numbers = itertools.count(1)


@pytest.fixture
def no_settling(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait until new queues are on disk: no test here kills the broker."""
    monkeypatch.setattr("services.runtime.broker.declare.SETTLE_S", 0.0)


@pytest.fixture
def name() -> str:
    """A unique word for the queues and exchanges of a test."""
    return f"t{next(_numbers)}-{uuid.uuid4().hex[:8]}"


@pytest.fixture
async def broker(servers: PrivateServers) -> AsyncIterator[Broker]:
    async with connected(servers) as one:
        yield one
