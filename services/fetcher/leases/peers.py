"""The other replicas and the mailboxes they read, to balance mailboxes over all of them. Pure.

There is no coordinator: a replica takes free mailboxes and releases its surplus. Its view of the
others may be seconds old; only the leases guarantee that a mailbox has one reader.
"""

from collections.abc import Collection
from dataclasses import dataclass

from schemas.events import FetcherPresent

PEER_TTL_S = 6.0  # a replica without announcements for this long is considered dead


@dataclass(frozen=True)
class _Peer:
    mailboxes: frozenset[str]
    room: int
    announced_s: float


class Peers:
    """The other replicas by their announcements. Times are seconds of one monotonic clock."""

    def __init__(self, own_name: str) -> None:
        self._own_name = own_name
        self._peers: dict[str, _Peer] = {}

    def update(self, presence: FetcherPresent, now_s: float) -> None:
        """Record an announcement; this replica's own is ignored."""
        if presence.replica != self._own_name:
            self._peers[presence.replica] = _Peer(
                frozenset(presence.mailboxes), presence.room, now_s
            )
        self._peers = self._live(now_s)

    def reads(self, mailbox: str, now_s: float) -> bool:
        """Whether another replica announced that it reads this mailbox."""
        return any(mailbox in peer.mailboxes for peer in self._live(now_s).values())

    def has_less_loaded(self, count: int, now_s: float) -> bool:
        """Whether another replica has room and reads fewer than `count` mailboxes."""
        return any(
            peer.room > 0 and len(peer.mailboxes) < count for peer in self._live(now_s).values()
        )

    def surplus(self, mine: Collection[str], all_mailboxes: Collection[str], now_s: float) -> int:
        """How many mailboxes to release, so that no replica with room reads two fewer than others.

        0 while any mailbox has no reader, so that released mailboxes are taken first.
        """
        peers = self._live(now_s)
        count = len(mine)
        if any(mailbox not in mine and not self.reads(mailbox, now_s) for mailbox in all_mailboxes):
            return 0
        counts = {name: len(peer.mailboxes) for name, peer in peers.items()} | {
            self._own_name: count
        }
        target = -(-sum(counts.values()) // len(counts))
        takers = [
            name
            for name, peer in peers.items()
            if peer.room > 0 and counts[name] < min(target, count - 1)
        ]
        capacity = sum(min(peers[name].room, target - counts[name]) for name in takers)
        most_loaded = max(counts, key=lambda name: (counts[name], name)) == self._own_name
        return min(max(count - target, 1 if most_loaded else 0), capacity)

    def _live(self, now_s: float) -> dict[str, _Peer]:
        return {
            name: peer
            for name, peer in self._peers.items()
            if peer.announced_s > now_s - PEER_TTL_S
        }
