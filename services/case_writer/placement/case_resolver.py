"""Decides which case a mail belongs to by the current rules, and who takes part in it. Pure."""

import re
from collections.abc import Collection, Mapping
from typing import NamedTuple

import msgspec

from schemas.cases import CommentKind, Decision
from schemas.changes import is_change_id
from schemas.reasons import Resolution, Rule
from services.case_writer.placement.plan import NewCase, Plan, PreparedMail, Target
from services.case_writer.placement.snapshot import Snapshot
from services.case_writer.placement.threads import Threads
from services.case_writer.reading import MailReading
from services.runtime.mail.addresses import base_address
from services.runtime.settings.schema.processes import Rules

MAX_COMPARED_CHARS = 1000
_DEFAULT_RULES = Rules()
MAX_PARTICIPANTS = 500  # bounds the size of a case's document
_REFERENCE = re.compile(r"\[[^\[\]#]{0,50}#[0-9]{1,15}\s{0,4}\]")
# Re:, Odp:, AW:, RE[2]:
_ANSWER_MARKS = re.compile(r"(?:[^\W\d_]{1,5}\s?(?:\[\d{1,3}\])?\s?:\s*)+")


class CaseMatch(NamedTuple):
    """The case that a mail leads to, and what the rules of the case need to know about the mail.

    `doubtful` is true if neither the author takes part in the case nor, for an automatic mail, a
    Message-ID that nobody can guess leads there. `verified` allows the mail to change the
    participants. `number_is_foreign` is true if the number in the mail may belong to another
    system. `joins` are the participants that the case gains.
    """

    target: Target
    decision: Decision
    process: str
    rules: Rules
    kind: CommentKind
    is_closed: bool
    verified: bool
    doubtful: bool
    number_is_foreign: bool
    is_stranger: bool
    joins: tuple[str, ...]

    @property
    def reopens(self) -> bool:
        return self.is_closed and self.rules.reply_to_closed == "reopen" and self.kind == "mail"


class Resolved(NamedTuple):
    """The case of a mail, None if it belongs to none, and the decision with its resolution.

    `reserved_by` is the case that reserved one of the mail's ids, if any: a mail that does not join
    that case refers to it.
    """

    match: CaseMatch | None
    decision: Decision
    reserved_by: Target | None


class CaseResolver:
    """Reads the snapshot and the plan of the batch so far; changes neither."""

    def __init__(
        self,
        snapshot: Snapshot,
        plan: Plan,
        threads: Threads,
        own_addresses: frozenset[str],
        rules: Mapping[str, Rules],
    ) -> None:
        self._snapshot = snapshot
        self._plan = plan
        self._threads = threads
        self._own_addresses = own_addresses
        self._rules = rules

    def resolve(self, mail: PreparedMail, reading: MailReading) -> Resolved:
        """The case of the mail, and what its rules need to know."""
        target, decision = self.find(mail, reading)
        match = None if target is None else self.match(target, mail, reading, decision)
        return Resolved(match, decision, self._threads.reserved_by(mail, reading))

    def find(
        self, mail: PreparedMail, reading: MailReading, *, without: Collection[int] = ()
    ) -> tuple[Target | None, Decision]:
        """An existing case, or one opened earlier in this batch; None if the mail belongs to none.

        A Message-ID that is only reserved counts if the author takes part in its case, and if that
        case is not in `without`.
        """
        decision = mail.decision
        only_own = self.rules_of(mail.process).reference_scope == "process"
        for number in decision.cases:
            known = self._snapshot.cases.get(number)
            if known is None:
                continue
            if only_own and known.process != mail.process and not _is_by_person(mail):
                decision = resolved(decision, Resolution.OTHER_PROCESS)
                continue
            return self._followed(number), decision
        if decision.cases and decision.resolution is None:
            decision = resolved(decision, Resolution.NO_SUCH_CASE)
        for thread in self._threads.leading(mail, reading):
            target = thread.target
            is_excluded = target in without and not thread.is_own
            if thread.is_claimed or (not is_excluded and self.takes_part(target, mail, reading)):
                followed = self._followed(target) if isinstance(target, int) else target
                return followed, _by_thread(decision, thread.message_id)
        return None, decision

    def match(
        self, target: Target, mail: PreparedMail, reading: MailReading, decision: Decision
    ) -> CaseMatch:
        """What the rules of the case need to know about the mail."""
        kind, process = mail.kind, self.process_of(target, mail)
        rules = self.rules_of(process)
        verified = _is_by_person(mail) or self.takes_part(target, mail, reading)
        is_proven = kind != "mail" and self.is_proven(target, mail)
        doubtful = not verified and not is_proven
        refers = rules.number_from_strangers == "refer" and rules.reply_from == "anyone"
        return CaseMatch(
            target=target,
            decision=decision,
            process=process,
            rules=rules,
            kind=kind,
            is_closed=self.is_closed(target),
            verified=verified,
            doubtful=doubtful,
            number_is_foreign=doubtful
            and refers
            and self._is_foreign_number(target, mail, reading),
            is_stranger=not verified and not (kind == "bounce" and is_proven),
            joins=self.joining(target, mail, reading) if verified and kind == "mail" else (),
        )

    def belongs_elsewhere(
        self, mail: PreparedMail, reading: MailReading, copy: tuple[Target, str]
    ) -> bool:
        """Whether a participant's mail belongs to another case than its first copy, of which `copy`
        has the case and the key.

        Whoever receives the mail, too, can send it first, and would so keep it from its case. Only
        a copy that failed authentication can have been placed wrongly: otherwise, the cases have
        changed since.
        """
        case, key = copy
        if not self._was_refused(key) or (isinstance(case, int) and self._followed(case) != case):
            return False
        match = self.resolve(mail, reading).match
        if match is None or not match.verified or match.kind != "mail":
            return False
        if match.is_closed and match.rules.reply_to_closed == "new-case":
            return False
        return match.target != case

    def _was_refused(self, key: str) -> bool:
        """Whether a mail that failed authentication opened a case, and no one has moved it
        since.
        """
        opened = self._plan.opened.get(key)
        if opened is not None:
            decisions = [placed.decision for placed in self._plan.placed if placed.mail.key == key]
            return any(decision.authentication == "fail" for decision in decisions)
        first = self._snapshot.mails.get(key)
        if first is None or first.decision is None or first.outcome != "opened":
            return False
        was_moved = first.moved_from is not None or is_change_id(first.written_by)
        return first.decision.authentication == "fail" and not was_moved

    def rules_of(self, process: str) -> Rules:
        return self._rules.get(process) or _DEFAULT_RULES

    def process_of(self, target: Target, mail: PreparedMail) -> str:
        if isinstance(target, NewCase):
            return target.process
        known = self._snapshot.cases.get(target)
        return known.process if known else mail.process

    def is_closed(self, target: Target) -> bool:
        known = None if isinstance(target, NewCase) else self._snapshot.cases.get(target)
        return known is not None and known.status == "closed"

    def joining(self, target: Target, mail: PreparedMail, reading: MailReading) -> tuple[str, ...]:
        """The addresses that a participant's mail adds to the case.

        Anyone can write a participant's address as From. Later answers go to all participants.
        Recipients therefore become participants only if the mail is authenticated or answers a mail
        of ours.
        """
        present = self.participants(target)
        addresses = [reading.author.address]
        if self._may_bring_in(target, mail):
            addresses += [recipient.address for recipient in reading.recipients]
        wanted: dict[str, str] = {}
        for address in addresses:
            key = comparable(address)
            if key and key not in present and not self._is_own(key):
                wanted.setdefault(key, address)
        return tuple(wanted.values())[: max(0, MAX_PARTICIPANTS - len(present))]

    def takes_part(self, target: Target, mail: PreparedMail, reading: MailReading) -> bool:
        """Whether the mail's author is a participant: every right in a case depends on it."""
        is_forged = mail.decision.authentication == "fail"
        return not is_forged and comparable(reading.author.address) in self.participants(target)

    def is_proven(self, target: Target, mail: PreparedMail) -> bool:
        """Whether the mail has an id that nobody can guess: an id signed for this case, or the id
        of a mail in it.
        """
        decision = mail.decision
        if target in decision.signed:
            return True
        found = [self._threads.find(mail.process, message_id) for message_id in decision.thread_ids]
        return any(
            thread is not None and thread[1] is not None and thread[0] == target for thread in found
        )

    def participants(self, target: Target) -> Collection[str]:
        """The participants, normalized for comparison, including those who joined earlier in this
        batch.
        """
        if isinstance(target, NewCase):
            return {comparable(address) for address in target.participants}
        known = self._snapshot.cases.get(target)
        joined = self._plan.joined.get(target, ())
        return {
            comparable(address) for address in (*(known.participants if known else ()), *joined)
        }

    def _followed(self, number: int) -> int:
        """The case that a number leads to now: a merged case leads to the one that it was merged
        into.
        """
        seen = {number}
        while (
            known := self._snapshot.cases.get(number)
        ) is not None and known.merged_into is not None:
            if known.merged_into in seen or known.merged_into not in self._snapshot.cases:
                break
            number = known.merged_into
            seen.add(number)
        return number

    def _is_foreign_number(self, target: Target, mail: PreparedMail, reading: MailReading) -> bool:
        """Whether nothing but a number in a subject leads to the case, not even its title."""
        addressed: set[Target] = {self._followed(number) for number in mail.decision.addressed}
        if target in addressed or self.is_proven(target, mail):
            return False
        known = None if isinstance(target, NewCase) else self._snapshot.cases.get(target)
        return known is not None and bare_title(known.title) != bare_title(reading.subject)

    def _may_bring_in(self, target: Target, mail: PreparedMail) -> bool:
        decision = mail.decision
        if isinstance(target, NewCase):
            return decision.authentication != "fail"
        is_answer = target in decision.signed and decision.authentication != "fail"
        return decision.authentication == "pass" or is_answer

    def _is_own(self, address: str) -> bool:
        return address in self._own_addresses or base_address(address) in self._own_addresses


def bare_title(subject: str) -> str:
    """A subject without references and reply prefixes, to compare by."""
    line = " ".join(_REFERENCE.sub(" ", subject[:MAX_COMPARED_CHARS]).split())
    marks = _ANSWER_MARKS.match(line)
    return line[marks.end() if marks else 0 :].casefold()


def _is_by_person(mail: PreparedMail) -> bool:
    """Whether a person put the mail into the case: they vouch for its author."""
    return mail.decision.rule == Rule.BY_PERSON and mail.command.mail.origin == "retry"


def comparable(address: str) -> str:
    # RFC 5321 section 2.4 leaves the case of the local part to its server; people write it either
    # way.
    return address.lower()


def resolved(decision: Decision, resolution: str | None) -> Decision:
    return msgspec.structs.replace(decision, resolution=resolution)


def _by_thread(decision: Decision, message_id: str) -> Decision:
    evidence = [*decision.evidence, message_id]
    return msgspec.structs.replace(decision, rule=Rule.THREAD, evidence=evidence)
