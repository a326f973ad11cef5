"""Deferred messages never delay the end of a consumer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from schemas.codec import NewerVersionError
from services.runtime.broker import consume
from services.runtime.broker.browse import Found
from services.runtime.broker.messages import Delivery
from services.runtime.process.lifecycle import Stop


class Unreadable(Found):
    def __init__(self) -> None:
        self.delivery = Delivery(b"", "key", "t", False, "", "", {})


async def test_a_consumer_ends_during_a_round_of_deferred_messages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looking, left = Stop(), Stop()

    @asynccontextmanager
    async def browse_queue(_broker: object, _queue: str) -> AsyncIterator[AsyncIterator[Found]]:
        async def all_messages() -> AsyncIterator[Found]:
            while True:
                await asyncio.sleep(0)
                looking.request()
                yield Unreadable()

        yield all_messages()
        left.request()

    async def handle() -> None:
        await looking.wait()

    def decode(_body: bytes) -> object:
        raise NewerVersionError("t")

    monkeypatch.setattr(consume, "browse_queue", browse_queue)
    broker: Any = None
    handling = consume._with_requeuing(handle(), broker, "queue", decode, None)
    await asyncio.wait_for(handling, 10)
    assert left.requested
