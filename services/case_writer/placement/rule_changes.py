"""Applies the current settings of a process to a mail that was placed by earlier ones. Pure.

Only recorded facts count: that the author took no part in the case, that the case was closed, that
its number belonged to another process. Later changes of the case move no mail.
"""

from dataclasses import dataclass

from schemas.cases import AppendToCase, Decision
from schemas.flags import CommentFlag
from schemas.reasons import Resolution, Rule
from services.case_writer.placement.case_resolver import CaseResolver, resolved
from services.case_writer.placement.plan import NewCase, PreparedMail, Target
from services.case_writer.placement.snapshot import RecordedMail, Snapshot
from services.case_writer.reading import MailReading
from services.runtime.settings.schema.processes import Rules

_SETTINGS: dict[str, str] = {
    Resolution.CASE_CLOSED: "reply_to_closed",
    Resolution.NOT_A_PARTICIPANT: "reply_from",
    Resolution.OTHER_PROCESS: "reference_scope",
}


@dataclass(frozen=True)
class RuleChange:
    """Where the mail would go by `setting`; `target` None means no case, since it would be
    parked.
    """

    target: Target | None
    decision: Decision
    setting: str


class RuleChanges:
    """Compares the settings for recorded mails that the router decides as before."""

    def __init__(self, snapshot: Snapshot, resolver: CaseResolver) -> None:
        self._snapshot = snapshot
        self._resolver = resolver

    def of(
        self, mail: PreparedMail, reading: MailReading, recorded: RecordedMail
    ) -> RuleChange | None:
        """What differs for a mail in a case; None if nothing does."""
        decision, case = recorded.decision, recorded.case
        if decision is None or case is None or decision.resolution == Resolution.RELEASED:
            return None
        if recorded.outcome == "opened":
            return self._of_opened(mail, reading, decision, case)
        return self._of_appended(mail, reading, recorded, decision, case)

    def still_held(self, mail: PreparedMail, reading: MailReading) -> bool:
        """Whether the mail, which was held because of its author, would be held by the current
        settings."""
        target, _ = self._resolver.find(mail, reading)
        rules = self._rules_at(target, mail) if target is not None else None
        return rules is None or rules.reply_from == "hold"

    def refusal(self, target: Target, mail: PreparedMail, reading: MailReading) -> str | None:
        """The setting that keeps the mail out of the case; None if the case accepts the mail."""
        is_plain = _is_plain(mail)
        if not is_plain and self._resolver.is_proven(target, mail):
            return None
        rules = self._rules_at(target, mail)
        takes_part = self._resolver.takes_part(target, mail, reading)
        is_closed = rules.reply_to_closed == "new-case" and self._resolver.is_closed(target)
        if is_closed and (is_plain or not takes_part):
            return "reply_to_closed"
        return "reply_from" if rules.reply_from != "anyone" and not takes_part else None

    def elsewhere(
        self, refused: Target, mail: PreparedMail, decision: Decision, setting: str
    ) -> RuleChange:
        """Where a mail goes if the case `refused` does not accept it because of `setting`."""
        if setting == "reply_to_closed":
            target = NewCase(mail.process, refers_to=refused) if _is_plain(mail) else None
            return RuleChange(target, resolved(decision, Resolution.CASE_CLOSED), setting)
        today = resolved(decision, Resolution.NOT_A_PARTICIPANT)
        if self._rules_at(refused, mail).reply_from == "hold" or not _is_plain(mail):
            return RuleChange(None, today, setting)
        return RuleChange(NewCase(mail.process, refers_to=refused), today, setting)

    def _of_opened(
        self, mail: PreparedMail, reading: MailReading, decision: Decision, case: int
    ) -> RuleChange | None:
        """A mail that opened a case because another case did not accept it."""
        setting = _SETTINGS.get(decision.resolution or "")
        if setting == "reference_scope":
            refused = self._other_process_case(mail)
        else:
            refused = self._snapshot.cases[case].refers_to
        if setting is None or refused is None or refused not in self._snapshot.cases:
            return None
        rules = self._rules_at(refused, mail)
        if (setting, "new-case") == ("reply_to_closed", rules.reply_to_closed):
            return None
        if (setting, "participants") == ("reply_from", rules.reply_from):
            return None
        today = self.refusal(refused, mail, reading)
        if today == "reply_from" and rules.reply_from == "hold":
            return self.elsewhere(refused, mail, decision, today)
        return None if today else RuleChange(refused, resolved(decision, None), setting)

    def _other_process_case(self, mail: PreparedMail) -> int | None:
        """The first existing case of the decision, if cases of other processes are allowed."""
        if self._resolver.rules_of(mail.process).reference_scope != "any":
            return None
        return next(
            (number for number in mail.decision.cases if number in self._snapshot.cases), None
        )

    def _of_appended(
        self,
        mail: PreparedMail,
        reading: MailReading,
        recorded: RecordedMail,
        decision: Decision,
        case: int,
    ) -> RuleChange | None:
        process = self._snapshot.cases[case].process
        is_foreign = case in decision.cases and process != mail.process
        if is_foreign and self._resolver.rules_of(mail.process).reference_scope == "process":
            return self._without_number(mail, reading)
        if not _is_plain(mail) or not (case in decision.cases or decision.rule == Rule.THREAD):
            return None  # an automatic mail, or a person moved it
        rules = self._resolver.rules_of(process)
        if recorded.reopened and rules.reply_to_closed == "new-case":
            return self.elsewhere(case, mail, decision, "reply_to_closed")
        comment = self._snapshot.comments.get(mail.key)
        was_stranger = comment is not None and CommentFlag.UNVERIFIED_SENDER in comment.flags
        if was_stranger and rules.reply_from != "anyone":
            return self.elsewhere(case, mail, decision, "reply_from")
        return None

    def _without_number(self, mail: PreparedMail, reading: MailReading) -> RuleChange:
        target, decision = self._resolver.find(mail, reading)
        command = mail.command
        if target is None and not (
            isinstance(command, AppendToCase) and command.otherwise != "open"
        ):
            target = NewCase(mail.process)
        return RuleChange(target, decision, "reference_scope")

    def _rules_at(self, target: Target, mail: PreparedMail) -> Rules:
        return self._resolver.rules_of(self._resolver.process_of(target, mail))


def _is_plain(mail: PreparedMail) -> bool:
    """Not a report or an automatic answer, to which these settings do not apply."""
    return mail.kind == "mail"
