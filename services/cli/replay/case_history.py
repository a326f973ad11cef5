"""The cases of mails according to the archived events, for a database that was restored from an
older backup. Pure.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from schemas.events import CaseAppended, CaseMoved, CaseOpened, Event
from services.cli.replay.case_openers import CaseOpeners


@dataclass(frozen=True)
class PriorCase:
    """The number of a mail's case, and the key of the mail that opened it, None if no event names
    it.
    """

    case: int
    opener: str | None


class CaseHistory:
    """Built from events in order. It keeps all cases, but only mails without an outcome.

    One order is not guaranteed: with two case writers, or after one died, the event of a reply can
    precede the event of the mail that opened its case.
    """

    def __init__(self) -> None:
        self._prior: dict[str, PriorCase] = {}
        self._openers = CaseOpeners()  # none once the opening mail has moved away
        # Mails without an outcome whose event preceded that of their case.
        self._early: dict[int, set[str]] = {}
        self.highest = 0  # of all assigned case numbers

    def note(self, event: Event) -> None:
        """Apply an event.

        The last event of a mail counts: a parked mail may be retried, a mail in a case may move.
        """
        if isinstance(event, CaseOpened):
            self._openers[event.case] = event.mail_key
            for key in self._early.pop(event.case, ()):
                if self._prior.get(key) == PriorCase(event.case, None):
                    self._prior[key] = PriorCase(event.case, event.mail_key)
            self._put(event.mail_key, event.case)
        elif isinstance(event, CaseMoved):
            self._left(event.was, event.mail_key)
            self._put(event.mail_key, event.case)
        elif isinstance(event, CaseAppended):
            self._put(event.mail_key, event.case)
        else:
            self._prior.pop(event.mail_key, None)

    def of(self, key: str) -> PriorCase | None:
        """The case of a mail; None if no event puts it into a case."""
        return self._prior.get(key)

    def forget(self, keys: Iterable[str]) -> None:
        """Drop mails whose outcome the database has."""
        for key in keys:
            prior = self._prior.pop(key, None)
            if prior is not None and prior.case in self._early:
                self._early[prior.case].discard(key)
                if not self._early[prior.case]:
                    del self._early[prior.case]

    @property
    def openings(self) -> int:
        """How many of the kept mails opened a case."""
        return sum(prior.opener == key for key, prior in self._prior.items())

    def _put(self, key: str, case: int) -> None:
        if case not in self._openers:
            self._early.setdefault(case, set()).add(key)
        self._prior[key] = PriorCase(case, self._openers.get(case))
        self.highest = max(self.highest, case)

    def _left(self, case: int, key: str) -> None:
        """The mail that opened a case moved to another. The remaining mails keep the number."""
        if self._openers.get(case) == key:
            self._openers[case] = None
            remaining = [
                other
                for other, prior in self._prior.items()
                if prior == PriorCase(case, key) and other != key
            ]
            self._prior |= dict.fromkeys(remaining, PriorCase(case, None))
