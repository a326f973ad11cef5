"""The search index in MongoDB. Field names are the contract; times are aware UTC."""

import hashlib
from datetime import datetime
from typing import ClassVar

import msgspec


class SearchEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Collection `search`: the terms of a comment, or of a case's own title and fields.

    `id` is the comment's, or `case_entry_id` of a case. `rank` orders entries by time, see
    `search_rank`. `revision` is the case's when the entry was written. `terms` are sorted; they are
    derived from texts, so erasing a person empties them in the same transaction.
    """

    COLLECTION: ClassVar[str] = "search"

    id: str = msgspec.field(name="_id")
    case: int
    process: str
    time: datetime
    rank: int
    revision: int
    terms: list[str]


def case_entry_id(number: int) -> str:
    """The key of the entry for a case itself: `case 235`, which is not the id of any comment."""
    return f"case {number}"


def case_of_entry(entry_id: str) -> int | None:
    """The case whose entry this is; None for the entry of a comment."""
    number = entry_id.removeprefix("case ")
    return int(number) if number != entry_id and number.isdecimal() else None


def search_rank(entry_id: str, time: datetime) -> int:
    """Milliseconds since 1970, then 20 bits of the entry's id, so that entries with the same time
    have an order.
    """
    own = int.from_bytes(hashlib.sha256(entry_id.encode()).digest()[:3], "big") >> 4
    return (round(time.timestamp() * 1000) << 20) | own
