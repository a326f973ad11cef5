"""Run a stage that kills itself, by SIGKILL, at a named point of its work; a program for the fault tests.

    python tests/faults/crash_at.py POINT case-writer --config FILE …

The point is reached once: the file that MAILCASE_CRASH_MARK names is made just before the crash, and where it exists
the stage runs as usual. Nothing in the stages knows of this.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from services.case_writer import mongo, service
from services.cli import main
from services.runtime import broker, deliveries

POINTS: dict[str, tuple[type, str, str]] = {
    "before-transaction": (mongo.MongoCases, "write", "before"),
    "after-transaction": (mongo.MongoCases, "write", "after"),
    "before-events": (service.CaseWriter, "_tell", "before"),
    "before-ack": (deliveries.Deliveries, "acknowledge", "before"),
    "after-ack": (deliveries.Deliveries, "acknowledge", "after"),
    "before-publish": (broker.Broker, "publish_all", "before"),
    "after-confirm": (broker.Broker, "publish_all", "after"),
}


def crash_once() -> None:
    """Leave the mark, then die as by a power cut."""
    mark = Path(os.environ["MAILCASE_CRASH_MARK"])
    try:
        mark.touch(exist_ok=False)
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def wrap(owner: type, name: str, when: str) -> None:
    original: Callable[..., Any] = getattr(owner, name)

    async def crashing(*arguments: object, **named: object) -> object:
        if when == "before":
            crash_once()
        result = await original(*arguments, **named)
        if when == "after":
            crash_once()
        return result

    setattr(owner, name, crashing)


if __name__ == "__main__":
    wrap(*POINTS[sys.argv[1]])
    main(sys.argv[2:])
