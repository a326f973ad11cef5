"""What the desk publishes, in addition to answering requests."""

import asyncio
from typing import Any, cast

from schemas.changes import Change
from services.casework.publisher import ChangePublisher
from services.desk.events import DeskEvents
from services.runtime.broker.connection import Broker


class SlowPublisher:
    """Confirms nothing until `confirmed` is set."""

    def __init__(self) -> None:
        self.confirmed = asyncio.Event()
        self.published: list[Change] = []

    async def publish(self, changes: list[Change]) -> None:
        await self.confirmed.wait()
        self.published += changes


class Outlet:
    """Takes every message."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    async def publish_all(self, messages: list[Any]) -> None:
        self.sent += messages


async def test_a_person_does_not_wait_for_the_confirms_of_a_busy_broker() -> None:
    events, publisher, outlet = DeskEvents([]), SlowPublisher(), Outlet()
    events.connected(cast("Broker", outlet), cast("ChangePublisher", publisher))
    change = cast("Change", object())
    events.publish_soon([change], ["answer 1"])
    await asyncio.sleep(0)
    assert publisher.published == []
    publisher.confirmed.set()
    async with asyncio.timeout(5):
        while not outlet.sent:  # noqa: ASYNC110 - the task is of the desk
            await asyncio.sleep(0.001)
    assert publisher.published == [change]
