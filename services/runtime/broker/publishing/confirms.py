"""The broker's confirms of messages that are published together."""

import asyncio
from typing import Any, cast

import aiormq


class Confirms:
    """The confirms of a batch, and one future for all of them.

    A future for each message, as the driver's own, has three callbacks, each of which is a call of
    the event loop.
    """

    def __init__(self, channel: aiormq.Channel, count: int) -> None:
        self.numbers: list[int] = []  # the channel's, of the messages that were written
        self._channel = channel
        self._left = count
        self._failures: dict[int, BaseException | None] = {}  # by the number; None if confirmed
        # made by the channel, so that it fails with the channel
        self._ended: asyncio.Future[None] = channel.create_future()

    @property
    def left(self) -> int:
        """How many messages are neither confirmed nor refused; 0 after the end of the channel."""
        return 0 if self._ended.done() else self._left

    def expect(self, number: int) -> None:
        """Wait for the confirm of the channel's message `number`, too."""
        self.numbers.append(number)
        # the driver uses nothing else of a future
        self._channel.confirmations[number] = cast("asyncio.Future[Any]", _Confirm(self, number))

    def forget(self, number: int) -> None:
        """The last message was not written after all."""
        self.numbers.remove(number)
        del self._channel.confirmations[number]

    async def wait(self, timeout_s: float) -> None:
        """Wait until none is left, or `timeout_s` has passed."""
        await asyncio.wait([self._ended], timeout=timeout_s)

    def abandon(self) -> None:
        """Nobody waits anymore."""
        self._ended.cancel()

    def is_recorded(self, number: int) -> bool:
        """Whether the message is confirmed or refused."""
        return number in self._failures

    def record(self, number: int, failure: BaseException | None) -> None:
        """Record a confirm, or why the message is refused."""
        self._failures[number] = failure
        self._left -= 1
        if not self._left and not self._ended.done():
            self._ended.set_result(None)

    def failures(self) -> list[BaseException | None]:
        """None or the failure of each message. Nothing may be left."""
        return [
            self._failures[number] if number in self._failures else self._end()
            for number in self.numbers
        ]

    def _end(self) -> BaseException | None:
        return asyncio.CancelledError() if self._ended.cancelled() else self._ended.exception()


class _Confirm:
    """What the driver's channel uses of a future."""

    __slots__ = ("_confirms", "_number")

    def __init__(self, confirms: Confirms, number: int) -> None:
        self._confirms = confirms
        self._number = number

    def done(self) -> bool:
        return self._confirms.is_recorded(self._number)

    def cancelled(self) -> bool:
        return False

    def set_result(self, _frame: object) -> None:
        self._confirms.record(self._number, None)

    def set_exception(self, failure: BaseException) -> None:
        self._confirms.record(self._number, failure)
