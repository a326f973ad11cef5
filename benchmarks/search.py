"""Measures how long a search over many comments takes. The texts are generated with the word
frequencies of a language.
"""

import asyncio
import itertools
import random
import re
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks.environment import Ground
from benchmarks.report.results import SearchLatency
from schemas.stored import Case, Comment, to_document
from schemas.stored.search import SearchEntry
from services.desk.search.documents import build_entries
from services.desk.search.index import SearchIndex
from services.desk.search.query import CaseSearch
from services.runtime.store.mongo import Store

PROCESSES = tuple(f"process-{number}" for number in range(8))
WORDS = 60  # of a comment
QUERIES = 400
_WRITTEN_TOGETHER = 200
_START = datetime(2020, 1, 1, tzinfo=UTC)
_FREQUENT = [
    *("faktura", "faktury", "umowa", "reklamacja", "termin", "płatność", "zamówienie", "dostawa"),
    *("klient", "proszę", "dziękuję", "invoice", "payment", "order", "please", "Rechnung"),
]
_SYLLABLES = re.findall("..", "karomatiponiewasodarubefigozamitunerywostakowskicja")


async def searches(ground: Ground, sizes: Sequence[int]) -> AsyncIterator[SearchLatency]:
    """The latency of a mix of searches over this many comments, for readers of all processes and of
    one.
    """
    for size in sizes:
        url = ground.servers.store.url
        async with Store.opened(url, f"search_{size}") as store:
            started = time.monotonic()
            await _fill(store, size)
            load_s = time.monotonic() - started
            for processes in (PROCESSES, PROCESSES[:1]):
                times = await _measure(CaseSearch(store), size, processes)
                yield SearchLatency(
                    comments=size,
                    processes=len(processes),
                    load_s=load_s,
                    p50_ms=times[len(times) // 2],
                    p95_ms=times[len(times) * 95 // 100],
                    p99_ms=times[len(times) * 99 // 100],
                )


async def _measure(search: CaseSearch, size: int, processes: Sequence[str]) -> list[float]:
    """Milliseconds of each query, sorted."""
    times = []
    for query in queries(size):
        started = time.perf_counter()
        await search.search(query, processes)
        times.append((time.perf_counter() - started) * 1000)
    return sorted(times)


def queries(size: int) -> Iterator[str]:
    """Queries: frequent words, two and three words, invoice numbers, addresses, amounts."""
    chance, words = random.Random(7), vocabulary()
    for number in range(QUERIES):
        comment = chance.randrange(size)
        kinds = (
            words[chance.randrange(200)],
            f"{words[chance.randrange(300)]} {words[chance.randrange(300)]}",
            f"FV {comment}/2026",
            f"jan{comment % 50_000}@customer.example",
            f"{chance.choice(words)} {chance.choice(_FREQUENT)}",
            f"{' '.join(chance.sample(_FREQUENT, 3))}",
            f"faktura {comment % 9_000},{comment % 100:02d}",
        )
        yield kinds[number % len(kinds)]


def vocabulary() -> list[str]:
    """Frequent office words, then invented ones, the most frequent first."""
    chance = random.Random(1)
    made = ("".join(chance.choices(_SYLLABLES, k=chance.randint(2, 4))) for _ in range(40_000))
    return [*_FREQUENT, *made]


async def _fill(store: Store, size: int) -> None:
    await SearchIndex(store).ensure_indexes()
    words = vocabulary()
    weights = list(itertools.accumulate(1 / (rank + 2) for rank in range(len(words))))
    chance = random.Random(3)
    for first in range(0, size, _WRITTEN_TOGETHER):
        numbers = range(first, min(size, first + _WRITTEN_TOGETHER))
        comments = [_comment(number, words, weights, chance) for number in numbers]
        cases = {case["_id"]: case for case in (_case(number, words) for number in numbers)}
        entries = build_entries(comments, cases, [])
        await asyncio.gather(
            store.collection(Comment.COLLECTION).insert(comments),
            store.collection(Case.COLLECTION).insert(list(cases.values())),
            store.collection(SearchEntry.COLLECTION).insert(
                [to_document(entry) for entry in entries]
            ),
        )


def _comment(
    number: int, words: Sequence[str], weights: Sequence[float], chance: random.Random
) -> dict[str, Any]:
    text = " ".join(chance.choices(words, cum_weights=weights, k=WORDS))
    return {
        "_id": f"{number:064x}",
        "case": number + 1,
        "kind": "mail",
        "at": _START + timedelta(seconds=13 * number),
        "author": {
            "name": f"Jan {words[number % len(words)]}",
            "address": f"jan{number % 50_000}@customer.example",
        },
        "subject": _title(number, words),
        "text": f"{text} FV/{number}/2026 kwota {number % 9_000},{number % 100:02d} zł",
        "attachments": [],
    }


def _case(number: int, words: Sequence[str]) -> dict[str, Any]:
    return {
        "_id": number + 1,
        "process": PROCESSES[number % len(PROCESSES)],
        "revision": 1,
        "title": _title(number, words),
        "stage": "registration",
        "status": "open",
        "opened_at": _START + timedelta(seconds=13 * number),
        "updated_at": _START + timedelta(seconds=13 * number),
        "opened_by": {"name": "Jan", "address": ""},
        "participants": [],
        "fields": {},
    }


def _title(number: int, words: Sequence[str]) -> str:
    return f"Sprawa {words[(number * 7) % len(words)]}"
