"""The mails of one mailbox that are published and whose receipts have not come. Pure bookkeeping."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass
class _Flight:
    key: str
    size: int
    due_s: float
    patience_s: float
    since_s: float


class InFlight:
    """A window bounded by `max_mails` and `max_bytes`; a single mail larger than the window may fly alone.

    Times are seconds of one monotonic clock. A receipt that does not come within `patience_s` makes its mail overdue;
    with each time the patience doubles, up to `max_patience_s`, so that an outage is not met with a flood.
    """

    def __init__(
        self, max_mails: int, max_bytes: int, *, patience_s: float = 300.0, max_patience_s: float = 3600.0
    ) -> None:
        self._max_mails = max_mails
        self._max_bytes = max_bytes
        self._patience_s = patience_s
        self._max_patience_s = max_patience_s
        self._flights: dict[str, _Flight] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._flights)

    def __contains__(self, mail_id: str) -> bool:
        return mail_id in self._flights

    @property
    def bytes(self) -> int:
        return self._bytes

    @property
    def max_bytes(self) -> int:
        return self._max_bytes

    def ids(self) -> list[str]:
        """Of all mails under way; from any thread."""
        return list(self._flights)

    def size_of(self, mail_id: str) -> int:
        """Bytes of a mail; 0 where it is not under way."""
        flight = self._flights.get(mail_id)
        return flight.size if flight else 0

    def fits(self, mails: int, size: int) -> bool:
        """Whether so many mails, of `size` bytes together, may be published now."""
        if not self._flights and mails == 1:
            return True
        return len(self._flights) + mails <= self._max_mails and self._bytes + size <= self._max_bytes

    def oldest_since_s(self) -> float | None:
        """When the oldest mail under way came, seconds since the epoch; None without one. From any thread."""
        return min((flight.since_s for flight in list(self._flights.values())), default=None)

    def add(self, mail_id: str, key: str, size: int, now_s: float, since_s: float = 0.0) -> None:
        """A mail was published, for the first time or again; it came at `since_s`, seconds since the epoch."""
        earlier = self._flights.pop(mail_id, None)
        patience_s = min(earlier.patience_s * 2, self._max_patience_s) if earlier else self._patience_s
        self._bytes += size - (earlier.size if earlier else 0)
        since_s = min(since_s, earlier.since_s) if earlier else since_s
        self._flights[mail_id] = _Flight(key, size, now_s + patience_s, patience_s, since_s)

    def landed(self, keys: Iterable[str]) -> list[str]:
        """Receipts came: the ids that may leave the mailbox. One key may stand for several equal mails."""
        wanted = set(keys)
        ids = [mail_id for mail_id, flight in self._flights.items() if flight.key in wanted]
        self.forget(ids)
        return ids

    def forget(self, mail_ids: Iterable[str]) -> None:
        """These mails are gone from the mailbox."""
        for mail_id in mail_ids:
            flight = self._flights.pop(mail_id, None)
            self._bytes -= flight.size if flight else 0

    def overdue(self, now_s: float) -> list[str]:
        """Mails whose receipts are late, to be published again."""
        return [mail_id for mail_id, flight in self._flights.items() if flight.due_s <= now_s]
