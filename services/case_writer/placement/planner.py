"""Which case each mail of a batch belongs to. Pure: what is known goes in, placements come out.

Order is never assumed. A mail claims its own Message-ID and reserves the ids that it refers to, so that of two mails of
one thread the later joins the earlier one's case, whichever comes first. If the author of the later one takes no part
in that case, a reserved id proves nothing: the mail opens a case of its own and claims its id for that. Unique keys in
the database settle races between writers, and the loser of a race plans again with what the winner wrote.
"""

from collections.abc import Mapping, Sequence

from msgspec import structs

from schemas.cases import AppendToCase, CommentKind, Decision, IgnoreMail, ParkMail
from schemas.stored import Outcome
from services.case_writer.placement.case_resolver import UNVERIFIED_SENDER, CaseResolver, decided_before, resolved
from services.case_writer.placement.new_case_limits import NewCaseLimits, opening_ids
from services.case_writer.placement.plan import NewCase, Placed, Plan, PreparedMail, Target, Unassigned
from services.case_writer.placement.rederive import Rederiving
from services.case_writer.placement.restore import NUMBER_TAKEN, RESTORED, WANTING, Restoring
from services.case_writer.placement.rule_changes import CASE_CLOSED, NOT_A_PARTICIPANT, RELEASED
from services.case_writer.placement.snapshot import RecordedMail, Snapshot, SnapshotQuery
from services.case_writer.placement.threads import COPY, Threads, thread_ids
from services.case_writer.reading import MailReading
from services.runtime.settings.schema import Rules

FOREIGN_NUMBER = "foreign-number"  # the resolution of a stranger's mail whose number may be another system's
ID_RESERVED = "id-reserved"  # the resolution of a mail whose id only a stranger's mail had named


def query(items: Sequence[PreparedMail]) -> SnapshotQuery:
    """Everything that placing these mails may ask about."""
    replays = [item.command.mail.replay for item in items]
    openers = [one.opener for one in replays if one is not None and one.opener is not None]
    mails = dict.fromkeys([*(item.key for item in items), *openers])
    threads = dict.fromkeys(one for item in items for one in thread_ids(item))
    cases = dict.fromkeys(number for item in items for number in item.command.decision.cases)
    cases |= dict.fromkeys(one.case for one in replays if one is not None and one.case is not None)
    read = [(item, item.reading) for item in items if item.reading is not None]
    senders = dict.fromkeys(one for item, reading in read for one in opening_ids(item, reading))
    comments = [item.key for item, one in zip(items, replays, strict=True) if one is not None and one.rederive]
    return SnapshotQuery(list(mails), list(cases), list(threads), list(senders), comments)


def plan(
    items: Sequence[PreparedMail],
    known: Snapshot,
    *,
    attempt: str,
    own_addresses: frozenset[str] = frozenset(),
    rules: Mapping[str, Rules] | None = None,
) -> Plan:
    """Place each mail; `attempt` names this writer's attempt at the batch, the same over its repetitions.

    `own_addresses`, in small letters, are the mailboxes' own: they take part in no case. `rules` are the settings of
    each process by its name; a process without any has the defaults.
    """
    return _Planner(known, attempt, own_addresses, rules or {}).plan(items)


class _Planner:
    def __init__(
        self, known: Snapshot, attempt: str, own_addresses: frozenset[str], rules: Mapping[str, Rules]
    ) -> None:
        self._known = known
        # A transaction is written whole or not at all: one mail of this attempt shows that nothing is left to write.
        self._attempt_is_written = any(one.written_by == attempt for one in known.mails.values())
        self._plan = Plan()
        self._seen: set[str] = set()
        self._threads = Threads(known, self._plan)
        self._targets = CaseResolver(known, self._plan, self._threads, own_addresses, rules)
        self._limits = NewCaseLimits(known, self._plan, self._targets.rules_of)
        self._restoring = Restoring(known)
        self._rederiving = Rederiving(known, self._plan, self._threads, self._targets)

    def plan(self, items: Sequence[PreparedMail]) -> Plan:
        for item in items:
            if not self._came_before(item):
                self._place(item)
            self._seen.add(item.key)
        return self._plan

    def _came_before(self, item: PreparedMail) -> bool:
        recorded = self._known.mails.get(item.key)
        if recorded is not None and self._attempt_is_written:
            self._plan.written_before[item.key] = recorded
            return True
        if item.key not in self._seen:
            if recorded is None:
                return False
            if self._is_tried_again(item, recorded):
                self._plan.retried[item.key] = recorded
                return False
            if (replay := item.command.mail.replay) is not None and replay.rederive:
                self._rederiving.reconsider(item, recorded)
        if item.command.mail.origin not in {"replay", "retry"}:
            self._plan.duplicates.append(item.key)
        return True

    def _is_tried_again(self, item: PreparedMail, recorded: RecordedMail) -> bool:
        """Whether a mail without a case gets another outcome: a person wants it, or what it lacked is there now."""
        if recorded.outcome not in {"parked", "ignored"}:
            return False
        mail = item.command.mail
        if mail.origin == "retry":
            return True
        if recorded.reason in WANTING:
            return self._restoring.has_what_it_wants(item, recorded)
        return mail.replay is not None and mail.replay.move and self._rederiving.moves_into_a_case(item, recorded)

    def _place(self, item: PreparedMail) -> None:
        command = item.command
        if item.reading is not None and self._restoring.was_in_a_case(item):
            self._restore(item, item.reading)
        elif isinstance(command, ParkMail):
            self._set_aside(item, "parked", command.reason, command.decision)
        elif isinstance(command, IgnoreMail):
            self._set_aside(item, "ignored", command.reason, command.decision)
        elif item.reading is None:
            raise ValueError(f"mail {item.key} was not read")
        else:
            self._place_read(item, item.reading)

    def _set_aside(
        self, item: PreparedMail, outcome: Outcome, reason: str, decision: Decision, refers_to: Target | None = None
    ) -> None:
        self._plan.aside.append(Unassigned(item, outcome, reason, decision, refers_to))

    def _restore(self, item: PreparedMail, reading: MailReading) -> None:
        """To the case that the mail was in before the database lost it."""
        decision = resolved(item.command.decision, RESTORED)
        target = self._restoring.target(item)
        if isinstance(target, str):
            self._set_aside(item, "parked", target, resolved(decision, target))
        elif target is None:
            self._open(item, reading, decision, number=self._restoring.free_number(item))
        else:
            kind = item.command.kind if isinstance(item.command, AppendToCase) else "mail"
            verified = self._targets.takes_part(target, item, reading)
            reopens = self._reopens(target, item, kind)
            self._append(item, reading, target, decision, kind=kind, verified=verified, reopens=reopens)

    def _place_read(self, item: PreparedMail, reading: MailReading) -> None:
        copy = self._threads.copy_of(item, reading)
        if copy is not None and not self._is_wanted_all_the_same(item):
            case, key = copy
            evidence = [*item.command.decision.evidence, key]
            decision = structs.replace(item.command.decision, evidence=evidence, resolution=COPY)
            self._set_aside(item, "ignored", COPY, decision, refers_to=case)
            return
        target, decision = self._targets.of(item, reading)
        if target is None:
            self._without_case(item, reading, decision)
            return
        rules = self._targets.rules_of(self._targets.process_of(target, item))
        kind = item.command.kind if isinstance(item.command, AppendToCase) else "mail"
        verified = self._targets.takes_part(target, item, reading)
        doubtful = not verified and (kind == "mail" or not self._targets.is_proven(target, item))
        if self._targets.is_closed(target) and rules.reply_to_closed == "new-case" and kind == "mail":
            self._open(item, reading, resolved(decision, CASE_CLOSED), refers_to=target)
        elif doubtful and rules.reply_from == "participants" and kind != "mail":
            self._without_case(item, reading, resolved(decision, NOT_A_PARTICIPANT))
        elif doubtful and rules.reply_from == "participants":
            self._open(item, reading, resolved(decision, NOT_A_PARTICIPANT), refers_to=target)
        elif self._is_foreign(target, item, reading, rules, doubtful=doubtful and kind == "mail"):
            self._open(item, reading, resolved(decision, FOREIGN_NUMBER), refers_to=target)
        elif doubtful and rules.reply_from == "hold" and not decided_before(item):  # a person lets it through
            self._set_aside(item, "parked", NOT_A_PARTICIPANT, resolved(decision, NOT_A_PARTICIPANT))
        else:
            if doubtful and rules.reply_from == "hold":
                decision = resolved(decision, RELEASED)
            reopens = self._reopens(target, item, kind)
            self._append(item, reading, target, decision, kind=kind, verified=verified, reopens=reopens)

    def _is_wanted_all_the_same(self, item: PreparedMail) -> bool:
        """Whether a person retries a mail that was ignored as a copy."""
        before = self._plan.retried.get(item.key)
        return before is not None and before.reason == COPY and item.command.mail.origin == "retry"

    def _is_foreign(
        self, target: Target, item: PreparedMail, reading: MailReading, rules: Rules, *, doubtful: bool
    ) -> bool:
        refers = rules.number_from_strangers == "refer" and rules.reply_from == "anyone"
        return doubtful and refers and self._targets.is_foreign_number(target, item, reading)

    def _reopens(self, target: Target, item: PreparedMail, kind: CommentKind) -> bool:
        rules = self._targets.rules_of(self._targets.process_of(target, item))
        return self._targets.is_closed(target) and rules.reply_to_closed == "reopen" and kind == "mail"

    def _append(
        self,
        item: PreparedMail,
        reading: MailReading,
        target: Target,
        decision: Decision,
        *,
        kind: CommentKind,
        verified: bool,
        reopens: bool,
    ) -> None:
        joins = self._targets.joining(target, item, reading) if verified and kind == "mail" else ()
        known_report = kind == "bounce" and self._targets.is_proven(target, item)
        stranger = () if verified or known_report else (UNVERIFIED_SENDER,)
        flags = (*stranger, *self._threads.flags(item, reading))
        process = self._targets.process_of(target, item)
        if isinstance(target, int) and (known := self._known.cases.get(target)) is not None:
            self._plan.seen[target] = (known.status, known.merged_into)
        self._plan.placed.append(
            Placed(item, reading, target, process, decision, flags, joins, reopens=reopens, kind=kind)
        )
        self._threads.claim(item, reading, target)

    def _without_case(self, item: PreparedMail, reading: MailReading, decision: Decision) -> None:
        command = item.command
        if not isinstance(command, AppendToCase):
            self._open_own(item, reading, decision)
            return
        resolution = decision.resolution or ("no-such-case" if decision.cases else "no-known-case")
        decision = resolved(decision, resolution)
        if command.otherwise == "open":
            self._open_own(item, reading, decision)
        else:
            outcome: Outcome = "parked" if command.otherwise == "park" else "ignored"
            self._set_aside(item, outcome, command.reason or decision.rule, decision)

    def _open_own(self, item: PreparedMail, reading: MailReading, decision: Decision) -> None:
        """A case of its own, which refers to the case that reserved the mail's id or one that it answers."""
        refers_to = self._threads.reserved_by(item, reading)
        if refers_to is not None and decision.resolution is None:
            decision = resolved(decision, ID_RESERVED)
        self._open(item, reading, decision, refers_to=refers_to)

    def _open(
        self,
        item: PreparedMail,
        reading: MailReading,
        decision: Decision,
        *,
        refers_to: Target | None = None,
        number: int | None = None,
    ) -> None:
        reason = None if decided_before(item) else self._limits.exceeded(item, reading)
        if reason is not None:
            self._set_aside(item, "parked", reason, decision)
            return
        target = NewCase(item.command.mail.process, number=number, refers_to=refers_to)
        self._plan.new_cases.append(target)
        self._restoring.opens(item, target)
        joins = self._targets.joining(target, item, reading)
        flags = self._threads.flags(item, reading)
        if number is None and self._restoring.was_in_a_case(item):
            flags = (*flags, NUMBER_TAKEN)
        self._plan.placed.append(Placed(item, reading, target, target.process, decision, flags, joins, opens=True))
        self._threads.claim(item, reading, target)
