"""The case writer's use case, in order: read the mails, place them, write, tell, and only then let go of them."""

import asyncio
import random
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from msgspec import structs

from schemas import codec
from schemas.cases import Command, ParkMail
from schemas.events import MailsRecorded, MailsReplayed
from services.case_writer import metrics
from services.case_writer.notifier import VersionedEvent, publish_events, wake_senders
from services.case_writer.placement.plan import Plan, PreparedMail
from services.case_writer.placement.planner import plan, query
from services.case_writer.placement.restore import CONTENT_MISSING
from services.case_writer.placement.snapshot import RecordedMail, Snapshot
from services.case_writer.ports import Cases, HistoryPublisher, Outlet, UnreadableMailError
from services.case_writer.preparation import MailPreparer
from services.case_writer.recording.documents import Documents
from services.case_writer.recording.events import events_again
from services.case_writer.recording.replay_effects import replayed
from services.runtime.broker.messages import Outgoing
from services.runtime.broker.topology import EVENT, receipt_key, replayed_key
from services.runtime.errors import CommandRefusedError, PermanentError, TransientError
from services.runtime.logs import get_logger
from services.runtime.metrics import RETRIES
from services.runtime.process.health import Health
from services.runtime.process.lifecycle import Stop
from services.runtime.retry import Backoff
from services.runtime.settings.schema import Rules
from services.runtime.store.contention import ContentionWatch
from services.runtime.store.errors import ConflictError, UnclearCommitError

log = get_logger(__name__)

GROUP_BYTES = 16 * 1024 * 1024  # of mail in one transaction, so that a batch of large mails fits in memory
CONFLICTS_TOGETHER = 8  # after so many conflicts a batch is written mail by mail
# Blobs that nothing refers to yet are removed after a day: after so long an outage they are put again.
PREPARED_TTL_S = 3600.0
ISOLATE_AFTER_DELIVERIES = 5  # after so many deliveries a mail is read in a process of its own
MAX_FAULT_ATTEMPTS = 5  # of one mail by itself that our own code fails on, before it is parked
CANNOT_BE_WRITTEN = "cannot-be-written"


@dataclass(frozen=True)
class ReceivedCommand:
    """A command, and the broker's word that it may have been delivered before, and how often."""

    command: Command
    redelivered: bool
    attempts: int = 1


@dataclass(frozen=True)
class WrittenBatch:
    """What was written together: a whole group, or one mail of it."""

    group: Sequence[ReceivedCommand]
    known: Snapshot
    plan: Plan
    documents: Documents


class _FaultError(PermanentError):
    """Our own code failed, which another try may or may not show again."""


def _outage_backoff() -> Backoff:
    return Backoff(initial_s=0.2, maximum_s=10.0)


class CaseWriter:
    """Writes commands in batches, one transaction each, for as long as it takes."""

    def __init__(
        self,
        cases: Cases,
        intake: MailPreparer,
        outlet: Outlet,
        publisher: HistoryPublisher,
        *,
        own_addresses: frozenset[str] = frozenset(),
        rules: Mapping[str, Rules] | None = None,
        health: Health,
        stop: Stop,
        new_backoff: Callable[[], Backoff] = _outage_backoff,
    ) -> None:
        self._cases = cases
        self._intake = intake
        self._outlet = outlet
        self._publisher = publisher
        self._own_addresses = own_addresses
        self._rules = rules or {}
        self._health = health
        self._stop = stop
        self._new_backoff = new_backoff

    async def handle(self, arrived: Sequence[ReceivedCommand]) -> list[CommandRefusedError]:
        """Give each mail its one outcome and tell of it; when this returns, all of them may be acknowledged.

        Returns an error, with the mail key, for each command that cannot be written in any way. Raises TransientError
        where the broker does not take the events, or where the stage shall stop during an outage of the database: the
        commands are delivered again then, which is safe.
        """
        refused: list[CommandRefusedError] = []
        for group in _groups(arrived):
            for written in await self._write(group):
                if isinstance(written, CommandRefusedError):
                    refused.append(written)
                else:
                    await self._tell(written)
        return refused

    async def _write(
        self, group: Sequence[ReceivedCommand], tries: int = 1
    ) -> list[WrittenBatch | CommandRefusedError]:
        """Write a group as one; mail by mail where it fails together; up to TRIES times where our own code fails."""
        try:
            return [await self._until_written(group)]
        except PermanentError as error:
            failure = error
        # As if delivered again: a commit that was unclear may have written them, and nobody has told of it.
        again = [replace(one, redelivered=True) for one in group]
        if len(again) > 1:
            log.warning("batch_split", mails=len(again), error=failure)
            metrics.SPLITS.inc()
            return [written for one in again for written in await self._write([one])]
        if isinstance(failure, _FaultError) and tries < MAX_FAULT_ATTEMPTS:
            log.warning("write_retried", mail_key=again[0].command.mail.key, tries=tries, error=failure)
            await _moment(tries)
            return await self._write(again, tries + 1)
        return [await self._park(again[0], failure, tries)]

    async def _park(
        self, arrived: ReceivedCommand, error: PermanentError, tries: int
    ) -> WrittenBatch | CommandRefusedError:
        """Keep a mail that fails by itself, after so many tries, whole for a person."""
        command = arrived.command
        mail = command.mail
        log.error("mail_cannot_be_written", mail_key=mail.key, mailbox=mail.mailbox, error=error)
        reason = error.reason if isinstance(error, UnreadableMailError) else CANNOT_BE_WRITTEN
        decision = structs.replace(command.decision, evidence=[*command.decision.evidence, str(error)])
        park = ParkMail(mail=mail, decision=decision, reason=reason)
        try:
            return await self._until_written([replace(arrived, command=park)])
        except PermanentError as again:
            tried = (
                f"it was tried {tries} times, then to park it" if tries > 1 else "it was tried once, then to park it"
            )
            return CommandRefusedError(f"the mail cannot even be parked: {again}; {tried}", mail_key=mail.key)

    async def _until_written(self, group: Sequence[ReceivedCommand]) -> WrittenBatch:
        """Repeat until written: after a conflict with a short random pause, in an outage for as long as it lasts."""
        attempt = uuid.uuid4().hex
        backoff = self._new_backoff()
        conflicts = 0
        unclear = False  # if so, only this attempt can tell its own work from another writer's
        items: list[PreparedMail] = []
        read_s = 0.0
        taken = ContentionWatch(self._cases.prove_majority)
        while True:
            try:
                if not items or time.monotonic() - read_s > PREPARED_TTL_S:
                    items = await self._intake.prepare([one.command for one in group], _suspects(group))
                    read_s = time.monotonic()
                written = await self._write_once(group, items, attempt)
            except ConflictError as error:
                conflicts += 1
                metrics.CONFLICTS.inc()
                if conflicts >= CONFLICTS_TOGETHER and len(group) > 1 and not unclear:
                    raise PermanentError(f"{conflicts} conflicts with other writers, lastly: {error}") from error
                await taken.met(error)
                await _moment(conflicts)
            except TransientError as error:
                await taken.met(error)
                unclear = unclear or isinstance(error, UnclearCommitError)
                pause_s = 0.0 if isinstance(error, UnclearCommitError) else backoff.next_s()
                RETRIES.labels("write").inc()
                self._health.down("store", str(error))
                log.warning("write_postponed", mails=len(group), error=error, retry_in_s=round(pause_s, 1))
                if await self._stop.wait(pause_s):
                    raise
            except PermanentError:
                raise
            except Exception as error:  # a fault of ours, met by this mail: it must not hold up the next one
                raise _FaultError(f"unexpected: {error!r}") from error
            else:
                self._health.up("store")
                return written

    async def _write_once(
        self, group: Sequence[ReceivedCommand], items: Sequence[PreparedMail], attempt: str
    ) -> WrittenBatch:
        known = await self._cases.known(query(items))
        placed = plan(items, known, attempt=attempt, own_addresses=self._own_addresses, rules=self._rules)
        await self._intake.with_originals(placed)
        started = time.monotonic()
        documents = await self._cases.write(placed, attempt)
        metrics.TRANSACTION_SECONDS.observe(time.monotonic() - started)
        return WrittenBatch(group, known, placed, documents)

    async def _tell(self, written: WrittenBatch) -> None:
        """Events first, then receipts: a mail leaves its mailbox only when the world knows of it.

        An event that our own code fails on is left out: what it tells of is written, and the receipts of the others
        must not wait for it. Raises TransientError.
        """
        await self._publisher.publish(written.documents.written_history)
        again = _delivered_again(written)
        await self._publisher.catch_up({one.case for one in again.values() if one.case is not None})
        await publish_events(self._outlet, [*_new_events(written), *_events_again(written, again)])
        keys = _kept(written)
        by_mailbox: dict[str, list[str]] = defaultdict(list)
        for arrived in written.group:
            mail = arrived.command.mail
            if mail.key in keys:
                by_mailbox[mail.mailbox].append(mail.key)
        await self._outlet.publish_all([_receipt(mailbox, of) for mailbox, of in by_mailbox.items()])
        mails = [arrived.command.mail for arrived in written.group]
        effects = replayed(mails, written.known, written.plan, written.documents)
        await self._outlet.publish_all([_effects_message(one) for one in effects])
        await wake_senders(self._outlet, [one.id for one in written.documents.outgoing])
        _count(written)


async def _moment(times: int) -> None:
    """A random pause that grows to a tenth of a second: enough for another writer to be through."""
    await asyncio.sleep(random.uniform(0.001, 0.01) * min(times, 20))  # noqa: S311 - a pause, no secret


def _suspects(group: Sequence[ReceivedCommand]) -> frozenset[str]:
    """Mails that may be what ended the writers before; where an outage was, reading them apart does no harm."""
    return frozenset(one.command.mail.key for one in group if one.attempts > ISOLATE_AFTER_DELIVERIES)


def _kept(written: WrittenBatch) -> set[str]:
    """The mails that may leave their mailboxes: not those whose only content may be there."""
    reasons = {one.id: one.reason for one in written.documents.mails}
    reasons |= {key: one.reason for key, one in written.plan.written_before.items()}
    return {key for key, reason in reasons.items() if reason != CONTENT_MISSING} | set(written.plan.duplicates)


def _groups(arrived: Sequence[ReceivedCommand]) -> Iterator[Sequence[ReceivedCommand]]:
    group: list[ReceivedCommand] = []
    size = 0
    for one in arrived:
        if group and size + one.command.mail.size > GROUP_BYTES:
            yield group
            group, size = [], 0
        group.append(one)
        size += one.command.mail.size
    if group:
        yield group


def _delivered_again(written: WrittenBatch) -> dict[str, RecordedMail]:
    """Mails recorded before whose events may never have gone out, by their keys."""
    keys = [one.command.mail.key for one in written.group if one.redelivered]
    return {
        key: written.known.mails[key] for key in [*keys, *written.plan.written_before] if key in written.known.mails
    }


def _new_events(written: WrittenBatch) -> list[VersionedEvent]:
    versions = {one.id: one.written_by for one in written.documents.mails}
    return [(event, versions[event.mail_key]) for event in written.documents.events]


def _events_again(written: WrittenBatch, again: Mapping[str, RecordedMail]) -> list[VersionedEvent]:
    mails = {one.command.mail.key: one.command.mail for one in written.group}
    events: list[VersionedEvent] = []
    for key, recorded in again.items():
        try:
            events += [(event, recorded.written_by) for event in events_again(mails[key], recorded)]
        except Exception:  # a fault of ours, met by this mail
            log.exception("event_not_published", mail_key=key, mailbox=mails[key].mailbox)
    return events


def _receipt(mailbox: str, keys: list[str]) -> Outgoing:
    receipt = MailsRecorded(mailbox=mailbox, keys=keys)
    return Outgoing(
        exchange=EVENT,
        routing_key=receipt_key(mailbox),
        body=codec.encode_json(receipt),
        tag=codec.tag_of(receipt),
        message_id=keys[0],
        content_type="application/json",
        mandatory=False,  # a fetcher that is away asks again
    )


def _effects_message(replayed: MailsReplayed) -> Outgoing:
    return Outgoing(
        exchange=EVENT,
        routing_key=replayed_key(replayed.run),
        body=codec.encode_json(replayed),
        tag=codec.tag_of(replayed),
        message_id=replayed.run,
        content_type="application/json",
        mandatory=False,  # a replay that was ended looks into the database
    )


def _count(written: WrittenBatch) -> None:
    now = datetime.now(UTC)
    sources = {arrived.command.mail.key: arrived.command.mail for arrived in written.group}
    for mail in written.documents.mails:
        source = sources[mail.id]
        log.info("mail_recorded", mail_key=mail.id, mailbox=mail.mailbox, outcome=mail.outcome, case=mail.case)
        if source.origin == "replay":
            continue  # recorded once already, or fetched long ago: no figures of today's mail
        metrics.OUTCOMES.labels(mail.process, mail.outcome, mail.reason or "").inc()
        metrics.END_TO_END_SECONDS.labels(mail.process).observe(max(0.0, (now - source.fetched_at).total_seconds()))
        if source.origin == "fetch":  # what is retried or read from a file may be as old as it likes
            age_s = max(0.0, (now - (source.received_at or source.fetched_at)).total_seconds())
            metrics.AGE_SECONDS.labels(mail.process).observe(age_s, {"mail_key": mail.id})
    processes = {arrived.command.mail.key: arrived.command.mail.process for arrived in written.group}
    for key in written.plan.duplicates:
        metrics.DUPLICATES.labels(processes[key]).inc()
        log.info("mail_duplicate", mail_key=key)
