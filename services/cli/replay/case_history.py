"""Where mails were, by the archive of events: what a database restored from a backup cannot know. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from schemas.events import CaseAppended, CaseMoved, CaseOpened, Event


@dataclass(frozen=True)
class PriorCase:
    """The number of a mail's case, and the key of the mail that opened it, None where that was not heard of."""

    case: int
    opener: str | None


class CaseHistory:
    """Events in their order make it; only mails without an outcome need be remembered, cases always.

    One order is not kept: two writers at once, or one that died before it could tell, let a reply be told of before the
    mail that opened its case.
    """

    def __init__(self) -> None:
        self._was: dict[str, PriorCase] = {}
        self._openers: dict[int, str | None] = {}  # None once the opening mail has moved away
        self._early: dict[int, list[str]] = {}  # told of before their case was
        self.highest = 0  # of all case numbers that were given

    def note(self, event: Event) -> None:
        """The last word on a mail stands: one that was parked may have been retried, one in a case may have moved."""
        if isinstance(event, CaseOpened):
            self._openers[event.case] = event.mail_key
            for key in self._early.pop(event.case, ()):
                if self._was.get(key) == PriorCase(event.case, None):
                    self._was[key] = PriorCase(event.case, event.mail_key)
            self._put(event.mail_key, event.case)
        elif isinstance(event, CaseMoved):
            self._left(event.was, event.mail_key)
            self._put(event.mail_key, event.case)
        elif isinstance(event, CaseAppended):
            self._put(event.mail_key, event.case)
        else:
            self._was.pop(event.mail_key, None)

    def of(self, key: str) -> PriorCase | None:
        """None for a mail that was in no case, as far as the events tell."""
        return self._was.get(key)

    def forget(self, keys: Iterable[str]) -> None:
        """Mails whose outcome the database has."""
        for key in keys:
            self._was.pop(key, None)

    @property
    def openings(self) -> int:
        """How many of the remembered mails opened a case."""
        return sum(was.opener == key for key, was in self._was.items())

    def _put(self, key: str, case: int) -> None:
        if case not in self._openers:
            self._early.setdefault(case, []).append(key)
        self._was[key] = PriorCase(case, self._openers.get(case))
        self.highest = max(self.highest, case)

    def _left(self, case: int, key: str) -> None:
        """The mail that opened a case went to another: those that stayed follow the number."""
        if self._openers.get(case) == key:
            self._openers[case] = None
            stayed = [one for one, was in self._was.items() if was == PriorCase(case, key) and one != key]
            self._was |= dict.fromkeys(stayed, PriorCase(case, None))
