"""The entries of the search index that have every word, page by page."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

from schemas.stored.search import SearchEntry
from services.desk.search.terms import Part
from services.runtime.store.collection import Document
from services.runtime.store.errors import QueryTimeoutError
from services.runtime.store.mongo import Store

MAX_QUERY_MS = 3_000
QUICK_MS = 50  # until the ranks of words are compared
# Ranks that are compared together; fewer at first, which often fill the page
FIRST_COMPARED = 1_000
MAX_COMPARED = 16_000
COUNTED_UP_TO = 1_000


class Place(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The place after all entries above `rank`, and after the named entries at `rank`."""

    rank: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
    seen: Annotated[list[str], msgspec.Meta(max_length=1_000)]


@dataclass(frozen=True)
class Wanted:
    """What one search looks for: `parts`, the rarest first, which the database looks up first;
    empty if one of them never occurs. All reading ends at `until_s`.
    """

    parts: Sequence[Part]
    processes: Sequence[str]
    until_s: float


class MatchingEntries:
    """Reads the collection `search`. Methods raise TransientError, and QueryTimeoutError if all
    that one search reads takes longer than MAX_QUERY_MS.

    MongoDB looks up one word in the index, and reads each of its entries to see whether it has the
    other words, until the page is full. That is fast if one word is rare, or if most entries of one
    word have the others too. Otherwise, the ranks of the rarest word are read from the index alone,
    the highest first, and looked up for the other words, which also needs only the index, until
    there are enough. Only the entries of the page are read.
    """

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._entries = store.collection(SearchEntry.COLLECTION)
        self._clock = clock

    async def wanted(self, parts: Sequence[Part], processes: Sequence[str]) -> Wanted:
        """What a search for all of `parts` looks for. Its time begins here."""
        until_s = self._clock() + MAX_QUERY_MS / 1000
        if len(parts) == 1:
            return Wanted(parts, processes, until_s)
        counts = await asyncio.gather(
            *(
                self._entries.count(
                    _query([part], processes, None), most=COUNTED_UP_TO, max_time_ms=MAX_QUERY_MS
                )
                for part in parts
            )
        )
        by_count = sorted(zip(counts, range(len(parts)), parts, strict=True), key=lambda c: c[:2])
        ordered = [part for *_, part in by_count] if all(counts) else []
        return Wanted(ordered, processes, until_s)

    async def page(
        self, wanted: Wanted, limit: int, after: Place | None
    ) -> tuple[list[Document], Place | None]:
        """Up to `limit` entries after a place, the highest rank first, and the place of the next
        page; None on the last.
        """
        if not wanted.parts:
            return [], None
        query = _query(wanted.parts, wanted.processes, after)
        left_ms = self._left_ms(wanted)
        if len(wanted.parts) == 1:
            found = await self._read(query, limit, left_ms)
        else:
            try:
                found = await self._read(query, limit, min(QUICK_MS, left_ms))
            except QueryTimeoutError:
                found = await self._read_common(wanted, query, limit, after)
        return found[:limit], _after(found[:limit], after) if len(found) > limit else None

    def _left_ms(self, wanted: Wanted) -> int:
        """The time left, at least 1. Raises QueryTimeoutError after the end."""
        left = round((wanted.until_s - self._clock()) * 1000)
        if left <= 0:
            raise QueryTimeoutError(f"the search takes longer than {MAX_QUERY_MS} ms")
        return left

    async def _read(self, query: Mapping[str, Any], limit: int, max_time_ms: int) -> list[Document]:
        return await self._entries.find(
            query,
            ["case", "rank", "time"],
            sort="-rank",
            limit=limit + 1,
            max_time_ms=max_time_ms,
        )

    async def _read_common(
        self, wanted: Wanted, query: Mapping[str, Any], limit: int, after: Place | None
    ) -> list[Document]:
        """Up to one more than `limit` entries that match `query`, by comparing ranks."""
        found: list[Document] = []
        async for ranks in self._common_ranks(wanted, after):
            found += await self._read_at(wanted, ranks, query, limit - len(found))
            if len(found) > limit:
                break
        return found

    async def _read_at(
        self, wanted: Wanted, ranks: Sequence[int], query: Mapping[str, Any], limit: int
    ) -> list[Document]:
        """The entries at some of `ranks`, the highest first. Several entries may have one rank, so
        that more ranks may be needed than entries.
        """
        count = limit + 1
        while ranks:
            at_ranks = {"$and": [*query["$and"], {"rank": {"$in": ranks[:count]}}]}
            found = await self._read(at_ranks, limit, self._left_ms(wanted))
            if len(found) > limit or count >= len(ranks):
                return found
            count *= 4
        return []

    async def _common_ranks(
        self, wanted: Wanted, after: Place | None
    ) -> AsyncIterator[Sequence[int]]:
        """The ranks of the entries that have every part, the highest first, in several lists, any
        of which may be empty.
        """
        below = Place(after.rank, []) if after else None
        queries = {part: _query([part], wanted.processes, below) for part in wanted.parts}
        found = await asyncio.gather(
            *(self._ranks(wanted, query, FIRST_COMPARED) for query in queries.values())
        )
        # the rarest has the fewest, or else needs the longest range for as many
        order = sorted(zip(found, queries, strict=True), key=lambda item: _density(item[0]))
        (ranks, rarest), *others = order
        count = FIRST_COMPARED
        while True:
            common: Sequence[int] = ranks
            for _, part in others:
                query = _query([part], wanted.processes, None)
                among = {"$and": [*query["$and"], {"rank": {"$in": common}}]}
                common = await self._ranks(wanted, among) if common else []
            yield sorted(set(common), reverse=True)
            if len(ranks) < count:
                return
            count, below = min(2 * count, MAX_COMPARED), Place(ranks[-1] - 1, [])
            ranks = await self._ranks(wanted, _query([rarest], wanted.processes, below), count)

    async def _ranks(
        self, wanted: Wanted, query: Mapping[str, Any], count: int | None = None
    ) -> list[int]:
        """The ranks of the entries that match; with a count, the highest of them in order."""
        highest: list[Document] = [{"$sort": {"rank": -1}}, {"$limit": count}] if count else []
        group = {"$group": {"_id": None, "ranks": {"$push": "$rank"}}}
        found = await self._entries.aggregate(
            [{"$match": query}, *highest, group], max_time_ms=self._left_ms(wanted)
        )
        return [rank for row in found for rank in row["ranks"]]


def _density(ranks: Sequence[int]) -> tuple[int, int]:
    return len(ranks), ranks[-1] if ranks else 0


def _query(parts: Sequence[Part], processes: Sequence[str], after: Place | None) -> dict[str, Any]:
    conditions: list[dict[str, Any]] = [{"terms": {"$in": list(part.terms)}} for part in parts]
    conditions.append({"process": {"$in": list(processes)}})
    if after is not None:
        conditions.append({"rank": {"$lte": after.rank}})
        if after.seen:
            conditions.append({"_id": {"$nin": after.seen}})
    return {"$and": conditions}


def _after(shown: Sequence[Document], before: Place | None) -> Place:
    rank = int(shown[-1]["rank"])  # the driver has its own class for 64-bit integers
    seen = [entry["_id"] for entry in shown if entry["rank"] == rank]
    earlier = before.seen if before is not None and before.rank == rank else []
    return Place(rank, [*earlier, *seen])
