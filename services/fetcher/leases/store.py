"""The leases in MongoDB: one document for each mailbox, by the database's clock.

A lease is taken and renewed by a conditional update, so that one replica at a time holds it. The
broker takes no part: since 4.2 RabbitMQ keeps the exclusive queue of a dead node until that node
returns (docs/decisions.md).
"""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Collection
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from services.fetcher.sources.seen_ids import FETCHED
from services.runtime.errors import TransientError
from services.runtime.store.mongo import Store

T = TypeVar("T")

MAILBOX_LEASES = "mailbox_leases"
TTL_S = 20.0  # plus detection and retry, another replica reads within 30 s
MARGIN_S = 2.0  # a holder stops this long before others can take the lease
ANSWER_S = 8.0  # a renewal that takes longer has failed; the next one may still be in time
RELEASE_S = 4.0  # a lease that is not released expires
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def now_s() -> float:
    """Seconds of a clock that also runs while this process or the machine is suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class LeaseStore(Protocol):
    """The leases, for one replica. Every method raises TransientError if the database fails."""

    async def prepare(self, mailboxes: Collection[str]) -> None:
        """Create documents and indexes; idempotent."""

    async def acquire(self, mailbox: str) -> float | None:
        """Take a free lease, or one that is already ours.

        Returns its end on the clock of `now_s`; None if another replica holds it.
        """

    async def renew(self, mailboxes: Collection[str]) -> tuple[set[str], float]:
        """Renew the leases that are still ours.

        Returns their mailboxes, and their end on the clock of `now_s`.
        """

    async def release(self, mailbox: str) -> None:
        """Release the lease, so that another replica can take it at once."""

    async def held(self) -> set[str]:
        """The mailboxes whose lease any replica holds."""


class StoredLeases:
    """Collection `mailbox_leases`: `_id` mailbox, `holder` or null, `until`."""

    def __init__(self, store: Store) -> None:
        self._collection = store.collection(MAILBOX_LEASES)
        self._fetched = store.collection(FETCHED)
        # For the life of the process: leases that could not be released when the connection to the
        # broker broke are still ours.
        self._holder = secrets.token_hex(8)

    async def prepare(self, mailboxes: Collection[str]) -> None:
        await _with_timeout(self._fetched.ensure_index("mailbox"))
        await _with_timeout(
            self._collection.insert_missing([_free(mailbox) for mailbox in mailboxes])
        )

    async def acquire(self, mailbox: str) -> float | None:
        return await _with_timeout(self._acquire(mailbox))

    async def _acquire(self, mailbox: str) -> float | None:
        requested_s = now_s()
        available = {"$or": [{"$lte": ["$until", "$$NOW"]}, {"$eq": ["$holder", self._holder]}]}
        query = {"_id": mailbox, "$expr": available}
        if not await self._collection.update(query, self._extended()):
            # The documents are gone if a backup was restored while we ran.
            await self._collection.insert_missing([_free(mailbox)])
            requested_s = now_s()
            if not await self._collection.update(query, self._extended()):
                return None
        return requested_s + TTL_S - MARGIN_S

    async def renew(self, mailboxes: Collection[str]) -> tuple[set[str], float]:
        requested_s = now_s()
        ours = {"_id": {"$in": sorted(mailboxes)}, "holder": self._holder}
        if not mailboxes:
            return set(), requested_s
        await _with_timeout(self._collection.update_all(ours, self._extended()))
        found = await _with_timeout(self._collection.find(ours, ["_id"]))
        return {document["_id"] for document in found}, requested_s + TTL_S - MARGIN_S

    async def release(self, mailbox: str) -> None:
        released = {"$set": {"holder": None, "until": _NEVER}}
        await _with_timeout(
            self._collection.update({"_id": mailbox, "holder": self._holder}, released), RELEASE_S
        )

    async def held(self) -> set[str]:
        found = await _with_timeout(
            self._collection.find({"$expr": {"$gt": ["$until", "$$NOW"]}}, ["_id"])
        )
        return {document["_id"] for document in found}

    def _extended(self) -> list[dict[str, Any]]:
        return [
            {"$set": {"holder": self._holder, "until": {"$add": ["$$NOW", round(TTL_S * 1000)]}}}
        ]


def _free(mailbox: str) -> dict[str, Any]:
    return {"_id": mailbox, "holder": None, "until": _NEVER}


async def _with_timeout(work: Awaitable[T], at_most_s: float | None = None) -> T:
    limit_s = ANSWER_S if at_most_s is None else at_most_s
    try:
        async with asyncio.timeout(limit_s):
            return await work
    except TimeoutError as error:
        raise TransientError(f"the database did not answer within {limit_s:.0f} s") from error
