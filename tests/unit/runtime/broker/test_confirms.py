"""How long publishing waits for confirms, on a channel whose confirms the test sends."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import aiormq
import pytest

from services.runtime.broker.publishing import publish
from services.runtime.broker.publishing.confirms import Confirms


class Channel(SimpleNamespace):
    """What `_all_done` reads from a channel: unconfirmed numbers, the last number, and whether it
    is blocked.
    """

    def __init__(self) -> None:
        super().__init__(
            confirmations={},
            delivery_tag=0,
            connection=self,
            blocked=False,
            answers=True,
            futures=[],
        )

    def create_future(self) -> Any:
        self.futures.append(asyncio.get_running_loop().create_future())
        return self.futures[-1]

    def publish(self) -> Confirms:
        self.delivery_tag += 1
        confirms = Confirms(cast("aiormq.Channel", self), 1)
        confirms.expect(self.delivery_tag)
        return confirms

    def confirm(self, number: int) -> None:
        self.confirmations.pop(number).set_result(None)

    def probe(self) -> None:
        """The broker answers at once if the link works."""
        self.publish()
        if self.answers:
            self.confirm(self.delivery_tag)

    async def ready(self) -> None:
        if self.blocked:
            await asyncio.Event().wait()


@pytest.fixture
def wait(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    monkeypatch.setattr(publish, "CONFIRM_PATIENCE_S", 4.0)
    monkeypatch.setattr(publish, "OVERTAKEN_PATIENCE_S", 0.2)

    async def probe(channel: aiormq.Channel) -> None:
        cast("Channel", channel).probe()

    monkeypatch.setattr(publish, "_probe", probe)

    def waiting(channel: Channel, confirms: Confirms) -> Any:
        done = publish._all_done(cast("aiormq.Channel", channel), confirms)
        return asyncio.wait_for(done, 1.5)

    return waiting


async def test_a_message_is_soon_given_up_if_the_broker_confirms_what_follows(
    wait: Callable[..., Any],
) -> None:
    channel = Channel()
    lost = channel.publish()
    with pytest.raises(TimeoutError, match="1 confirms did not arrive"):
        await wait(channel, lost)


async def test_a_slow_link_is_waited_for(wait: Callable[..., Any]) -> None:
    channel = Channel()
    channel.answers = False
    slow = channel.publish()
    asyncio.get_running_loop().call_later(0.8, channel.confirm, 1)
    await wait(channel, slow)


async def test_an_alarm_is_waited_for(wait: Callable[..., Any]) -> None:
    channel = Channel()
    held = channel.publish()
    channel.blocked = True
    asyncio.get_running_loop().call_later(0.8, channel.confirm, 1)
    await wait(channel, held)


async def test_each_message_has_its_own_failure() -> None:
    channel = Channel()
    confirms = Confirms(cast("aiormq.Channel", channel), 3)
    for number in (1, 2, 3):
        confirms.expect(number)
    returned = RuntimeError("returned")
    channel.confirmations.pop(2).set_exception(returned)
    channel.confirm(3)
    assert confirms.left == 1
    channel.confirm(1)
    assert (confirms.left, confirms.failures()) == (0, [None, returned, None])


async def test_the_end_of_the_channel_is_the_failure_of_all_that_are_left() -> None:
    channel = Channel()
    confirms = Confirms(cast("aiormq.Channel", channel), 2)
    confirms.expect(1)
    confirms.expect(2)
    channel.confirm(1)
    ended = RuntimeError("the channel ended")
    channel.futures[0].set_exception(ended)
    await confirms.wait(1.0)
    assert (confirms.left, confirms.failures()) == (0, [None, ended])


async def test_a_confirm_after_the_wait_ended_is_harmless() -> None:
    channel = Channel()
    confirms = channel.publish()
    confirms.abandon()
    assert not channel.confirmations[1].done()
    channel.confirm(1)
    assert channel.futures[0].cancelled()
