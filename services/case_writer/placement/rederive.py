"""Reads and decides recorded mails again, in place. Pure.

A mail moves only if the rules now decide differently: the router's, and the process's settings
`reply_from`, `reference_scope` and `reply_to_closed`. Nothing moves because the case changed later
(it was closed, or a thread became complete), or because of a limit of new cases.
"""

from typing import NamedTuple

from msgspec import structs

from schemas.cases import AppendToCase, Decision, IgnoreMail, ParkMail
from schemas.flags import CommentFlag
from schemas.reasons import IgnoreReason, ParkReason, Rule
from services.case_writer.placement.case_resolver import CaseResolver
from services.case_writer.placement.plan import (
    FAILURES,
    Mismatch,
    NewCase,
    Placed,
    PreparedMail,
    Rederivation,
    RederivedMail,
    Target,
    UpdatedVerdict,
)
from services.case_writer.placement.rule_changes import RuleChanges
from services.case_writer.placement.snapshot import RecordedMail, Snapshot
from services.case_writer.placement.threads import Threads
from services.case_writer.reading import MailReading

# These describe the mail's place when it was placed.
_PLACING_FLAGS = frozenset(
    {CommentFlag.UNVERIFIED_SENDER, CommentFlag.MESSAGE_ID_REUSED, CommentFlag.NUMBER_TAKEN}
)


class _Today(NamedTuple):
    """Where a mail belongs by the current rules. `differs` says what differs; it is empty if the
    mail stays.
    """

    target: Target | None
    decision: Decision
    differs: str = ""


class Rederiver:
    """Derives recorded mails of one batch again."""

    def __init__(self, snapshot: Snapshot, threads: Threads, resolver: CaseResolver) -> None:
        self._snapshot = snapshot
        self._threads = threads
        self._resolver = resolver
        self._rule_changes = RuleChanges(snapshot, resolver)

    def moves_into_a_case(self, mail: PreparedMail, recorded: RecordedMail) -> bool:
        """Whether the current rules give a mail without a case another outcome; it is then placed
        like a new one.
        """
        return recorded.reason != IgnoreReason.DISCARDED and not self._stays_unassigned(
            mail, recorded
        )

    def rederive(self, mail: PreparedMail, recorded: RecordedMail) -> Rederivation:
        """What is replaced, and where the mail would go if it may not move."""
        if recorded.case is None:
            return self._rederive_unassigned(mail, recorded)
        comment = self._snapshot.comments.get(mail.key)
        if comment is not None and CommentFlag.ERASED in comment.flags:
            return Rederivation()  # a replay must not bring back a person's erased data
        if mail.reading is None or comment is None or recorded.case not in self._snapshot.cases:
            return Rederivation(Mismatch(None, _reason(mail) or "damaged"))
        today = self._today(mail, mail.reading, recorded, recorded.case)
        replay, mismatch = mail.replay, None
        if today.differs and (today.target is None or replay is None or not replay.move):
            mismatch = Mismatch(today.target, today.differs)
            today = _Today(recorded.case, recorded.decision or today.decision)
        target = recorded.case if today.target is None else today.target
        placed = self._placed(mail, mail.reading, recorded, target, today.decision)
        return Rederivation(mismatch, rederived=RederivedMail(placed, recorded, comment))

    def _rederive_unassigned(self, mail: PreparedMail, recorded: RecordedMail) -> Rederivation:
        if recorded.reason == IgnoreReason.DISCARDED:  # a person decided it
            return Rederivation()
        if not self._stays_unassigned(mail, recorded):
            return Rederivation(Mismatch(None, _reason(mail) or _action(mail)))
        decision, reason = mail.decision, _reason(mail)
        if reason and (decision, reason) != (recorded.decision, recorded.reason):
            return Rederivation(updated=UpdatedVerdict(mail, recorded, reason, decision))
        return Rederivation()

    def _stays_unassigned(self, mail: PreparedMail, recorded: RecordedMail) -> bool:
        command, reading = mail.command, mail.reading
        if (
            recorded.reason == IgnoreReason.COPY
            and reading
            and self._threads.copy_of(mail, reading)
        ):
            return True
        if isinstance(command, ParkMail | IgnoreMail):
            return recorded.outcome == ("parked" if isinstance(command, ParkMail) else "ignored")
        if recorded.reason == ParkReason.NOT_A_PARTICIPANT and reading is not None:
            same = _decides_the_same(command.decision, recorded.decision)
            return same and self._rule_changes.still_held(mail, reading)
        failures = (ParkReason.CANNOT_BE_CLASSIFIED, *FAILURES)
        failed = (recorded.reason or "").startswith(failures)
        return not failed and _decides_the_same(command.decision, recorded.decision)

    def _today(
        self, mail: PreparedMail, reading: MailReading, recorded: RecordedMail, case: int
    ) -> _Today:
        """Where the mail belongs by the current rules."""
        command = mail.command
        if isinstance(command, ParkMail | IgnoreMail):
            return _Today(None, command.decision, command.reason)
        if recorded.decision is not None and _decides_the_same(command.decision, recorded.decision):
            change = self._rule_changes.of(mail, reading, recorded)
            if change is not None:
                return _Today(change.target, change.decision, change.setting)
            return _Today(case, structs.replace(recorded.decision, flags=command.decision.flags))
        target, decision = self._resolver.find(mail, reading, without=(case,))
        if target == case or (target is None and recorded.outcome == "opened"):
            return _Today(case, decision)
        if target is not None:
            return self._admitted(target, mail, reading, recorded, decision)
        if isinstance(command, AppendToCase) and command.otherwise != "open":
            return _Today(None, decision, command.reason or decision.rule)
        return _Today(NewCase(mail.process), decision, decision.rule)

    def _admitted(
        self,
        target: Target,
        mail: PreparedMail,
        reading: MailReading,
        recorded: RecordedMail,
        decision: Decision,
    ) -> _Today:
        """As `_today`, for a case that the mail was not in; the process of that case may refuse the
        mail.
        """
        setting = self._rule_changes.refusal(target, mail, reading)
        if setting is None:
            return _Today(target, decision, decision.rule)
        change = self._rule_changes.elsewhere(target, mail, decision, setting)
        if recorded.outcome == "opened" and change.target is not None:
            return _Today(recorded.case, change.decision)
        return _Today(change.target, change.decision, setting)

    def _placed(
        self,
        mail: PreparedMail,
        reading: MailReading,
        recorded: RecordedMail,
        target: Target,
        decision: Decision,
    ) -> Placed:
        comment, opens = self._snapshot.comments[mail.key], isinstance(target, NewCase)
        if target == recorded.case:
            flags = tuple(flag for flag in comment.flags if flag in _PLACING_FLAGS)
            is_stranger = CommentFlag.UNVERIFIED_SENDER in flags
            verified = not is_stranger and reading.author.address != comment.author.address
        else:
            verified = opens or self._resolver.takes_part(target, mail, reading)
            is_report = mail.kind == "bounce" and self._resolver.is_proven(target, mail)
            flags = () if verified or is_report else (CommentFlag.UNVERIFIED_SENDER,)
        joins: tuple[str, ...] = ()
        if verified and mail.kind == "mail":
            joins = self._resolver.joining(target, mail, reading)
        process = self._resolver.process_of(target, mail)
        return Placed(
            mail, reading, target, process, decision, flags, joins, opens=opens, kind=mail.kind
        )


def _decides_the_same(today: Decision, before: Decision | None) -> bool:
    """Whether the router decided as before.

    The case writer names the rule `thread` if a thread led to the case.
    """
    if before is None or (today.cases, today.thread_ids) != (before.cases, before.thread_ids):
        return False
    return before.rule in {today.rule, Rule.THREAD}


def _action(mail: PreparedMail) -> str:
    return "appended" if isinstance(mail.command, AppendToCase) else "opened"


def _reason(mail: PreparedMail) -> str:
    return mail.command.reason if isinstance(mail.command, ParkMail | IgnoreMail) else ""
