"""Writes the search index.

An entry is written in the transaction that reads its comment and case. Erasing a person writes the
same entry, and every write changes it, because it contains the case's revision. An indexer that
read a text before its erasure therefore conflicts with the erasure, reads again, and leaves no data
of the person.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial
from itertools import zip_longest
from typing import TypeVar

from schemas.stored import Case, Comment, to_document
from schemas.stored.search import SearchEntry, case_entry_id, case_of_entry
from services.desk.activity import Activity
from services.desk.search.documents import CASE_FIELDS, COMMENT_FIELDS, build_entries
from services.desk.search.pacing import Pacing
from services.desk.search.selection import Selection
from services.runtime.store.collection import Collection, Document, Session
from services.runtime.store.contention import retry_conflicts
from services.runtime.store.mongo import Store

WRITTEN_TOGETHER = 50
UPDATED_TOGETHER = 25  # comments, and as many cases: short, since a request may wait for the rest
READ_TOGETHER = 1_000

K = TypeVar("K", str, int)


class SearchIndex:
    """The collection `search`. Methods raise TransientError and may be repeated at any time."""

    def __init__(self, store: Store, activity: Activity | None = None) -> None:
        """`activity` are the requests that `update` lets pass; None if this process serves none."""
        self._store = store
        self._pacing = Pacing(activity or Activity())
        self._entries = store.collection(SearchEntry.COLLECTION)
        self._comments = store.collection(Comment.COLLECTION)
        self._cases = store.collection(Case.COLLECTION)

    async def ensure_indexes(self) -> None:
        await self._entries.ensure_index("terms", "process", "-rank")
        await self._entries.ensure_index("case")

    async def update(self, selection: Selection, *, is_late: bool = False) -> None:
        """Bring the selected entries up to date: write them, or remove those whose source is
        gone. An update that `is_late` lets no requests pass.
        """
        comments, own = set(selection.comments), selection.own | selection.whole
        for number in sorted(selection.whole):
            of_case = {"case": number}
            for collection in (self._comments, self._entries):
                found = await collection.find(of_case, ["_id"])
                comments.update(document["_id"] for document in found)
        comments -= {case_entry_id(number) for number in own}
        for chunk, numbers in zip_longest(
            _chunks(sorted(comments), UPDATED_TOGETHER),
            _chunks(sorted(own), UPDATED_TOGETHER),
            fillvalue=(),
        ):
            async with self._pacing.piece(is_late=is_late) as step_aside:
                await self._write(chunk, numbers, step_aside)

    async def rebuild(self, show: Callable[[int, int], None]) -> int:
        """Write every entry again and remove those without a source; returns how many there are.

        `show` is called with the number that are done and the total. Mail may arrive meanwhile.
        """
        total = await self._comments.count({}) + await self._cases.count({})
        done = 0

        async def write(comments: Sequence[str], own: Sequence[int]) -> None:
            nonlocal done
            await self._write(comments, own)
            done += len(comments) + len(own)
            show(done, max(done, total))

        async for comments in _pages(self._comments, ""):
            await write(comments, [])
        async for numbers in _pages(self._cases, 0):
            await write([], numbers)
        await self._remove_orphans()
        return done

    async def _remove_orphans(self) -> None:
        async for ids in _pages(self._entries, ""):
            numbers = {
                case_entry_id(number): number for number in map(case_of_entry, ids) if number
            }
            comments = [entry_id for entry_id in ids if entry_id not in numbers]
            gone = await _missing(self._comments, comments)
            cases = await _missing(self._cases, sorted(numbers.values()))
            if gone or cases:
                await self._write(gone, cases)

    async def _write(
        self,
        comments: Sequence[str],
        own: Sequence[int],
        step_aside: Callable[[], None] = lambda: None,
    ) -> None:
        """Write the entries of these comments and of these cases."""
        body = partial(self._write_in, comments, own, step_aside)
        await retry_conflicts(partial(self._store.transaction, body))

    async def _write_in(
        self,
        comments: Sequence[str],
        own: Sequence[int],
        step_aside: Callable[[], None],
        session: Session,
    ) -> None:
        among = {"_id": {"$in": list(comments)}}
        found = await self._comments.find(among, COMMENT_FIELDS, session=session)
        numbers = {comment["case"] for comment in found} | set(own)
        of_cases = {"_id": {"$in": sorted(numbers)}}
        cases = {
            case["_id"]: case
            for case in await self._cases.find(of_cases, CASE_FIELDS, session=session)
        }
        entries = await asyncio.to_thread(_entries, found, cases, own, step_aside)
        await self._entries.put_each(entries, session)
        wanted = {*comments, *(case_entry_id(number) for number in own)}
        gone = wanted - {entry["_id"] for entry in entries}
        if gone:
            await self._entries.delete({"_id": {"$in": sorted(gone)}}, session)


def _entries(
    comments: Sequence[Document],
    cases: Mapping[int, Document],
    own: Sequence[int],
    step_aside: Callable[[], None],
) -> list[Document]:
    """The documents of `build_entries`. Runs in a thread, which calls `step_aside` before each."""
    documents = []
    for entry in build_entries(comments, cases, own):
        documents.append(to_document(entry))
        step_aside()
    return documents


async def _pages(collection: Collection, after: K) -> AsyncIterator[Sequence[K]]:
    """All keys of a collection above `after`, in order, WRITTEN_TOGETHER at a time."""
    while found := await collection.find({"_id": {"$gt": after}}, ["_id"], limit=READ_TOGETHER):
        keys: list[K] = [document["_id"] for document in found]
        after = keys[-1]
        for chunk in _chunks(keys):
            yield chunk


async def _missing(collection: Collection, keys: Sequence[K]) -> list[K]:
    found = await collection.find({"_id": {"$in": list(keys)}}, ["_id"])
    present = {document["_id"] for document in found}
    return [key for key in keys if key not in present]


def _chunks(keys: Sequence[K], size: int = WRITTEN_TOGETHER) -> list[Sequence[K]]:
    return [keys[at : at + size] for at in range(0, len(keys), size)]
