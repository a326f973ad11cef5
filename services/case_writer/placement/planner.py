"""Which case each mail of a batch belongs to. Pure: a snapshot in, a plan out.

The order of mails is never assumed. A mail claims its own Message-ID and reserves the ids that it
refers to. Whichever of two mails of a thread is processed second therefore joins the case of the
first. A reserved id proves nothing if the author of the second mail takes no part in that case: the
mail then opens a case of its own and claims its id for it. Unique keys in the database decide races
between writers. The loser plans again with what the winner wrote.

The other modules of this folder return decisions; only this one writes them into the plan.
"""

from collections.abc import Mapping, Sequence

from msgspec import structs

from schemas.cases import AppendToCase, Decision, IgnoreMail, ParkMail
from schemas.flags import CommentFlag
from schemas.reasons import IgnoreReason, ParkReason, Resolution
from schemas.stored import Outcome, thread_id
from services.case_writer.placement.case_resolver import CaseMatch, CaseResolver, resolved
from services.case_writer.placement.new_case_limits import NewCaseLimits
from services.case_writer.placement.plan import (
    Alert,
    NewCase,
    Placed,
    Plan,
    PreparedMail,
    Rederivation,
    Target,
    ThreadClaims,
    Unassigned,
)
from services.case_writer.placement.rederive import Rederiver
from services.case_writer.placement.restore import WANTING, Restorer
from services.case_writer.placement.snapshot import RecordedMail, Snapshot
from services.case_writer.placement.threads import Threads
from services.case_writer.reading import MailReading
from services.runtime.settings.schema.processes import Rules


def plan(
    mails: Sequence[PreparedMail],
    snapshot: Snapshot,
    *,
    attempt: str,
    own_addresses: frozenset[str] = frozenset(),
    rules: Mapping[str, Rules] | None = None,
) -> Plan:
    """Place each mail.

    `attempt` names this writer's attempt at the batch and is the same over its repetitions.
    `own_addresses`, in lower case, are the mailboxes' own: they take part in no case. `rules` are
    the settings of each process by its name; a process without any has the defaults.
    """
    return _Planner(snapshot, attempt, own_addresses, rules or {}).plan(mails)


class _Planner:
    def __init__(
        self,
        snapshot: Snapshot,
        attempt: str,
        own_addresses: frozenset[str],
        rules: Mapping[str, Rules],
    ) -> None:
        self._snapshot = snapshot
        # A transaction is atomic: if one mail of this attempt is written, all of them are.
        self._is_written = any(mail.written_by == attempt for mail in snapshot.mails.values())
        self._plan = Plan()
        self._seen: set[str] = set()
        self._threads = Threads(snapshot, self._plan)
        self._resolver = CaseResolver(snapshot, self._plan, self._threads, own_addresses, rules)
        self._limits = NewCaseLimits(snapshot, self._plan)
        self._restorer = Restorer(snapshot, self._plan)
        self._rederiver = Rederiver(snapshot, self._threads, self._resolver)

    def plan(self, mails: Sequence[PreparedMail]) -> Plan:
        for mail in mails:
            if not self._deduplicate(mail):
                self._place(mail)
            self._seen.add(mail.key)
        return self._plan

    def _deduplicate(self, mail: PreparedMail) -> bool:
        recorded = self._snapshot.mails.get(mail.key)
        if recorded is not None and self._is_written:
            self._plan.written_before[mail.key] = recorded
            return True
        if mail.key not in self._seen:
            if recorded is None:
                return False
            if self._is_retried(mail, recorded):
                self._plan.retried[mail.key] = recorded
                return False
            if mail.replay is not None and mail.replay.rederive:
                self._write_rederivation(mail, self._rederiver.rederive(mail, recorded))
        if mail.raw.origin not in {"replay", "retry"}:
            self._plan.duplicates.append(mail.key)
        return True

    def _is_retried(self, mail: PreparedMail, recorded: RecordedMail) -> bool:
        """Whether a mail without a case gets another outcome: a person retried it, or what was
        missing is there now.
        """
        if recorded.outcome not in {"parked", "ignored"}:
            return False
        if mail.raw.origin == "retry":
            return True
        if recorded.reason in WANTING:
            return self._restorer.has_what_it_lacked(mail, recorded)
        moves = mail.replay is not None and mail.replay.move
        return moves and self._rederiver.moves_into_a_case(mail, recorded)

    def _write_rederivation(self, mail: PreparedMail, rederivation: Rederivation) -> None:
        if rederivation.mismatch is not None:
            self._plan.mismatches[mail.key] = rederivation.mismatch
        if rederivation.updated is not None:
            self._plan.updated.append(rederivation.updated)
        rederived = rederivation.rederived
        if rederived is None:
            return
        placed = rederived.placed
        if isinstance(placed.target, NewCase):
            self._plan.new_cases.append(placed.target)
        self._write_joins(placed.target, placed.joins)
        self._write_claims(self._threads.claims_if_free(mail, placed.reading, placed.target))
        self._plan.rederived.append(rederived)

    def _place(self, mail: PreparedMail) -> None:
        command = mail.command
        if mail.reading is not None and mail.was_in_a_case:
            self._restore(mail, mail.reading)
        elif isinstance(command, ParkMail):
            self._leave_unassigned(mail, "parked", command.reason, command.decision)
        elif isinstance(command, IgnoreMail):
            self._leave_unassigned(mail, "ignored", command.reason, command.decision)
        elif mail.reading is None:
            raise ValueError(f"mail {mail.key} was not read")
        else:
            self._place_read(mail, mail.reading)

    def _restore(self, mail: PreparedMail, reading: MailReading) -> None:
        """Place the mail in its former case, which the database lost."""
        decision = resolved(mail.decision, Resolution.RESTORED)
        target = self._restorer.target(mail)
        if isinstance(target, ParkReason):
            self._leave_unassigned(mail, "parked", target, resolved(decision, target))
        elif target is None:
            self._open(mail, reading, decision, number=self._restorer.free_number(mail))
        else:
            self._append(mail, reading, self._resolver.match(target, mail, reading, decision))

    def _place_read(self, mail: PreparedMail, reading: MailReading) -> None:
        copy = self._threads.copy_of(mail, reading)
        if copy is not None and not self._is_retried_copy(mail):
            case, key = copy
            if not self._resolver.belongs_elsewhere(mail, reading, copy):
                evidence = [*mail.decision.evidence, key]
                decision = structs.replace(
                    mail.decision, evidence=evidence, resolution=Resolution.COPY
                )
                self._leave_unassigned(mail, "ignored", IgnoreReason.COPY, decision, refers_to=case)
                return
            # Later copies are copies of this mail.
            self._plan.released[thread_id(mail.process, reading.message_id or "")] = key
        resolved_case = self._resolver.resolve(mail, reading)
        if resolved_case.match is None:
            decision, reserved_by = resolved_case.decision, resolved_case.reserved_by
            self._place_without_case(mail, reading, decision, reserved_by)
        else:
            self._place_matched(mail, reading, resolved_case.match)

    def _is_retried_copy(self, mail: PreparedMail) -> bool:
        """Whether a person retries a mail that was ignored as a copy."""
        before = self._plan.retried.get(mail.key)
        return (
            before is not None and before.reason == IgnoreReason.COPY and mail.raw.origin == "retry"
        )

    def _place_matched(
        self,
        mail: PreparedMail,
        reading: MailReading,
        match: CaseMatch,
    ) -> None:
        """Add the mail to the case that it leads to, or do what the rules of the case require
        instead."""
        rules, decision, is_mail = match.rules, match.decision, match.kind == "mail"
        is_closed = match.is_closed and rules.reply_to_closed == "new-case"
        if is_closed and (is_mail or match.doubtful):
            self._refuse(mail, reading, match, Resolution.CASE_CLOSED)
        elif match.doubtful and rules.reply_from == "participants":
            self._refuse(mail, reading, match, Resolution.NOT_A_PARTICIPANT)
        elif match.number_is_foreign:
            self._refuse(mail, reading, match, Resolution.FOREIGN_NUMBER)
        elif not match.doubtful or rules.reply_from != "hold":
            self._append(mail, reading, match)
        elif mail.was_let_through:  # a person let it through
            self._append(mail, reading, match, resolved(decision, Resolution.RELEASED))
        else:
            refused = resolved(decision, Resolution.NOT_A_PARTICIPANT)
            self._leave_unassigned(mail, "parked", ParkReason.NOT_A_PARTICIPANT, refused)

    def _refuse(
        self, mail: PreparedMail, reading: MailReading, match: CaseMatch, why: Resolution
    ) -> None:
        """Keep the mail out of the case. A person's mail opens a case that refers to it. A report
        or an automatic answer is placed as if it led to no case.
        """
        refused = resolved(match.decision, why)
        if match.kind == "mail":
            self._open(mail, reading, refused, refers_to=match.target)
        else:
            self._place_without_case(mail, reading, refused, match.target)

    def _append(
        self,
        mail: PreparedMail,
        reading: MailReading,
        match: CaseMatch,
        decision: Decision | None = None,
    ) -> None:
        target = match.target
        claims = self._threads.claims(mail, reading, target)
        flags = (CommentFlag.UNVERIFIED_SENDER,) if match.is_stranger else ()
        placed = Placed(
            mail,
            reading,
            target,
            match.process,
            decision or match.decision,
            flags=(*flags, *_flags_of(claims)),
            joins=match.joins,
            reopens=match.reopens,
            kind=match.kind,
        )
        if isinstance(target, int) and (known := self._snapshot.cases.get(target)) is not None:
            self._plan.seen[target] = (known.status, known.merged_into)
        self._write_placed(placed, claims)

    def _place_without_case(
        self,
        mail: PreparedMail,
        reading: MailReading,
        decision: Decision,
        reserved_by: Target | None,
    ) -> None:
        command = mail.command
        if not isinstance(command, AppendToCase):
            if reserved_by is not None and decision.resolution is None:
                decision = resolved(decision, Resolution.ID_RESERVED)
            self._open(mail, reading, decision, refers_to=reserved_by)
            return
        missing = Resolution.NO_SUCH_CASE if decision.cases else Resolution.NO_KNOWN_CASE
        decision = resolved(decision, decision.resolution or missing)
        if command.otherwise == "open":
            self._open(mail, reading, decision, refers_to=reserved_by)
        else:
            outcome: Outcome = "parked" if command.otherwise == "park" else "ignored"
            self._leave_unassigned(mail, outcome, command.reason or decision.rule, decision)

    def _open(
        self,
        mail: PreparedMail,
        reading: MailReading,
        decision: Decision,
        *,
        refers_to: Target | None = None,
        number: int | None = None,
    ) -> None:
        if not mail.was_let_through:
            limits = self._limits.check(mail, reading, self._resolver.rules_of(mail.process))
            self._plan.senders.update(limits.senders)
            if limits.alert is not None:
                self._plan.alerts.append(Alert(mail, limits.alert))
            if limits.reason is not None:
                self._leave_unassigned(mail, "parked", limits.reason, decision)
                return
        target = NewCase(mail.process, number=number, refers_to=refers_to)
        joins = self._resolver.joining(target, mail, reading)
        claims = self._threads.claims(mail, reading, target)
        flags = _flags_of(claims)
        if number is None and mail.was_in_a_case:
            flags = (*flags, CommentFlag.NUMBER_TAKEN)
        self._plan.new_cases.append(target)
        self._plan.opened[mail.key] = target
        placed = Placed(mail, reading, target, target.process, decision, flags, joins, opens=True)
        self._write_placed(placed, claims)

    def _leave_unassigned(
        self,
        mail: PreparedMail,
        outcome: Outcome,
        reason: str,
        decision: Decision,
        refers_to: Target | None = None,
    ) -> None:
        self._plan.unassigned.append(Unassigned(mail, outcome, reason, decision, refers_to))

    def _write_placed(self, placed: Placed, claims: ThreadClaims) -> None:
        self._write_joins(placed.target, placed.joins)
        self._plan.placed.append(placed)
        self._write_claims(claims)

    def _write_joins(self, target: Target, joins: Sequence[str]) -> None:
        if isinstance(target, NewCase):
            target.participants.extend(joins)
        elif joins:
            self._plan.joined.setdefault(target, []).extend(joins)

    def _write_claims(self, claims: ThreadClaims) -> None:
        self._plan.threads.update(claims.new)
        self._plan.claims.update(claims.claimed)
        self._plan.digests.update(claims.digests)


def _flags_of(claims: ThreadClaims) -> tuple[str, ...]:
    return (CommentFlag.MESSAGE_ID_REUSED,) if claims.is_reused else ()
