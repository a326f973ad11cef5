"""Entries with several words, found entry by entry or by comparing ranks."""

import uuid
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deploy.local import PrivateServers
from schemas.stored import to_document
from schemas.stored.search import SearchEntry, search_rank
from services.desk.search import matching
from services.desk.search.index import SearchIndex
from services.desk.search.matching import MatchingEntries, Place
from services.desk.search.terms import parse_query
from services.runtime.store.collection import Document
from services.runtime.store.errors import QueryTimeoutError
from services.runtime.store.mongo import Store

ENTRIES = 120
WORDS = {"kwitanie": 2, "jabłoń": 3, "ogrodnik": 5}  # each in every so many entries
START = datetime(2026, 11, 29, 10, 0, tzinfo=UTC)


@pytest.fixture
async def store(servers: PrivateServers) -> AsyncIterator[Store]:
    async with Store.opened(servers.store.url, f"test_{uuid.uuid4().hex[:12]}") as store:
        await SearchIndex(store).ensure_indexes()
        await store.collection(SearchEntry.COLLECTION).insert([entry(n) for n in range(ENTRIES)])
        yield store


def entry(number: int) -> Document:
    at = START + timedelta(minutes=number // 4)  # several at the same time
    words = [word for word, every in WORDS.items() if number % every == 0]
    terms = {term for word in words for part in parse_query(word) for term in part.terms}
    return to_document(
        SearchEntry(
            id=f"{number:064x}",
            case=number + 1,
            process="help" if number % 4 else "invoices",
            time=at,
            rank=search_rank("the same", at),
            revision=1,
            terms=sorted(terms),
        )
    )


class TooSlowByEntry(MatchingEntries):
    """Reading entry by entry always exceeds its time."""

    async def _read(self, query: Mapping[str, Any], limit: int, max_time_ms: int) -> list[Document]:
        if max_time_ms == matching.QUICK_MS:
            raise QueryTimeoutError("too slow")
        return await super()._read(query, limit, max_time_ms)


class RecordsTimes(TooSlowByEntry):
    """Records the time that each reading may take. Each takes a second on the clock."""

    def __init__(self, store: Store) -> None:
        super().__init__(store, lambda: self.now_s)
        self.now_s = 1_000.0
        self.allowed_ms: list[int] = []

    async def _read(self, query: Mapping[str, Any], limit: int, max_time_ms: int) -> list[Document]:
        found = await super()._read(query, limit, max_time_ms)
        self.allowed_ms.append(max_time_ms)
        self.now_s += 1
        return found


@pytest.fixture
def enough_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may take longer than a person waits."""
    monkeypatch.setattr(matching, "MAX_QUERY_MS", 60_000)


async def all_pages(entries: MatchingEntries, text: str, limit: int) -> list[str]:
    """The ids on all pages; fails if a page is empty."""
    found: list[str] = []
    after: Place | None = None
    while True:
        wanted = await entries.wanted(parse_query(text), ["help", "invoices"])
        page, after = await entries.page(wanted, limit, after)
        assert page or not found
        found += [each["_id"] for each in page]
        if after is None:
            return found


@pytest.mark.usefixtures("enough_time")
@pytest.mark.parametrize(
    "text", ["kwitanie jabłoń", "kwitanie jabłoń ogrodnik", "ogrodnik nigdzie"]
)
async def test_comparing_ranks_finds_what_reading_entries_finds(store: Store, text: str) -> None:
    expected = await all_pages(MatchingEntries(store), text, 3)
    assert await all_pages(TooSlowByEntry(store), text, 3) == expected
    numbers = [int(found, 16) for found in expected]
    every = [WORDS.get(word, ENTRIES + 1) for word in text.split()]
    assert sorted(numbers) == [
        n for n in range(ENTRIES) if all(n % e == 0 and e <= ENTRIES for e in every)
    ]
    times = [number // 4 for number in numbers]
    assert times == sorted(times, reverse=True)


@pytest.mark.usefixtures("enough_time")
async def test_ranks_are_compared_some_at_a_time(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lists end within entries that share a rank, and most of them have no common one."""
    expected = await all_pages(MatchingEntries(store), "jabłoń ogrodnik", 3)
    assert len(expected) == 8
    for first in (1, 2, 3, 7):
        monkeypatch.setattr(matching, "FIRST_COMPARED", first)
        monkeypatch.setattr(matching, "MAX_COMPARED", 10)
        assert await all_pages(TooSlowByEntry(store), "jabłoń ogrodnik", 3) == expected


async def test_all_rounds_of_a_search_share_one_time(store: Store) -> None:
    entries = RecordsTimes(store)
    wanted = await entries.wanted(parse_query("kwitanie jabłoń"), ["help", "invoices"])

    async def read_rounds() -> None:
        after: Place | None = None
        for _ in range(5):
            _, after = await entries.page(wanted, 1, after)

    with pytest.raises(QueryTimeoutError):
        await read_rounds()
    assert entries.allowed_ms == [3_000, 2_000, 1_000]


async def test_ranks_are_read_from_the_index_alone(store: Store) -> None:
    [part] = parse_query("kwitanie")
    query = matching._query([part], ["help", "invoices"], Place(search_rank("x", START), []))
    pipeline = [
        {"$match": query},
        {"$sort": {"rank": -1}},
        {"$limit": 100},
        {"$group": {"_id": None, "r": {"$push": "$rank"}}},
    ]
    command = {"aggregate": SearchEntry.COLLECTION, "pipeline": pipeline, "cursor": {}}
    explained = await store._database.command({"explain": command, "verbosity": "executionStats"})
    plan = str(explained)
    assert "'FETCH'" not in plan
    assert "'SORT'" not in plan
    assert "'IXSCAN'" in plan
