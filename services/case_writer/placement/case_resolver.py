"""Which case a mail belongs to by today's rules, and who takes part in it. Pure."""

import re
from collections import defaultdict
from collections.abc import Collection, Mapping

import msgspec

from schemas.cases import Decision
from services.case_writer.placement.plan import NewCase, Plan, PreparedMail, Target
from services.case_writer.placement.snapshot import Snapshot
from services.case_writer.placement.threads import Threads
from services.case_writer.reading import MailReading
from services.runtime.mail.addresses import base_address
from services.runtime.settings.schema import Rules

UNVERIFIED_SENDER = "unverified-sender"
OTHER_PROCESS = "other-process"  # the resolution of a mail whose number is a case's that it may not lead to
MAX_TITLE_CHARS = 1000
_REFERENCE = re.compile(r"\[[^\[\]#]{0,50}#[0-9]{1,15}\s{0,4}\]")
_ANSWER_MARKS = re.compile(r"(?:[^\W\d_]{1,5}\s?(?:\[\d{1,3}\])?\s?:\s*)+")  # Re:, Odp:, AW:, RE[2]:
MAX_PARTICIPANTS = 500  # a case's document stays small however many write to it


class CaseResolver:
    """Answers from what is known and what the batch planned so far; `joining` notes whom it allows."""

    def __init__(
        self, known: Snapshot, plan: Plan, threads: Threads, own_addresses: frozenset[str], rules: Mapping[str, Rules]
    ) -> None:
        self._known = known
        self._plan = plan
        self._threads = threads
        self._own_addresses = own_addresses
        self._rules = rules
        self._joined: dict[int, list[str]] = defaultdict(list)

    def rules_of(self, process: str) -> Rules:
        return self._rules.get(process) or Rules()

    def of(
        self, item: PreparedMail, reading: MailReading, *, without: Collection[int] = ()
    ) -> tuple[Target | None, Decision]:
        """An existing case, or one opened earlier in this batch; None where the mail belongs to none.

        `without` is as for `Threads.target`.
        """
        decision = item.command.decision
        own_process = item.command.mail.process
        only_own = self.rules_of(own_process).reference_scope == "process"
        for number in decision.cases:
            known = self._known.cases.get(number)
            if known is None:
                continue
            if only_own and known.process != own_process:
                decision = resolved(decision, OTHER_PROCESS)
                continue
            return self._followed(number), decision
        if decision.cases and decision.resolution is None:
            decision = resolved(decision, "no-such-case")
        target, decision = self._threads.target(
            item,
            reading,
            decision,
            takes_part=lambda target: self.takes_part(target, item, reading),
            without=without,
        )
        return (self._followed(target) if isinstance(target, int) else target), decision

    def _followed(self, number: int) -> int:
        """The case that a number leads to now: a merged case leads to the one that took it in."""
        seen = {number}
        while (known := self._known.cases.get(number)) is not None and known.merged_into is not None:
            if known.merged_into in seen or known.merged_into not in self._known.cases:
                break
            number = known.merged_into
            seen.add(number)
        return number

    def exists(self, number: int) -> bool:
        return number in self._known.cases

    def process_of(self, target: Target, item: PreparedMail) -> str:
        if isinstance(target, NewCase):
            return target.process
        known = self._known.cases.get(target)
        return known.process if known else item.command.mail.process

    def is_closed(self, target: Target) -> bool:
        known = None if isinstance(target, NewCase) else self._known.cases.get(target)
        return known is not None and known.status == "closed"

    def joining(self, target: Target, item: PreparedMail, reading: MailReading) -> tuple[str, ...]:
        """Whom the mail of a participant brings in; a stranger who only knows the number brings in nobody.

        Anyone can write a participant's address as From. Later answers go to those who join, so
        recipients join only by a mail that is authenticated or answers a mail of ours.
        """
        present = self.participants(target)
        addresses = [reading.author.address]
        if self._may_bring_in(target, item):
            addresses += [one.address for one in reading.recipients]
        wanted: dict[str, str] = {}
        for address in addresses:
            key = comparable(address)
            if key and key not in present and not self._is_own(key):
                wanted.setdefault(key, address)
        joins = tuple(wanted.values())[: max(0, MAX_PARTICIPANTS - len(present))]
        (target.participants if isinstance(target, NewCase) else self._joined[target]).extend(joins)
        return joins

    def takes_part(self, target: Target, item: PreparedMail, reading: MailReading) -> bool:
        """Whether the mail's author is a participant: what every right in a case depends on."""
        is_forged = item.command.decision.authentication == "fail"
        return not is_forged and comparable(reading.author.address) in self.participants(target)

    def is_proven(self, target: Target, item: PreparedMail) -> bool:
        """Whether the mail has what nobody can guess: a signed id of this case, or the id of a mail in it."""
        decision = item.command.decision
        if target in decision.signed:
            return True
        found = [self._threads.find(item.command.mail.process, one) for one in decision.thread_ids]
        return any(one is not None and one[1] is not None and one[0] == target for one in found)

    def is_foreign_number(self, target: Target, item: PreparedMail, reading: MailReading) -> bool:
        """Whether the number may be another system's: nothing else leads to the case, not even its title."""
        if item.command.decision.rule != "case-reference" or self.is_proven(target, item):
            return False
        known = None if isinstance(target, NewCase) else self._known.cases.get(target)
        return known is not None and bare_title(known.title) != bare_title(reading.subject)

    def _may_bring_in(self, target: Target, item: PreparedMail) -> bool:
        decision = item.command.decision
        if isinstance(target, NewCase):
            return decision.authentication != "fail"
        return decision.authentication == "pass" or (target in decision.signed and decision.authentication != "fail")

    def participants(self, target: Target) -> Collection[str]:
        """Who takes part, earlier mails of this batch counted, in the form to compare by."""
        if isinstance(target, NewCase):
            return {comparable(one) for one in target.participants}
        known = self._known.cases.get(target)
        return {comparable(one) for one in (*(known.participants if known else ()), *self._joined[target])}

    def _is_own(self, address: str) -> bool:
        return address in self._own_addresses or base_address(address) in self._own_addresses


def bare_title(subject: str) -> str:
    """A subject without references and the marks of answers, to compare by."""
    line = " ".join(_REFERENCE.sub(" ", subject[:MAX_TITLE_CHARS]).split())
    marks = _ANSWER_MARKS.match(line)
    return line[marks.end() if marks else 0 :].casefold()


def comparable(address: str) -> str:
    # RFC 5321 section 2.4 leaves the case of the local part to its server; in practice people write it either way.
    return address.lower()


def resolved(decision: Decision, resolution: str | None) -> Decision:
    return msgspec.structs.replace(decision, resolution=resolution)


def decided_before(item: PreparedMail) -> bool:
    """A mail that a person retried, or one that is known to have been in a case, was let through before."""
    mail = item.command.mail
    return mail.origin == "retry" or (mail.replay is not None and mail.replay.case is not None)
