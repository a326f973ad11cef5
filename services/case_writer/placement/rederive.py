"""Recorded mails read and decided anew, in place: what stands, what is replaced, what goes to another case. Pure.

What decides whether a mail belongs elsewhere is whether the rules say otherwise of it than they did: the router's, and
the process's settings `reply_from`, `reference_scope` and `reply_to_closed`. A state that has changed since (a case
closed, a thread come together) moves nothing, nor does a limit of new cases.
"""

from msgspec import structs

from schemas.cases import AppendToCase, CommentKind, Decision, IgnoreMail, ParkMail
from services.case_writer.placement.case_resolver import UNVERIFIED_SENDER, CaseResolver
from services.case_writer.placement.plan import (
    FAILURES,
    Mismatch,
    NewCase,
    Placed,
    Plan,
    PreparedMail,
    RederivedMail,
    Target,
    UpdatedVerdict,
)
from services.case_writer.placement.restore import NUMBER_TAKEN
from services.case_writer.placement.rule_changes import NOT_A_PARTICIPANT, RuleChanges
from services.case_writer.placement.snapshot import RecordedMail, Snapshot
from services.case_writer.placement.threads import COPY, MESSAGE_ID_REUSED, Threads
from services.case_writer.reading import MailReading
from services.casework.erasure.redaction import ERASED_FLAG

_PLACING_FLAGS = frozenset({UNVERIFIED_SENDER, MESSAGE_ID_REUSED, NUMBER_TAKEN})  # as it was when the mail was placed
DISCARDED = "discarded"  # by a person, whose word stands


class Rederiving:
    """Reconsiders recorded mails of one batch, adding to its plan."""

    def __init__(self, known: Snapshot, plan: Plan, threads: Threads, targets: CaseResolver) -> None:
        self._known = known
        self._plan = plan
        self._threads = threads
        self._targets = targets
        self._rule_changes = RuleChanges(known, targets)

    def moves_into_a_case(self, item: PreparedMail, recorded: RecordedMail) -> bool:
        """Whether the rules of today give a mail without a case another outcome; then it is placed like a new one."""
        return recorded.reason != DISCARDED and not self._stays_aside(item, recorded)

    def reconsider(self, item: PreparedMail, recorded: RecordedMail) -> None:
        """Plan what is to be replaced; note where the mail would go if it may not move."""
        if recorded.case is None:
            self._reconsider_aside(item, recorded)
            return
        if ERASED_FLAG in (comment.flags if (comment := self._known.comments.get(item.key)) else ()):
            return  # a person's data was erased, and the archive does not bring it back
        if item.reading is None or item.key not in self._known.comments or recorded.case not in self._known.cases:
            self._plan.differs[item.key] = Mismatch(None, _reason(item) or "damaged")
            return
        target, decision, detail = self._today(item, item.reading, recorded, recorded.case)
        replay = item.command.mail.replay
        if detail and (target is None or replay is None or not replay.move):
            self._plan.differs[item.key] = Mismatch(target, detail)
            target, decision = recorded.case, recorded.decision or decision
        stays = recorded.case if target is None else target
        self._reread(item, item.reading, recorded, stays, decision)

    def _reconsider_aside(self, item: PreparedMail, recorded: RecordedMail) -> None:
        if recorded.reason == DISCARDED:
            return
        if not self._stays_aside(item, recorded):
            self._plan.differs[item.key] = Mismatch(None, _reason(item) or _action(item))
            return
        decision, reason = item.command.decision, _reason(item)
        if reason and (decision, reason) != (recorded.decision, recorded.reason):
            self._plan.reconsidered.append(UpdatedVerdict(item, recorded, reason, decision))

    def _stays_aside(self, item: PreparedMail, recorded: RecordedMail) -> bool:
        command = item.command
        if recorded.reason == COPY and item.reading is not None and self._threads.copy_of(item, item.reading):
            return True
        if isinstance(command, ParkMail | IgnoreMail):
            return recorded.outcome == ("parked" if isinstance(command, ParkMail) else "ignored")
        if recorded.reason == NOT_A_PARTICIPANT and item.reading is not None:
            same = _says_the_same(command.decision, recorded.decision)
            return same and self._rule_changes.still_held(item, item.reading)
        failed = (recorded.reason or "").startswith(("cannot-be-classified", *FAILURES))
        return not failed and _says_the_same(command.decision, recorded.decision)

    def _today(
        self, item: PreparedMail, reading: MailReading, recorded: RecordedMail, case: int
    ) -> tuple[Target | None, Decision, str]:
        """Where the mail belongs by today's rules, the decision, and what differs: empty where it stays."""
        command = item.command
        if isinstance(command, ParkMail | IgnoreMail):
            return None, command.decision, command.reason
        if recorded.decision is not None and _says_the_same(command.decision, recorded.decision):
            change = self._rule_changes.of(item, reading, recorded)
            if change is not None:
                return change.target, change.decision, change.setting
            return case, structs.replace(recorded.decision, flags=command.decision.flags), ""
        target, decision = self._targets.of(item, reading, without=(case,))
        if target == case or (target is None and recorded.outcome == "opened"):
            return case, decision, ""
        if target is not None:
            return self._admitted(target, item, reading, recorded, decision)
        if isinstance(command, AppendToCase) and command.otherwise != "open":
            return None, decision, command.reason or decision.rule
        return NewCase(item.command.mail.process), decision, decision.rule

    def _admitted(
        self, target: Target, item: PreparedMail, reading: MailReading, recorded: RecordedMail, decision: Decision
    ) -> tuple[Target | None, Decision, str]:
        """As `_today` for a case that the mail was not in; its process may not let the mail in."""
        setting = self._rule_changes.refusal(target, item, reading)
        if setting is None:
            return target, decision, decision.rule
        change = self._rule_changes.elsewhere(target, item, decision, setting)
        if recorded.outcome == "opened" and change.target is not None:
            return recorded.case, change.decision, ""
        return change.target, change.decision, setting

    def _reread(
        self, item: PreparedMail, reading: MailReading, recorded: RecordedMail, target: Target, decision: Decision
    ) -> None:
        comment = self._known.comments[item.key]
        kind: CommentKind = item.command.kind if isinstance(item.command, AppendToCase) else "mail"
        opens = isinstance(target, NewCase)
        if isinstance(target, NewCase):
            self._plan.new_cases.append(target)
        if target == recorded.case:
            flags = tuple(flag for flag in comment.flags if flag in _PLACING_FLAGS)
            verified = UNVERIFIED_SENDER not in flags and reading.author.address != comment.author.address
        else:
            verified = opens or self._targets.takes_part(target, item, reading)
            known_report = kind == "bounce" and self._targets.is_proven(target, item)
            flags = () if verified or known_report else (UNVERIFIED_SENDER,)
        joins = self._targets.joining(target, item, reading) if verified and kind == "mail" else ()
        self._threads.claim_if_free(item, reading, target)
        process = self._targets.process_of(target, item)
        placed = Placed(item, reading, target, process, decision, flags, joins, opens=opens, kind=kind)
        self._plan.reread.append(RederivedMail(placed, recorded, comment))


def _says_the_same(today: Decision, before: Decision | None) -> bool:
    """Whether the router decided as it did; the case writer names the rule `thread` where a thread led to the case."""
    if before is None or (today.cases, today.thread_ids) != (before.cases, before.thread_ids):
        return False
    return before.rule in {today.rule, "thread"}


def _action(item: PreparedMail) -> str:
    return "appended" if isinstance(item.command, AppendToCase) else "opened"


def _reason(item: PreparedMail) -> str:
    return item.command.reason if isinstance(item.command, ParkMail | IgnoreMail) else ""
