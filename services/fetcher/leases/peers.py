"""Which fetchers there are and what they read, so that all of them read about as many mailboxes. Pure.

Nobody decides for others: a fetcher takes what is free, and gives back what it has too many of. What it knows of the
others may be seconds old; the leases alone see to it that a mailbox has one reader.
"""

from collections.abc import Collection
from dataclasses import dataclass

from schemas.events import FetcherPresent

SILENT_S = 6.0  # a fetcher unheard for so long counts for nothing


@dataclass(frozen=True)
class _Peer:
    mailboxes: frozenset[str]
    room: int
    heard_s: float


class Peers:
    """The other fetchers, by what they announced. Times are seconds of one monotonic clock."""

    def __init__(self, own_name: str) -> None:
        self._own_name = own_name
        self._peers: dict[str, _Peer] = {}

    def heard(self, presence: FetcherPresent, now_s: float) -> None:
        """An announcement came; our own counts for nothing."""
        if presence.replica != self._own_name:
            self._peers[presence.replica] = _Peer(frozenset(presence.mailboxes), presence.room, now_s)
        self._peers = {name: peer for name, peer in self._peers.items() if peer.heard_s > now_s - SILENT_S}

    def reads(self, mailbox: str, now_s: float) -> bool:
        """Whether another fetcher says that it reads this mailbox."""
        return any(mailbox in peer.mailboxes for peer in self._live(now_s).values())

    def has_less_loaded(self, mine: int, now_s: float) -> bool:
        """Whether another one has room and reads fewer than `mine` mailboxes: what is free is for that one first."""
        return any(peer.room > 0 and len(peer.mailboxes) < mine for peer in self._live(now_s).values())

    def surplus(self, mine: Collection[str], all_mailboxes: Collection[str], now_s: float) -> int:
        """How many of our mailboxes to give back, so that none with room reads two fewer than another.

        0 while a mailbox has no reader yet: first what was given back before is taken.
        """
        peers = self._live(now_s)
        count = len(mine)
        if any(mailbox not in mine and not self.reads(mailbox, now_s) for mailbox in all_mailboxes):
            return 0
        counts = {name: len(peer.mailboxes) for name, peer in peers.items()} | {self._own_name: count}
        goal = -(-sum(counts.values()) // len(counts))
        takers = [name for name, peer in peers.items() if peer.room > 0 and counts[name] < min(goal, count - 1)]
        capacity = sum(min(peers[name].room, goal - counts[name]) for name in takers)
        richest = max(counts, key=lambda name: (counts[name], name)) == self._own_name
        return min(max(count - goal, 1 if richest else 0), capacity)

    def _live(self, now_s: float) -> dict[str, _Peer]:
        return {name: peer for name, peer in self._peers.items() if peer.heard_s > now_s - SILENT_S}
