"""Which fetcher may read a mailbox: one document per mailbox in MongoDB, by the database's clock.

A lease is taken and renewed by a conditional update, as the sender's claims are, so that one fetcher at a time has it.
No queue of the broker takes part: since 4.2 RabbitMQ keeps the exclusive queue of a node that died until that node
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
TTL_S = 20.0  # with what it takes to notice and to ask, another fetcher reads within 30 s
MARGIN_S = 2.0  # a holder stops so long before the database lets others in
ANSWER_S = 8.0  # a renewal that takes longer has failed; the next one may still be in time
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def now_s() -> float:
    """Seconds that also pass while this process or the whole machine is suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class LeaseStore(Protocol):
    """The leases as one fetcher sees them. Every method raises TransientError."""

    async def prepare(self, mailboxes: Collection[str]) -> None:
        """Make documents and indexes exist; idempotent."""

    async def acquire(self, mailbox: str) -> float | None:
        """Take a lease that is free or already ours; until when it holds by `now_s`, None if another has it."""

    async def renew(self, mailboxes: Collection[str]) -> tuple[set[str], float]:
        """Renew those that are still ours: which these are, and until when they hold by `now_s`."""

    async def release(self, mailbox: str) -> None:
        """Let others have it at once."""

    async def held(self) -> set[str]:
        """Mailboxes whose lease any fetcher has."""


class StoredLeases:
    """Collection `mailbox_leases`: `_id` mailbox, `holder` or null, `until`."""

    def __init__(self, store: Store) -> None:
        self._collection = store.collection(MAILBOX_LEASES)
        self._fetched = store.collection(FETCHED)
        # For the life of the process: after a break of the broker's connection the leases are still ours.
        self._holder = secrets.token_hex(8)

    async def prepare(self, mailboxes: Collection[str]) -> None:
        await _in_time(self._fetched.ensure_index("mailbox"))
        await _in_time(self._collection.insert_missing([_free(mailbox) for mailbox in mailboxes]))

    async def acquire(self, mailbox: str) -> float | None:
        asked_s = now_s()
        available = {"$or": [{"$lte": ["$until", "$$NOW"]}, {"$eq": ["$holder", self._holder]}]}
        query = {"_id": mailbox, "$expr": available}
        if not await _in_time(self._collection.update(query, self._extended())):
            # The documents may be gone, since a backup was restored beneath us.
            await _in_time(self._collection.insert_missing([_free(mailbox)]))
            asked_s = now_s()
            if not await _in_time(self._collection.update(query, self._extended())):
                return None
        return asked_s + TTL_S - MARGIN_S

    async def renew(self, mailboxes: Collection[str]) -> tuple[set[str], float]:
        asked_s = now_s()
        ours = {"_id": {"$in": sorted(mailboxes)}, "holder": self._holder}
        if not mailboxes:
            return set(), asked_s
        await _in_time(self._collection.update_all(ours, self._extended()))
        found = await _in_time(self._collection.find(ours, ["_id"]))
        return {document["_id"] for document in found}, asked_s + TTL_S - MARGIN_S

    async def release(self, mailbox: str) -> None:
        given_back = {"$set": {"holder": None, "until": _NEVER}}
        await _in_time(self._collection.update({"_id": mailbox, "holder": self._holder}, given_back))

    async def held(self) -> set[str]:
        found = await _in_time(self._collection.find({"$expr": {"$gt": ["$until", "$$NOW"]}}, ["_id"]))
        return {document["_id"] for document in found}

    def _extended(self) -> list[dict[str, Any]]:
        return [{"$set": {"holder": self._holder, "until": {"$add": ["$$NOW", round(TTL_S * 1000)]}}}]


def _free(mailbox: str) -> dict[str, Any]:
    return {"_id": mailbox, "holder": None, "until": _NEVER}


async def _in_time(work: Awaitable[T]) -> T:
    try:
        return await asyncio.wait_for(work, ANSWER_S)
    except TimeoutError as error:
        raise TransientError(f"the database did not answer within {ANSWER_S:.0f} s") from error
