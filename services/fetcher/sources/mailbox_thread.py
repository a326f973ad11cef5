"""The thread in which one mailbox's blocking calls run."""

import asyncio
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")


class MailboxThread:
    """Runs one call at a time, in order.

    It is a daemon thread, because a DNS lookup or a connection attempt cannot be interrupted. At
    exit, Python would wait for the threads of an executor (concurrent.futures), but it does not
    wait for a daemon thread.
    """

    def __init__(self, name: str) -> None:
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def call(self, function: Callable[..., T], *arguments: object) -> T:
        """Run `function` in the thread. Raises what it raises.

        A call whose caller is cancelled before it starts is skipped.
        """
        loop = asyncio.get_running_loop()
        result: asyncio.Future[T] = loop.create_future()

        def run() -> None:
            if result.cancelled():
                return
            try:
                value = function(*arguments)
            except BaseException as error:  # noqa: BLE001 - goes to whoever awaits the call
                _deliver(loop, result, result.set_exception, error)
            else:
                _deliver(loop, result, result.set_result, value)

        self._calls.put(run)
        return await result

    def end(self, last: Callable[[], object]) -> None:
        """Run `last` after the queued calls, then end the thread. Returns at once."""
        self._calls.put(lambda: _quietly(last))
        self._calls.put(None)

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            call()


def _deliver(
    loop: asyncio.AbstractEventLoop,
    result: "asyncio.Future[Any]",
    deliver: Callable[[Any], None],
    value: object,
) -> None:
    def deliver_if_awaited() -> None:
        if not result.done():
            deliver(value)

    with suppress(RuntimeError):  # the loop is closed: the process ends
        loop.call_soon_threadsafe(deliver_if_awaited)


def _quietly(last: Callable[[], object]) -> None:
    with suppress(Exception):
        last()
