"""The thread in which one mailbox's blocking calls run."""

import asyncio
import subprocess
import sys
import threading

import pytest

from services.fetcher.sources.mailbox_thread import MailboxThread

STUCK = """
import asyncio, threading
from services.fetcher.sources.mailbox_thread import MailboxThread
async def main():
    begun = threading.Event()
    thread = MailboxThread("a")
    task = asyncio.ensure_future(thread.call(lambda: (begun.set(), threading.Event().wait())))
    await asyncio.to_thread(begun.wait)
    task.cancel()
    thread.end(print)
asyncio.run(main())
"""


async def test_calls_run_in_order_and_return_or_raise_their_results() -> None:
    thread, order = MailboxThread("a"), list[int]()
    await asyncio.gather(*(thread.call(order.append, number) for number in range(5)))
    assert order == list(range(5))
    assert await thread.call(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await thread.call(divmod, 7, 0)
    thread.end(list)


async def test_a_call_whose_caller_is_cancelled_is_not_started() -> None:
    thread, go, ended = MailboxThread("a"), threading.Event(), asyncio.Event()
    loop, begun = asyncio.get_running_loop(), list[str]()
    first = asyncio.ensure_future(thread.call(go.wait))
    second = asyncio.ensure_future(thread.call(begun.append, "second"))
    await asyncio.sleep(0)
    second.cancel()
    go.set()
    assert await first
    thread.end(lambda: loop.call_soon_threadsafe(ended.set))
    await asyncio.wait_for(ended.wait(), 5)
    assert begun == []


def test_a_call_that_does_not_end_does_not_block_the_exit() -> None:
    assert subprocess.run([sys.executable, "-c", STUCK], timeout=30, check=False).returncode == 0
