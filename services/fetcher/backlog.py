"""The mails of one mailbox that are listed but not published yet. Pure."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from services.fetcher.in_flight import InFlight
from services.fetcher.ports import ListedMail
from services.fetcher.quarantine import Quarantine

FETCH_MAILS = 50  # in one command to the mail server
FETCH_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True)
class Batch:
    """Mails to fetch in one command, and the oversized mails listed before them."""

    mails: list[ListedMail] = field(default_factory=list)
    too_large: list[ListedMail] = field(default_factory=list)


class Backlog:
    """Listed mails in the order in which they are fetched. Length and age can be read from any
    thread.
    """

    def __init__(self, window: InFlight, quarantine: Quarantine, max_mail_bytes: int) -> None:
        self._window = window
        self._quarantine = quarantine
        self._max_mail_bytes = max_mail_bytes
        self._pending: list[ListedMail] = []
        self._in_hand: list[ListedMail] = []  # being fetched, or waiting for memory
        self._listed_at = datetime.now(UTC)

    @property
    def is_waiting(self) -> bool:
        """Whether listed mails wait to be fetched."""
        return bool(self._pending)

    def __len__(self) -> int:
        return len(self._in_hand) + len(self._pending)

    @property
    def is_fetching(self) -> bool:
        return bool(self._in_hand)

    def begin_session(self) -> None:
        """A new session lists every mail again; until then the earlier ones still count."""
        self._in_hand, self._pending = [*self._in_hand, *self._pending], []

    def replace(self, listed: Sequence[ListedMail], known: Collection[str], now_s: float) -> None:
        """Take a new listing, without `known` ids; `now_s` is the quarantine's clock."""
        new = [mail for mail in listed if mail.id not in known]
        self._in_hand = []
        self._pending = self._quarantine.prioritize(new, now_s)

    def mark_listing(self) -> None:
        """A listing is being requested. Mails without a time of their own are timed from now."""
        self._listed_at = datetime.now(UTC)

    def next_batch(self, available_bytes: Callable[[], int]) -> Batch:
        """Take the mails to fetch now: as many as fit in the window, in memory, and in one
        command.
        """
        batch = Batch()
        size, most_bytes = 0, min(FETCH_BYTES, available_bytes())
        while self._pending and len(batch.mails) < FETCH_MAILS:
            mail = self._pending[0]
            if mail.size > self._max_mail_bytes:
                batch.too_large.append(self._pending.pop(0))
                continue
            size += mail.size
            alone = self._quarantine.must_fetch_alone(mail.id)
            if not self._window.fits(len(batch.mails) + 1, size):
                break
            if batch.mails and (alone or size > most_bytes):
                break
            batch.mails.append(self._pending.pop(0))
            if alone:
                break
        return batch

    def begin_fetch(self, mails: Sequence[ListedMail]) -> None:
        self._in_hand = list(mails)

    def end_fetch(self) -> None:
        """The mails in hand are in flight now."""
        self._in_hand = []

    def ids(self) -> list[str]:
        return [mail.id for mail in [*self._in_hand, *self._pending]]

    def oldest_age_s(self) -> float:
        """Age of the oldest mail in seconds, counted from its listing if the server has no time;
        0.0 without one.
        """
        oldest = [*self._in_hand[:1], *self._pending[:1]]
        if not oldest:
            return 0.0
        since = oldest[0].received_at or self._listed_at
        return max(0.0, (datetime.now(UTC) - since).total_seconds())
