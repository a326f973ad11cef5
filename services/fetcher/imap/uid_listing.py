"""The UIDs of the mails that wait in a folder: those of the next mails, and ranges of the others.

Memory therefore does not grow with the number of mails. Pure.
"""

from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass

WINDOW_MAILS = 10_000  # whose UIDs are in memory


@dataclass(frozen=True)
class UidRange:
    """`mails` mails wait from UID `first` to UID `last`."""

    first: int
    last: int
    mails: int


class UidListing:
    """UIDs in ascending order. Its length can be read from any thread.

    `search` returns the UIDs of waiting mails from one UID to another, ascending; without the other
    to the end of the folder. `divide` returns UIDs that divide the mails which arrived since its
    last call into parts of at most about `WINDOW_MAILS`, ascending.
    """

    def __init__(
        self,
        search: Callable[[int, int | None], list[int]],
        divide: Callable[[], list[int]],
    ) -> None:
        self._search = search
        self._divide = divide
        self._uids: deque[int] = deque()
        self._ranges: deque[UidRange] = deque()  # after those UIDs
        self._skipped: set[int] = set()  # known mails that were found
        self._last_uid = 0

    def __len__(self) -> int:
        return len(self._uids) + sum(part.mails for part in list(self._ranges))

    def clear(self) -> None:
        """Begin a session, which finds every mail again."""
        self._uids.clear()
        self._ranges.clear()
        self._skipped = set()
        self._last_uid = 0

    def poll(self, known: Collection[int] = ()) -> int:
        """Find mails after the last one found, except `known` UIDs; returns how many."""
        before = len(self)
        known_uids = set(known)
        for end in self._divide():
            if end > self._last_uid:
                self._add(self._search(self._last_uid + 1, end), known_uids)
                self._last_uid = end
        self._add(self._search(self._last_uid + 1, None), known_uids)
        return len(self) - before

    def take(self, limit: int) -> list[int]:
        """Hand out at most `limit` UIDs; none only if none is left."""
        while self._ranges and not self._uids:
            part = self._ranges[0]
            found = self._search(part.first, part.last)
            self._uids.extend(
                uid for uid in found if part.first <= uid <= part.last and uid not in self._skipped
            )
            self._ranges.popleft()
            self._skipped = {uid for uid in self._skipped if uid >= part.first}
        return [self._uids.popleft() for _ in range(min(limit, len(self._uids)))]

    def count_except(self, known: Collection[int]) -> int:
        """How many are not `known`. From any thread."""
        uids, ranges, skipped = list(self._uids), list(self._ranges), self._skipped
        firsts = [*uids[:1], *(part.first for part in ranges[:1])]
        if not firsts:
            return 0
        # UIDs are handed out from the front.
        repeated = sum(uid >= firsts[0] and uid not in skipped for uid in set(known))
        return max(0, len(uids) + sum(part.mails for part in ranges) - repeated)

    def _add(self, found: list[int], known: set[int]) -> None:
        # `n:*` includes the last mail even if its UID is below n (RFC 9051 section 9, seq-range).
        found = [uid for uid in found if uid > self._last_uid]
        if not found:
            return
        self._last_uid = found[-1]
        uids = [uid for uid in found if uid not in known]
        self._skipped |= known.intersection(found)
        if not uids:
            return
        if not self._ranges and len(self._uids) + len(uids) <= WINDOW_MAILS:
            self._uids.extend(uids)
            return
        last = self._ranges[-1] if self._ranges else None
        if last is not None and last.mails + len(uids) <= WINDOW_MAILS:
            self._ranges[-1] = UidRange(last.first, uids[-1], last.mails + len(uids))
        else:
            self._ranges.append(UidRange(uids[0], uids[-1], len(uids)))
