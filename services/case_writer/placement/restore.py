"""After a restore of the database, finds the former cases of mails from the archived events. Pure.

A reply follows the mail that opened its case, not the number. If another case has that number now,
the case of the opening mail gets a new number, and its replies follow it.
"""

from typing import Final

from schemas.reasons import ParkReason
from services.case_writer.placement.plan import Plan, PreparedMail, Target
from services.case_writer.placement.snapshot import RecordedMail, Snapshot

# Mails with these reasons are parked only until the missing case or content exists.
WANTING: Final = frozenset({ParkReason.CASE_NOT_RESTORED, ParkReason.CONTENT_MISSING})


class Restorer:
    """Finds the former cases of one batch's mails."""

    def __init__(self, snapshot: Snapshot, plan: Plan) -> None:
        self._snapshot = snapshot
        self._plan = plan

    def target(self, mail: PreparedMail) -> Target | ParkReason | None:
        """The former case of the mail, None if the mail opens it again. If that case does not
        exist, also the reason to park the mail.
        """
        replay = mail.replay
        if replay is None or replay.case is None or replay.opener == mail.key:
            return None
        if replay.opener is None:
            return (
                replay.case if replay.case in self._snapshot.cases else ParkReason.CASE_NOT_RESTORED
            )
        opener = self._snapshot.mails.get(replay.opener)
        if opener is not None and opener.case is not None:
            return opener.case
        return self._plan.opened.get(replay.opener) or ParkReason.CASE_NOT_RESTORED

    def free_number(self, mail: PreparedMail) -> int | None:
        """The number that the mail's case had; None if another case has it now."""
        number = mail.replay.case if mail.replay is not None else None
        taken = number in self._snapshot.cases or any(
            case.number == number for case in self._plan.new_cases
        )
        return None if taken else number

    def has_what_it_lacked(self, mail: PreparedMail, recorded: RecordedMail) -> bool:
        """Whether a mail that was parked because something was missing can be placed now."""
        if recorded.reason == ParkReason.CONTENT_MISSING:
            return mail.reading is not None or mail.original is not None  # whatever its source
        return mail.raw.origin == "replay" and not isinstance(self.target(mail), ParkReason)
