"""Mails of a restored database: back to the cases that they were in, by what the archive of events tells. Pure.

A reply follows the mail that opened its case, not the number: where the database gave that number to another case in
the meantime, the opening mail gets a new one, and its replies go along.
"""

from typing import Final

from services.case_writer.placement.plan import NewCase, PreparedMail, Target
from services.case_writer.placement.snapshot import RecordedMail, Snapshot

RESTORED: Final = "restored"  # the resolution of a mail that is back where it was
NUMBER_TAKEN: Final = "number-taken"  # the flag of one whose number is another case's by now
CASE_NOT_RESTORED: Final = "case-not-restored"
CONTENT_MISSING: Final = "content-missing"
WANTING: Final = frozenset({CASE_NOT_RESTORED, CONTENT_MISSING})  # parked only until what it lacks is there


class Restoring:
    """Answers for one batch; it is told which cases the batch opens."""

    def __init__(self, known: Snapshot) -> None:
        self._known = known
        self._opened: dict[str, NewCase] = {}  # by the key of the mail that opens it
        self._numbers: set[int] = set()

    def was_in_a_case(self, item: PreparedMail) -> bool:
        replay = item.command.mail.replay
        return replay is not None and replay.case is not None

    def opens(self, item: PreparedMail, case: NewCase) -> None:
        """Note a case that the batch opens."""
        self._opened[item.key] = case
        if case.number is not None:
            self._numbers.add(case.number)

    def target(self, item: PreparedMail) -> Target | str | None:
        """The case that the mail was in; None where it shall open it; the reason to park it where the case is away."""
        replay = item.command.mail.replay
        if replay is None or replay.case is None or replay.opener == item.key:
            return None
        if replay.opener is None:
            return replay.case if replay.case in self._known.cases else CASE_NOT_RESTORED
        opener = self._known.mails.get(replay.opener)
        if opener is not None and opener.case is not None:
            return opener.case
        return self._opened.get(replay.opener) or CASE_NOT_RESTORED

    def free_number(self, item: PreparedMail) -> int | None:
        """The number that the mail's case had; None where it is another case's now."""
        replay = item.command.mail.replay
        number = replay.case if replay is not None else None
        return None if number in self._known.cases or number in self._numbers else number

    def has_what_it_wants(self, item: PreparedMail, recorded: RecordedMail) -> bool:
        """Whether a mail that was parked for want of something can be placed now."""
        if recorded.reason == CONTENT_MISSING:
            return item.reading is not None or item.original is not None  # whoever brings it
        return item.command.mail.origin == "replay" and not isinstance(self.target(item), str)
