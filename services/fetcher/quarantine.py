"""Mails at which sessions break, so that one of them does not hold up those behind it. Pure bookkeeping."""

from collections.abc import Iterable, Sequence

from services.fetcher.ports import Waiting

LONE_FAILURES = 3
ASIDE_S = 600.0


class Quarantine:
    """A session that breaks while mails are fetched makes them suspects: they come after the others, and one by one.

    One at which the session has broken LONE_FAILURES times, fetched alone, is left aside for ASIDE_S. Times are seconds
    of one monotonic clock.
    """

    def __init__(self) -> None:
        self._failures: dict[str, int] = {}  # fetched alone; 0 for one that was among others
        self._aside_until_s: dict[str, float] = {}

    def record_failure(self, mail_ids: Sequence[str], now_s: float) -> bool:
        """The session broke while these were fetched; True where a mail is left aside from now on."""
        alone = len(mail_ids) == 1
        for one in mail_ids:
            self._failures[one] = self._failures.get(one, 0) + alone
        if not alone or self._failures[mail_ids[0]] < LONE_FAILURES:
            return False
        del self._failures[mail_ids[0]]  # what it gets after the pause is another three attempts
        self._aside_until_s[mail_ids[0]] = now_s + ASIDE_S
        return True

    def clear(self, mail_ids: Iterable[str]) -> None:
        """These were fetched after all, or are gone."""
        for one in mail_ids:
            self._failures.pop(one, None)

    def must_fetch_alone(self, mail_id: str) -> bool:
        """Whether to fetch this mail by itself."""
        return mail_id in self._failures

    def prioritize(self, mails: Sequence[Waiting], now_s: float) -> list[Waiting]:
        """The mails to be fetched: suspects last, none of those left aside."""
        self._aside_until_s = {one: until_s for one, until_s in self._aside_until_s.items() if until_s > now_s}
        there = [mail for mail in mails if mail.id not in self._aside_until_s]
        return sorted(there, key=lambda mail: self._failures.get(mail.id, -1))
