"""The mails of one mailbox that are in flight: published, but without a receipt yet. Pure."""

import time
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass
class _InFlightMail:
    key: str
    size: int
    due_s: float
    patience_s: float
    since_s: float


class InFlight:
    """A window bounded by `max_mails` and `max_bytes`; a single larger mail is let through alone.

    Times are seconds of one monotonic clock. A mail without a receipt after `patience_s` is
    overdue. Each repetition doubles its patience, up to `max_patience_s`, so that an outage does
    not cause a flood.
    """

    def __init__(
        self,
        max_mails: int,
        max_bytes: int,
        *,
        patience_s: float = 300.0,
        max_patience_s: float = 3600.0,
    ) -> None:
        self._max_mails = max_mails
        self._max_bytes = max_bytes
        self._patience_s = patience_s
        self._max_patience_s = max_patience_s
        self._mails: dict[str, _InFlightMail] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._mails)

    def __contains__(self, mail_id: str) -> bool:
        return mail_id in self._mails

    @property
    def bytes(self) -> int:
        return self._bytes

    @property
    def max_bytes(self) -> int:
        return self._max_bytes

    def ids(self) -> list[str]:
        """The ids of all mails in flight. From any thread."""
        return list(self._mails)

    def size_of(self, mail_id: str) -> int:
        """Bytes of a mail; 0 if it is not in flight."""
        mail = self._mails.get(mail_id)
        return mail.size if mail else 0

    def fits(self, mails: int, size: int) -> bool:
        """Whether `mails` more mails, of `size` bytes together, may be published now."""
        if not self._mails and mails == 1:
            return True
        return len(self._mails) + mails <= self._max_mails and self._bytes + size <= self._max_bytes

    def oldest_since_s(self) -> float | None:
        """Arrival of the oldest mail, in seconds since the epoch; None without one.

        From any thread.
        """
        return min((mail.since_s for mail in list(self._mails.values())), default=None)

    def oldest_age_s(self) -> float:
        """Age of the oldest mail in flight, in seconds; 0.0 without one. From any thread."""
        since_s = self.oldest_since_s()
        return max(0.0, time.time() - since_s) if since_s else 0.0

    def add(self, mail_id: str, key: str, size: int, now_s: float, since_s: float = 0.0) -> None:
        """A mail was published, maybe again.

        It arrived at `since_s`, in seconds since the epoch.
        """
        earlier = self._mails.pop(mail_id, None)
        patience_s = (
            min(earlier.patience_s * 2, self._max_patience_s) if earlier else self._patience_s
        )
        self._bytes += size - (earlier.size if earlier else 0)
        since_s = min(since_s, earlier.since_s) if earlier else since_s
        self._mails[mail_id] = _InFlightMail(key, size, now_s + patience_s, patience_s, since_s)

    def take_recorded(self, keys: Iterable[str]) -> list[str]:
        """Remove the mails with these keys and return their ids. Equal mails share one key."""
        wanted = set(keys)
        ids = [mail_id for mail_id, mail in self._mails.items() if mail.key in wanted]
        self.forget(ids)
        return ids

    def forget(self, mail_ids: Iterable[str]) -> None:
        """Remove these mails. Ids that are not in flight are ignored."""
        for mail_id in mail_ids:
            mail = self._mails.pop(mail_id, None)
            self._bytes -= mail.size if mail else 0

    def overdue(self, now_s: float) -> list[str]:
        """The ids of the mails whose receipts are late, to be published again."""
        return [mail_id for mail_id, mail in self._mails.items() if mail.due_s <= now_s]
