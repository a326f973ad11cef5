"""What a process's settings say today of a mail that was placed by those of its day. Pure.

Only recorded facts count: that the author took no part in the case, that the case was closed, that its number
was another process's. What has come about since moves nothing.
"""

from dataclasses import dataclass
from typing import Final

from schemas.cases import AppendToCase, Decision
from services.case_writer.placement.case_resolver import OTHER_PROCESS, UNVERIFIED_SENDER, CaseResolver, resolved
from services.case_writer.placement.plan import NewCase, PreparedMail, Target
from services.case_writer.placement.snapshot import RecordedMail, Snapshot
from services.case_writer.reading import MailReading

NOT_A_PARTICIPANT: Final = "not-a-participant"
CASE_CLOSED: Final = "case-closed"
RELEASED: Final = "released"  # the resolution of a stranger's mail that a person let through
_SETTINGS = {CASE_CLOSED: "reply_to_closed", NOT_A_PARTICIPANT: "reply_from", OTHER_PROCESS: "reference_scope"}


@dataclass(frozen=True)
class RuleChange:
    """Where the mail would go by `setting`: None for no case, since it would be parked."""

    target: Target | None
    decision: Decision
    setting: str


class RuleChanges:
    """Answers for recorded mails of which the router says the same as before."""

    def __init__(self, known: Snapshot, targets: CaseResolver) -> None:
        self._known = known
        self._targets = targets

    def of(self, item: PreparedMail, reading: MailReading, recorded: RecordedMail) -> RuleChange | None:
        """What differs for a mail in a case; None if nothing does."""
        if recorded.decision is None or recorded.case is None or recorded.decision.resolution == RELEASED:
            return None
        if recorded.outcome == "opened":
            return self._of_opened(item, reading, recorded.decision, recorded.case)
        return self._of_appended(item, reading, recorded, recorded.decision, recorded.case)

    def still_held(self, item: PreparedMail, reading: MailReading) -> bool:
        """Whether the author of a mail that was held would be held today."""
        target, _ = self._targets.of(item, reading)
        rules = self._targets.rules_of(self._targets.process_of(target, item)) if target is not None else None
        return rules is None or rules.reply_from == "hold"

    def refusal(self, target: Target, item: PreparedMail, reading: MailReading) -> str | None:
        """The setting by which the case does not take the mail as it stands; None if it does."""
        is_plain = _is_plain(item)
        if not is_plain and self._targets.is_proven(target, item):
            return None
        rules = self._targets.rules_of(self._targets.process_of(target, item))
        if is_plain and rules.reply_to_closed == "new-case" and self._targets.is_closed(target):
            return "reply_to_closed"
        is_refused = rules.reply_from != "anyone" and not self._targets.takes_part(target, item, reading)
        return "reply_from" if is_refused else None

    def elsewhere(self, refused: Target, item: PreparedMail, decision: Decision, setting: str) -> RuleChange:
        """Where a mail goes that case `refused` does not take by `setting`."""
        process = item.command.mail.process
        if setting == "reply_to_closed":
            return RuleChange(NewCase(process, refers_to=refused), resolved(decision, CASE_CLOSED), setting)
        today = resolved(decision, NOT_A_PARTICIPANT)
        rules = self._targets.rules_of(self._targets.process_of(refused, item))
        target = None if rules.reply_from == "hold" or not _is_plain(item) else NewCase(process, refers_to=refused)
        return RuleChange(target, today, setting)

    def _of_opened(self, item: PreparedMail, reading: MailReading, decision: Decision, case: int) -> RuleChange | None:
        """A mail that opened a case, for another one did not take it."""
        setting = _SETTINGS.get(decision.resolution or "")
        refused = self._other_process_case(item) if setting == "reference_scope" else self._known.cases[case].refers_to
        if setting is None or refused is None or refused not in self._known.cases:
            return None
        rules = self._targets.rules_of(self._targets.process_of(refused, item))
        if (setting, "new-case") == ("reply_to_closed", rules.reply_to_closed):
            return None
        if (setting, "participants") == ("reply_from", rules.reply_from):
            return None
        today = self.refusal(refused, item, reading)
        if today == "reply_from" and rules.reply_from == "hold":
            return self.elsewhere(refused, item, decision, today)
        return None if today else RuleChange(refused, resolved(decision, None), setting)

    def _other_process_case(self, item: PreparedMail) -> int | None:
        """The first existing case of the decision, if a case of another process may be one."""
        if self._targets.rules_of(item.command.mail.process).reference_scope != "any":
            return None
        return next((number for number in item.command.decision.cases if number in self._known.cases), None)

    def _of_appended(
        self, item: PreparedMail, reading: MailReading, recorded: RecordedMail, decision: Decision, case: int
    ) -> RuleChange | None:
        own = item.command.mail.process
        is_foreign = case in decision.cases and self._known.cases[case].process != own
        if is_foreign and self._targets.rules_of(own).reference_scope == "process":
            return self._without_number(item, reading)
        if not _is_plain(item) or not (case in decision.cases or decision.rule == "thread"):
            return None  # a machine's, or a person moved it
        rules = self._targets.rules_of(self._known.cases[case].process)
        if recorded.reopened and rules.reply_to_closed == "new-case":
            return self.elsewhere(case, item, decision, "reply_to_closed")
        comment = self._known.comments.get(item.key)
        was_stranger = comment is not None and UNVERIFIED_SENDER in comment.flags
        if was_stranger and rules.reply_from != "anyone":
            return self.elsewhere(case, item, decision, "reply_from")
        return None

    def _without_number(self, item: PreparedMail, reading: MailReading) -> RuleChange:
        target, decision = self._targets.of(item, reading)
        if target is None and not (isinstance(item.command, AppendToCase) and item.command.otherwise != "open"):
            target = NewCase(item.command.mail.process)
        return RuleChange(target, decision, "reference_scope")


def _is_plain(item: PreparedMail) -> bool:
    """Not a report or an automatic answer, for which these settings do not hold."""
    return not isinstance(item.command, AppendToCase) or item.command.kind == "mail"
