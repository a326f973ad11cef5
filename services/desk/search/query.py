"""Finds cases and comments by their words and identifiers.

The index only proposes hits. A hit is shown after its comment and its case were read, and only if
the reader may see the case's process. If the index lags behind, it shows too little, never too
much.
"""

import asyncio
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from schemas.case_ref import MAX_DIGITS
from schemas.stored import Case, Comment
from schemas.stored.search import case_of_entry
from services.desk.search.matching import MatchingEntries, Place
from services.desk.search.snippets import Snippet, snippet
from services.desk.search.terms import Part, parse_query
from services.runtime.errors import PermanentError
from services.runtime.store.collection import Document
from services.runtime.store.errors import QueryTimeoutError
from services.runtime.store.mongo import Store

MAX_ROUNDS = 5  # rounds of further reading if entries lag behind their cases
_NUMBER = re.compile(rf"\[?\s*(?:[^\[\]#]{{0,40}}#)?\s*([1-9][0-9]{{0,{MAX_DIGITS - 1}}})\s*\]?")
_COMMENT_FIELDS = ("case", "text", "subject", "kind", "author")
_CASE_FIELDS = (
    *("process", "stage", "title", "status", "merged_into"),
    *("assignee", "due_at", "overdue_at", "updated_at"),
)


class InvalidSearchError(PermanentError):
    """An invalid search; the message says what to change.

    `reason` is a constant word, `parameter` what it concerns: `q` or `cursor`.
    """

    def __init__(self, message: str, *, reason: str, parameter: str = "q") -> None:
        super().__init__(message)
        self.reason = reason
        self.parameter = parameter


@dataclass(frozen=True, slots=True)
class Hit:
    """A comment that was found, or a case that was found by its own title and fields; `comment` is
    then None.

    `author` is empty for such a case. `merged_into` is the case that this one was merged into, None
    for most. `stage`, `assignee`, `due_at`, `is_overdue` and `updated_at` are the case's.
    """

    case: int
    comment: str | None
    process: str
    title: str
    status: str
    merged_into: int | None
    time: datetime
    author: str
    snippet: Snippet
    stage: str
    assignee: str | None
    due_at: datetime | None
    is_overdue: bool
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class SearchPage:
    """Hits, the latest first. `next` is the cursor for more, None at the end.

    `jump` is the case whose number is the query, None if there is none that the reader may see.
    """

    hits: tuple[Hit, ...]
    next: str | None = None
    jump: int | None = None


class CaseSearch:
    """Searches the collection `search`. Methods raise TransientError."""

    def __init__(self, store: Store) -> None:
        self._matching = MatchingEntries(store)
        self._comments = store.collection(Comment.COLLECTION)
        self._cases = store.collection(Case.COLLECTION)

    async def search(
        self,
        text: str,
        processes: Collection[str],
        *,
        limit: int = 20,
        cursor: str | None = None,
    ) -> SearchPage:
        """The hits for `text` in `processes`, which the reader may see. Every word and identifier
        must occur. Raises InvalidSearchError for a text without a word, an invalid cursor, and a
        search that takes longer than MAX_QUERY_MS.
        """
        parts = parse_query(text)
        jump = await self._jump(text, processes) if cursor is None else None
        if not parts and jump is None:
            raise InvalidSearchError(
                "nothing to search for: give a word of at least two letters", reason="empty-search"
            )
        after = _decoded(cursor) if cursor is not None else None
        if not processes or not parts:
            return SearchPage((), jump=jump)
        try:
            hits, following = await self._find(parts, sorted(processes), limit, after)
        except QueryTimeoutError as error:
            hint = "add a rarer word, or choose a process"
            raise InvalidSearchError(
                f"too many comments match only some of the words; {hint}", reason="search-too-broad"
            ) from error
        return SearchPage(hits, _encoded(following) if following else None, jump)

    async def _jump(self, text: str, processes: Collection[str]) -> int | None:
        found = _NUMBER.fullmatch(text.strip())
        if found is None:
            return None
        query = {"_id": int(found[1]), "process": {"$in": sorted(processes)}}
        return int(found[1]) if await self._cases.count(query) else None

    async def _find(
        self, parts: Sequence[Part], processes: Sequence[str], limit: int, after: Place | None
    ) -> tuple[tuple[Hit, ...], Place | None]:
        hits: tuple[Hit, ...] = ()
        wanted = await self._matching.wanted(parts, processes)
        for _ in range(MAX_ROUNDS):
            entries, after = await self._matching.page(wanted, limit, after)
            hits = await self._hits(entries, processes, parts)
            if hits or after is None:
                break
        return hits, after

    async def _hits(
        self, entries: Sequence[Document], processes: Collection[str], parts: Sequence[Part]
    ) -> tuple[Hit, ...]:
        ids = [entry["_id"] for entry in entries]
        found = await self._comments.find({"_id": {"$in": ids}}, _COMMENT_FIELDS)
        comments = {comment["_id"]: comment for comment in found}
        numbers = {comment["case"] for comment in found} | {entry["case"] for entry in entries}
        readable = {"_id": {"$in": sorted(numbers)}, "process": {"$in": sorted(processes)}}
        cases = {case["_id"]: case for case in await self._cases.find(readable, _CASE_FIELDS)}
        return await asyncio.to_thread(_build_hits, entries, comments, cases, parts)


def _build_hits(
    entries: Sequence[Document],
    comments: dict[str, Document],
    cases: dict[int, Document],
    parts: Sequence[Part],
) -> tuple[Hit, ...]:
    """The hits for entries. A hit for a case itself is left out if one of its comments is also a
    hit.
    """
    with_comment = {comment["case"] for comment in comments.values()}
    hits = []
    for entry in entries:
        comment = comments.get(entry["_id"])
        own = case_of_entry(entry["_id"]) is not None
        case = cases.get(comment["case"] if comment else entry["case"])
        if case is None or (comment is None and (not own or entry["case"] in with_comment)):
            continue
        hits.append(_hit(entry, comment, case, parts))
    return tuple(hits)


def _hit(entry: Document, comment: Document | None, case: Document, parts: Sequence[Part]) -> Hit:
    text = case["title"]
    if comment is not None:
        text = comment["text"] or comment["subject"]
    return Hit(
        case=case["_id"],
        comment=comment["_id"] if comment else None,
        process=case["process"],
        title=case["title"],
        status=case["status"],
        merged_into=case.get("merged_into"),
        time=entry["time"],
        author=(comment["author"]["name"] or comment["author"]["address"]) if comment else "",
        snippet=snippet(text, parts),
        stage=case["stage"],
        assignee=case.get("assignee"),
        due_at=case.get("due_at"),
        is_overdue=case["status"] == "open" and case.get("overdue_at") is not None,
        updated_at=case["updated_at"],
    )


def _encoded(cursor: Place) -> str:
    return urlsafe_b64encode(msgspec.json.encode(cursor)).decode().rstrip("=")


def _decoded(cursor: str) -> Place:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        return msgspec.json.decode(urlsafe_b64decode(padded), type=Place)
    except (ValueError, msgspec.MsgspecError) as error:
        problem = "the cursor does not belong to this search; begin without a cursor"
        raise InvalidSearchError(problem, reason="invalid-cursor", parameter="cursor") from error
