"""Counting the messages of queues at a broker that does not answer."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aio_pika.abc import AbstractConnection

from services.runtime.broker.connection import Broker


class SilentConnection:
    """Opens no channel until `answers` is set, as during an alarm."""

    def __init__(self) -> None:
        self.close_callbacks: set[Any] = set()
        self.answers = asyncio.Event()
        self.asked = 0

    async def channel(self, **_options: object) -> "SilentConnection":
        self.asked += 1
        await self.answers.wait()
        return self

    async def declare_queue(self, _name: str, **_options: object) -> SimpleNamespace:
        return SimpleNamespace(declaration_result=SimpleNamespace(message_count=3))

    async def close(self) -> None: ...


async def test_callers_that_give_up_leave_one_request_behind() -> None:
    connection = SilentConnection()
    silent = cast("AbstractConnection", connection)
    broker = Broker(silent, cast("Any", connection))
    for _ in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await broker.lengths(["a", "b"])
    assert connection.asked == 1
    connection.answers.set()
    assert await broker.lengths(["a", "b"]) == [3, 3]
    assert await broker.length("a") == 3
    assert connection.asked == 2
