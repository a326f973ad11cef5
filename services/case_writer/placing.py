"""Which case each mail of a batch belongs to. Pure: what is known goes in, placements come out.

Order is never assumed. A mail claims its own Message-ID and reserves the ids that it refers to, so that of two mails of
one thread the later joins the earlier one's case, whichever comes first; unique keys in the database settle races
between writers, and the loser of a race plans again with what the winner wrote.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import msgspec

from schemas.cases import AppendToCase, CommentKind, Decision, IgnoreMail, ParkMail
from schemas.stored import Outcome, thread_id
from services.case_writer.known import Known, Openings, Query
from services.case_writer.plan import Alert, Aside, Item, NewCase, Placed, Plan, Target
from services.case_writer.reading import MailReading
from services.runtime.settings_shapes import Rules

UNVERIFIED_SENDER = "unverified-sender"
NOT_A_PARTICIPANT = "not-a-participant"
TOO_MANY_NEW_CASES = "too-many-new-cases"
MAX_PARTICIPANTS = 500  # a case's document stays small however many write to it
MAX_RESERVED = 20  # Message-IDs reserved for one mail; a References header may hold hundreds


def query(items: Sequence[Item]) -> Query:
    """Everything that placing these mails may ask about."""
    threads = dict.fromkeys(one for item in items for one in _thread_ids(item))
    cases = dict.fromkeys(number for item in items for number in item.command.decision.cases)
    senders = dict.fromkeys(_sender_id(item, item.reading) for item in items if item.reading is not None)
    return Query([item.key for item in items], list(cases), list(threads), list(senders))


def plan(
    items: Sequence[Item],
    known: Known,
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
    def __init__(self, known: Known, attempt: str, own_addresses: frozenset[str], rules: Mapping[str, Rules]) -> None:
        self._known = known
        self._own_addresses = own_addresses
        self._rules = rules
        # A transaction is written whole or not at all: one mail of this attempt shows that nothing is left to write.
        self._attempt_is_written = any(one.written_by == attempt for one in known.mails.values())
        self._plan = Plan()
        self._seen: set[str] = set()
        self._joined: dict[int, list[str]] = defaultdict(list)

    def plan(self, items: Sequence[Item]) -> Plan:
        for item in items:
            if not self._came_before(item):
                self._place(item)
            self._seen.add(item.key)
        return self._plan

    def _came_before(self, item: Item) -> bool:
        recorded = self._known.mails.get(item.key)
        if recorded is not None and self._attempt_is_written:
            self._plan.written_before[item.key] = recorded
            return True
        if recorded is None and item.key not in self._seen:
            return False
        origin = item.command.mail.origin
        if origin == "retry" and recorded and recorded.outcome in {"parked", "ignored"} and item.key not in self._seen:
            self._plan.retried[item.key] = recorded
            return False
        if origin not in {"replay", "retry"}:
            self._plan.duplicates.append(item.key)
        return True

    def _place(self, item: Item) -> None:
        command = item.command
        if isinstance(command, ParkMail):
            self._set_aside(item, "parked", command.reason, command.decision)
        elif isinstance(command, IgnoreMail):
            self._set_aside(item, "ignored", command.reason, command.decision)
        elif item.reading is None:
            raise ValueError(f"mail {item.key} was not read")
        else:
            self._place_read(item, item.reading)

    def _set_aside(self, item: Item, outcome: Outcome, reason: str, decision: Decision) -> None:
        self._plan.aside.append(Aside(item, outcome, reason, decision))

    def _place_read(self, item: Item, reading: MailReading) -> None:
        target, decision = self._target(item, reading)
        if target is None:
            self._without_case(item, reading, decision)
            return
        process = self._process(target, item)
        rules = self._rules_of(process)
        kind = item.command.kind if isinstance(item.command, AppendToCase) else "mail"
        verified = _comparable(reading.author.address) in self._participants(target)
        closed = self._is_closed(target)
        if closed and rules.reply_to_closed == "new-case" and kind == "mail":
            self._open(item, reading, _resolved(decision, "case-closed"), refers_to=target)
        elif not verified and kind == "mail" and rules.reply_from == "participants" and not _decided_by_person(item):
            self._open(item, reading, _resolved(decision, NOT_A_PARTICIPANT), refers_to=target)
        elif not verified and kind == "mail" and rules.reply_from == "hold" and not _decided_by_person(item):
            self._set_aside(item, "parked", NOT_A_PARTICIPANT, _resolved(decision, NOT_A_PARTICIPANT))
        else:
            reopens = closed and rules.reply_to_closed == "reopen" and kind == "mail"
            self._append(item, reading, target, decision, kind=kind, verified=verified, reopens=reopens)

    def _append(
        self,
        item: Item,
        reading: MailReading,
        target: Target,
        decision: Decision,
        *,
        kind: CommentKind,
        verified: bool,
        reopens: bool,
    ) -> None:
        joins = self._joining(target, reading) if verified and kind == "mail" else ()
        stranger = () if verified or kind == "bounce" else (UNVERIFIED_SENDER,)
        flags = (*stranger, *self._own_flags(item, reading))
        process = self._process(target, item)
        self._plan.placed.append(
            Placed(item, reading, target, process, decision, flags, joins, reopens=reopens, kind=kind)
        )
        self._claim(item, reading, target)

    def _without_case(self, item: Item, reading: MailReading, decision: Decision) -> None:
        command = item.command
        if not isinstance(command, AppendToCase):
            self._open(item, reading, decision)
            return
        resolution = decision.resolution or ("no-such-case" if decision.cases else "no-known-case")
        decision = _resolved(decision, resolution)
        if command.otherwise == "open":
            self._open(item, reading, decision)
        else:
            outcome: Outcome = "parked" if command.otherwise == "park" else "ignored"
            self._set_aside(item, outcome, command.reason or decision.rule, decision)

    def _open(self, item: Item, reading: MailReading, decision: Decision, *, refers_to: Target | None = None) -> None:
        if not self._may_open(item, reading):
            self._set_aside(item, "parked", TOO_MANY_NEW_CASES, decision)
            return
        target = NewCase(item.command.mail.process, refers_to=refers_to if isinstance(refers_to, int) else None)
        self._plan.new_cases.append(target)
        joins = self._joining(target, reading)
        flags = self._own_flags(item, reading)
        self._plan.placed.append(Placed(item, reading, target, target.process, decision, flags, joins, opens=True))
        self._claim(item, reading, target)

    def _may_open(self, item: Item, reading: MailReading) -> bool:
        """Count a new case for its sender; False where he has had too many within the window, before or after."""
        rules = self._rules_of(item.command.mail.process)
        limit, window = rules.max_new_cases_per_sender, timedelta(seconds=rules.new_cases_window_s)
        if not limit or not reading.author.address or _decided_by_person(item):
            return True
        sender, at = _sender_id(item, reading), _time(item)
        openings = self._plan.senders.get(sender) or self._known.senders.get(sender) or Openings()
        if sum(abs(at - one) < window for one in openings.times) < limit:
            times = tuple(sorted([*openings.times, at])[-limit:])
            self._plan.senders[sender] = replace(openings, times=times)
            return True
        if openings.alerted_at is None or abs(at - openings.alerted_at) >= window:
            self._plan.alerts.append(Alert(item, reading.author.address))
            self._plan.senders[sender] = replace(openings, alerted_at=at)
        return False

    def _own_flags(self, item: Item, reading: MailReading) -> tuple[str, ...]:
        return ("message-id-reused",) if self._own_id_is_taken(item, reading) else ()

    def _rules_of(self, process: str) -> Rules:
        return self._rules.get(process) or Rules()

    def _is_closed(self, target: Target) -> bool:
        known = None if isinstance(target, NewCase) else self._known.cases.get(target)
        return known is not None and known.status == "closed"

    def _target(self, item: Item, reading: MailReading) -> tuple[Target | None, Decision]:
        """An existing case, or one opened earlier in this batch; None where the mail belongs to none."""
        decision = item.command.decision
        own_process = item.command.mail.process
        only_own = self._rules_of(own_process).reference_scope == "process"
        for number in decision.cases:
            known = self._known.cases.get(number)
            if known is None:
                continue
            if only_own and known.process != own_process:
                decision = _resolved(decision, "other-process")
                continue
            return number, decision
        if decision.cases and decision.resolution is None:
            decision = _resolved(decision, "no-such-case")
        return self._by_thread(item, reading, decision)

    def _by_thread(self, item: Item, reading: MailReading, decision: Decision) -> tuple[Target | None, Decision]:
        process = item.command.mail.process
        own = reading.message_id
        for message_id in decision.thread_ids:
            found = self._thread(thread_id(process, message_id))
            if found and message_id != own:
                return found[0], _thread_decision(decision, message_id)
        reserved = self._thread(thread_id(process, own)) if own else None
        if own and reserved and reserved[1] is None:
            return reserved[0], _thread_decision(decision, own)
        return None, decision

    def _thread(self, key: str) -> tuple[Target, str | None] | None:
        if key in self._plan.claims:
            return self._plan.claims[key]
        if key in self._plan.threads:
            return self._plan.threads[key]
        known = self._known.threads.get(key)
        return (known.case, known.claimed_by) if known else None

    def _own_id_is_taken(self, item: Item, reading: MailReading) -> bool:
        if reading.message_id is None:
            return False
        found = self._thread(thread_id(item.command.mail.process, reading.message_id))
        return found is not None and found[1] is not None

    def _claim(self, item: Item, reading: MailReading, target: Target) -> None:
        process = item.command.mail.process
        if reading.message_id:
            key = thread_id(process, reading.message_id)
            found = self._thread(key)
            if found is None or (found[1] is None and key in self._plan.threads):
                self._plan.threads[key] = (target, item.key)
            elif found[1] is None:
                self._plan.claims[key] = (target, item.key)
        for message_id in item.command.decision.thread_ids[:MAX_RESERVED]:
            key = thread_id(process, message_id)
            if self._thread(key) is None:
                self._plan.threads[key] = (target, None)

    def _joining(self, target: Target, reading: MailReading) -> tuple[str, ...]:
        """Whom the mail of a participant brings in; a stranger who only knows the number brings in nobody."""
        present = self._participants(target)
        addresses = [reading.author.address, *(one.address for one in reading.recipients)]
        wanted: dict[str, str] = {}
        for address in addresses:
            key = _comparable(address)
            if key and key not in present and not self._is_own(key):
                wanted.setdefault(key, address)
        joins = tuple(wanted.values())[: max(0, MAX_PARTICIPANTS - len(present))]
        (target.participants if isinstance(target, NewCase) else self._joined[target]).extend(joins)
        return joins

    def _is_own(self, address: str) -> bool:
        """Also with `+235` or the like behind the local part (RFC 5233)."""
        local, _, domain = address.rpartition("@")
        return address in self._own_addresses or f"{local.partition('+')[0]}@{domain}" in self._own_addresses

    def _participants(self, target: Target) -> Collection[str]:
        """Who takes part, earlier mails of this batch counted, in the form to compare by."""
        if isinstance(target, NewCase):
            return {_comparable(one) for one in target.participants}
        known = self._known.cases.get(target)
        return {_comparable(one) for one in (*(known.participants if known else ()), *self._joined[target])}

    def _process(self, target: Target, item: Item) -> str:
        if isinstance(target, NewCase):
            return target.process
        known = self._known.cases.get(target)
        return known.process if known else item.command.mail.process


def _comparable(address: str) -> str:
    # RFC 5321 section 2.4 leaves the case of the local part to its server; in practice people write it either way.
    return address.lower()


def _resolved(decision: Decision, resolution: str) -> Decision:
    return msgspec.structs.replace(decision, resolution=resolution)


def _decided_by_person(item: Item) -> bool:
    """A mail that a person retried, or that is replayed, was let through before."""
    return item.command.mail.origin in {"retry", "replay"}


def _sender_id(item: Item, reading: MailReading) -> str:
    return f"{item.command.mail.process} {_comparable(reading.author.address)}"


def _time(item: Item) -> datetime:
    mail = item.command.mail
    return mail.received_at or mail.fetched_at


def _thread_decision(decision: Decision, message_id: str) -> Decision:
    return msgspec.structs.replace(decision, rule="thread", evidence=[*decision.evidence, message_id])


def _thread_ids(item: Item) -> list[str]:
    if item.reading is None:
        return []
    own = [item.reading.message_id] if item.reading.message_id else []
    process = item.command.mail.process
    return [thread_id(process, one) for one in [*own, *item.command.decision.thread_ids]]
