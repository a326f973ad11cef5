"""Which case each mail of a batch belongs to. Pure: what is known goes in, placements come out.

Order is never assumed. A mail claims its own Message-ID and reserves the ids that it refers to, so that of two mails of
one thread the later joins the earlier one's case, whichever comes first; unique keys in the database settle races
between writers, and the loser of a race plans again with what the winner wrote.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import msgspec

from schemas.cases import AppendToCase, Command, Decision, IgnoreMail, ParkMail
from schemas.mails import BlobRef
from schemas.stored import Outcome, thread_id
from services.case_writer.ports import Known, Query, RecordedMail
from services.case_writer.reading import MailReading

UNVERIFIED_SENDER = "unverified-sender"
MAX_PARTICIPANTS = 500  # a case's document stays small however many write to it
MAX_RESERVED = 20  # Message-IDs reserved for one mail; a References header may hold hundreds


@dataclass(frozen=True)
class Item:
    """A command whose mail has been read; `reading` is None where the outcome needs none (parked, ignored).

    `blobs` are the reading's attachments in the blob store, in their order; `original` is the whole mail there, None
    where it is not kept.
    """

    command: Command
    reading: MailReading | None
    blobs: tuple[BlobRef, ...] = ()
    original: BlobRef | None = None

    @property
    def key(self) -> str:
        return self.command.mail.key


@dataclass(eq=False)
class NewCase:
    """A case to be opened in this batch; its number comes with the writing."""

    process: str
    participants: list[str] = field(default_factory=list)


Target = int | NewCase


@dataclass(frozen=True)
class Placed:
    """A mail and the case that it goes to, with the case's process, which may be another than the mailbox's.

    `joins` are the addresses that take part in an existing case through it.
    """

    item: Item
    reading: MailReading
    target: Target
    process: str
    decision: Decision
    flags: tuple[str, ...] = ()
    joins: tuple[str, ...] = ()
    opens: bool = False


@dataclass(frozen=True)
class Aside:
    """A mail that goes to no case."""

    item: Item
    outcome: Outcome
    reason: str


@dataclass
class Plan:
    """What a batch does. `threads` are new ids, `claims` are ids reserved earlier that their mail now claims.

    `duplicates` holds the key of each further delivery, to be counted after the mails are written: a mail may come
    twice in its first batch. `written_before` is what an earlier try of the same attempt wrote after all.
    """

    new_cases: list[NewCase] = field(default_factory=list)
    placed: list[Placed] = field(default_factory=list)
    aside: list[Aside] = field(default_factory=list)
    threads: dict[str, tuple[Target, str | None]] = field(default_factory=dict)
    claims: dict[str, tuple[Target, str]] = field(default_factory=dict)
    duplicates: list[str] = field(default_factory=list)
    written_before: dict[str, RecordedMail] = field(default_factory=dict)


def query(items: Sequence[Item]) -> Query:
    """Everything that placing these mails may ask about."""
    threads = dict.fromkeys(one for item in items for one in _thread_ids(item))
    cases = dict.fromkeys(number for item in items for number in item.command.decision.cases)
    return Query([item.key for item in items], list(cases), list(threads))


def plan(items: Sequence[Item], known: Known, *, attempt: str, own_addresses: frozenset[str] = frozenset()) -> Plan:
    """Place each mail; `attempt` names this writer's attempt at the batch, the same over its repetitions.

    `own_addresses`, in small letters, are the mailboxes' own: they take part in no case.
    """
    return _Planner(known, attempt, own_addresses).plan(items)


class _Planner:
    def __init__(self, known: Known, attempt: str, own_addresses: frozenset[str]) -> None:
        self._known = known
        self._own_addresses = own_addresses
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
        if item.command.mail.origin != "replay":
            self._plan.duplicates.append(item.key)
        return True

    def _place(self, item: Item) -> None:
        command = item.command
        if isinstance(command, ParkMail):
            self._plan.aside.append(Aside(item, "parked", command.reason))
        elif isinstance(command, IgnoreMail):
            self._plan.aside.append(Aside(item, "ignored", command.reason))
        elif item.reading is None:
            raise ValueError(f"mail {item.key} was not read")
        else:
            self._place_in_case(item, item.reading)

    def _place_in_case(self, item: Item, reading: MailReading) -> None:
        target, decision = self._target(item, reading)
        opens = target is None
        if target is None:
            target = NewCase(item.command.mail.process)
            self._plan.new_cases.append(target)
        present = self._participants(target)
        verified = opens or _comparable(reading.author.address) in present
        joins = self._joining(target, present, reading) if verified else ()
        flags = (
            *(() if verified else (UNVERIFIED_SENDER,)),
            *(("message-id-reused",) if self._own_id_is_taken(item, reading) else ()),
        )
        process = self._process(target, item)
        self._plan.placed.append(Placed(item, reading, target, process, decision, flags, joins, opens))
        self._claim(item, reading, target)

    def _target(self, item: Item, reading: MailReading) -> tuple[Target | None, Decision]:
        decision = item.command.decision
        for number in decision.cases:
            if number in self._known.cases:
                return number, decision
        if isinstance(item.command, AppendToCase):
            decision = msgspec.structs.replace(decision, resolution="no-such-case")
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

    def _joining(self, target: Target, present: Collection[str], reading: MailReading) -> tuple[str, ...]:
        """Whom the mail of a participant brings in; a stranger who only knows the number brings in nobody."""
        addresses = [reading.author.address, *(one.address for one in reading.recipients)]
        wanted: dict[str, str] = {}
        for address in addresses:
            key = _comparable(address)
            if key and key not in present and key not in self._own_addresses:
                wanted.setdefault(key, address)
        joins = tuple(wanted.values())[: max(0, MAX_PARTICIPANTS - len(present))]
        (target.participants if isinstance(target, NewCase) else self._joined[target]).extend(joins)
        return joins

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


def _thread_decision(decision: Decision, message_id: str) -> Decision:
    return msgspec.structs.replace(decision, rule="thread", evidence=[*decision.evidence, message_id])


def _thread_ids(item: Item) -> list[str]:
    if item.reading is None:
        return []
    own = [item.reading.message_id] if item.reading.message_id else []
    process = item.command.mail.process
    return [thread_id(process, one) for one in [*own, *item.command.decision.thread_ids]]
