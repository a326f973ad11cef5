"""Waiting for what nothing announces."""

import time
from collections.abc import Callable

import pymongo


def until(
    condition: Callable[[], object], what: str, patience_s: float, *, every_s: float = 0.1
) -> None:
    """Wait until `condition()` holds; during an outage of the database it does not. AssertionError
    after the timeout.
    """
    deadline = time.monotonic() + patience_s
    while not _holds(condition):
        assert time.monotonic() < deadline, f"not within {patience_s:.0f} s: {what}"
        time.sleep(every_s)


def _holds(condition: Callable[[], object]) -> bool:
    try:
        return bool(condition())
    except pymongo.errors.PyMongoError:
        return False
