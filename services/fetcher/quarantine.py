"""Quarantine for mails whose fetching breaks sessions, so that they do not delay others. Pure."""

from collections.abc import Iterable, Sequence

from services.fetcher.ports import ListedMail

LONE_FAILURES = 3
QUARANTINE_S = 600.0


class Quarantine:
    """Mails whose fetching broke a session become suspects: fetched last and one at a time.

    A suspect that breaks LONE_FAILURES sessions alone is quarantined for QUARANTINE_S. Times are
    seconds of one monotonic clock.
    """

    def __init__(self) -> None:
        # When fetched alone; 0 for a suspect never fetched alone.
        self._failures: dict[str, int] = {}
        self._quarantined_until_s: dict[str, float] = {}

    def record_failure(self, mail_ids: Sequence[str], now_s: float) -> bool:
        """The session broke while it fetched these mails; True if that quarantines one."""
        alone = len(mail_ids) == 1
        for mail_id in mail_ids:
            self._failures[mail_id] = self._failures.get(mail_id, 0) + alone
        if not alone or self._failures[mail_ids[0]] < LONE_FAILURES:
            return False
        del self._failures[mail_ids[0]]  # after the quarantine it gets as many attempts again
        self._quarantined_until_s[mail_ids[0]] = now_s + QUARANTINE_S
        return True

    def clear(self, mail_ids: Iterable[str]) -> None:
        """These mails were fetched after all, or are gone."""
        for mail_id in mail_ids:
            self._failures.pop(mail_id, None)

    def must_fetch_alone(self, mail_id: str) -> bool:
        """Whether to fetch this mail by itself."""
        return mail_id in self._failures

    def has(self, mail_id: str, now_s: float) -> bool:
        """Whether this mail is quarantined now."""
        return self._quarantined_until_s.get(mail_id, now_s) > now_s

    def prioritize(self, mails: Sequence[ListedMail], now_s: float) -> list[ListedMail]:
        """The mails to fetch, suspects last; quarantined ones are left out."""
        self._quarantined_until_s = {
            mail_id: until_s
            for mail_id, until_s in self._quarantined_until_s.items()
            if self.has(mail_id, now_s)
        }
        fetchable = [mail for mail in mails if mail.id not in self._quarantined_until_s]
        return sorted(fetchable, key=lambda mail: self._failures.get(mail.id, -1))
