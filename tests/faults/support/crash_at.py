"""A program for the fault tests: runs a service that kills itself with SIGKILL at a named point.

    python tests/faults/support/crash_at.py POINT case-writer --config FILE …

The service crashes MAILCASE_CRASH_TIMES times. Just before each crash it creates the file named by
MAILCASE_CRASH_MARK followed by the number of the crash. Once all of these files exist, the service
runs normally. The services contain no code for this.
"""

import asyncio
import inspect
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

from services.case_writer import notifier
from services.case_writer.recording import mongo
from services.cli import main
from services.fetcher import in_flight as window
from services.fetcher.imap import removal as imap_removal
from services.fetcher.imap import source as imap
from services.fetcher.leases import manager as lease_manager
from services.fetcher.leases import store as lease_store
from services.runtime.broker import connection as broker
from services.runtime.broker import deliveries

POINTS: dict[str, tuple[type | ModuleType, str, str]] = {
    "before-transaction": (mongo.MongoCases, "write", "before"),
    "after-transaction": (mongo.MongoCases, "write", "after"),
    "before-events": (notifier.Notifier, "publish", "before"),
    "before-ack": (deliveries.Deliveries, "acknowledge_oldest", "before"),
    "after-ack": (deliveries.Deliveries, "acknowledge_oldest", "after"),
    "during-transaction": (mongo.MongoCases, "write", "during"),
    "during-events": (notifier.Notifier, "publish", "during"),
    "after-receipt": (window.InFlight, "take_recorded", "after"),
    "before-delete": (imap.ImapSource, "remove", "before"),
    "before-expunge": (imap_removal, "expunge", "before"),
    "after-delete": (imap.ImapSource, "remove", "after"),
    "during-publish": (broker.Broker, "publish_all", "during"),
    "before-publish": (broker.Broker, "publish_all", "before"),
    "after-confirm": (broker.Broker, "publish_all", "after"),
}


def shorten_leases() -> None:
    """Keep the next fetcher from waiting long for the lease of the killed one."""
    lease_store.TTL_S, lease_store.MARGIN_S, lease_manager.RENEW_S = 6.0, 1.0, 1.5


def crash_once() -> None:
    """Create the next mark and die as in a power failure; return if all marks exist."""
    for number in range(int(os.environ["MAILCASE_CRASH_TIMES"])):
        with suppress(FileExistsError):
            Path(f"{os.environ['MAILCASE_CRASH_MARK']}{number}").touch(exist_ok=False)
            os.kill(os.getpid(), signal.SIGKILL)


def wrap(owner: type | ModuleType, name: str, when: str) -> None:
    original: Callable[..., Any] = getattr(owner, name)

    def crashing_call(*arguments: object, **named: object) -> object:
        if when == "before":
            crash_once()
        result = original(*arguments, **named)
        if when == "after":
            crash_once()
        return result

    async def crashing(*arguments: object, **named: object) -> object:
        if when == "during":
            running = asyncio.ensure_future(original(*arguments, **named))
            await asyncio.wait({running}, timeout=0.003)
            crash_once()
            return await running
        if when == "before":
            crash_once()
        result = await original(*arguments, **named)
        if when == "after":
            crash_once()
        return result

    setattr(owner, name, crashing if inspect.iscoroutinefunction(original) else crashing_call)


if __name__ == "__main__":
    shorten_leases()
    wrap(*POINTS[sys.argv[1]])
    main(sys.argv[2:])
