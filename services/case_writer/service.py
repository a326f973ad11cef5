"""The case writer's use case, in order: read the mails, place them, write them, publish,
acknowledge.
"""

import asyncio
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial

from services.case_writer import metrics
from services.case_writer.batch import ReceivedCommand, WrittenBatch, groups, retried
from services.case_writer.notifier import Notifier
from services.case_writer.originals import Originals
from services.case_writer.placement.planner import plan
from services.case_writer.placement.snapshot_query import query
from services.case_writer.ports import Cases
from services.case_writer.preparation import parked
from services.case_writer.read_ahead import PreparedGroup, ReadAhead
from services.case_writer.recording.document_builder import DocumentBuilder, OpeningRules
from services.runtime.errors import CommandRefusedError, PermanentError, TransientError
from services.runtime.logs import get_logger
from services.runtime.metrics import RETRIES
from services.runtime.process.background_task import BackgroundTask
from services.runtime.process.health import Health
from services.runtime.process.lifecycle import Stop
from services.runtime.retry import Backoff
from services.runtime.settings.schema.processes import Rules
from services.runtime.store.contention import ContentionWatch, pause_after_conflict, until_written
from services.runtime.store.errors import ConflictError, UnclearCommitError

log = get_logger(__name__)

CONFLICTS_TOGETHER = 8  # conflicts after which a batch is written mail by mail
# Blobs that nothing refers to are removed after a day. If an outage lasts this long, the blobs are
# stored again.
PREPARED_TTL_S = 3600.0
MAX_FAULT_ATTEMPTS = 5  # attempts at a single mail on which our own code fails, before it is parked


class _FaultError(PermanentError):
    """Our own code failed, which may or may not happen again."""


def _outage_backoff() -> Backoff:
    return Backoff(initial_s=0.2, maximum_s=10.0)


@dataclass(frozen=True)
class WrittenCommands:
    """The error of each command that cannot be written in any way, with its mail key; and what was
    written and is not published yet.
    """

    refused: list[CommandRefusedError]
    written: list[WrittenBatch]


class CaseWriter:
    """Writes commands in batches, one transaction each. During an outage it retries for as long as
    it takes.
    """

    def __init__(
        self,
        cases: Cases,
        ahead: ReadAhead,
        originals: Originals,
        notifier: Notifier,
        opening: OpeningRules,
        *,
        own_addresses: frozenset[str] = frozenset(),
        rules: Mapping[str, Rules] | None = None,
        health: Health,
        stop: Stop,
        new_backoff: Callable[[], Backoff] = _outage_backoff,
    ) -> None:
        self._cases = cases
        self._ahead = ahead
        self._originals = originals
        self._notifier = notifier
        self._opening = opening
        self._own_addresses = own_addresses
        self._rules = rules or {}
        self._health = health
        self._stop = stop
        self._new_backoff = new_backoff
        self._publishing = asyncio.Lock()  # the events of a case are published in their order

    def expect(self, received: Sequence[ReceivedCommand]) -> None:
        """Begin to read the mails of a coming call of `write`, perhaps while it writes others."""
        self._ahead.expect(groups(received))

    async def write(self, received: Sequence[ReceivedCommand]) -> WrittenCommands:
        """Give each mail its one outcome. After `publish`, all of them may be acknowledged.

        Raises TransientError if the broker does not accept the events, or if the service stops
        during an outage of the database. The commands are then delivered again, which is safe.
        """
        refused: list[CommandRefusedError] = []
        last: list[WrittenBatch] = []
        publishing = BackgroundTask()  # what one group wrote, while the next is written
        try:
            for group in groups(received):
                await publishing.join()
                if last:
                    publishing.start(self.publish(last))
                written = await self._write(group)
                refused += [each for each in written if isinstance(each, CommandRefusedError)]
                last = [each for each in written if isinstance(each, WrittenBatch)]
            await publishing.join()
        except TransientError:
            await publishing.join()  # what is written has its receipts
            raise
        finally:
            await publishing.cancel()
        return WrittenCommands(refused, last)

    async def publish(self, written: Sequence[WrittenBatch]) -> None:
        """Publish what was written, after what was passed before. Raises TransientError if the
        broker does not accept it.
        """
        async with self._publishing:
            for each in written:
                await self._notifier.publish(each)
                _count(each)

    async def _write(
        self, group: Sequence[ReceivedCommand], attempts: int = 1
    ) -> list[WrittenBatch | CommandRefusedError]:
        """Write a group together, or mail by mail if that fails. Retry if our own code fails."""
        try:
            return [await self._until_written(group)]
        except PermanentError as error:
            failure = error
        again = retried(group)
        if len(again) > 1:
            log.warning("batch_split", mails=len(again), error=failure)
            metrics.SPLITS.inc()
            return [written for received in again for written in await self._write([received])]
        [received] = again
        if isinstance(failure, _FaultError) and attempts < MAX_FAULT_ATTEMPTS:
            log.warning("write_retried", mail_key=received.mail.key, tries=attempts, error=failure)
            await pause_after_conflict(attempts)
            return await self._write(again, attempts + 1)
        return [await self._park(received, failure, attempts)]

    async def _park(
        self, received: ReceivedCommand, error: PermanentError, attempts: int
    ) -> WrittenBatch | CommandRefusedError:
        mail, park = received.mail, parked(received.command, error)
        log.error("mail_cannot_be_written", mail_key=mail.key, mailbox=mail.mailbox, error=error)
        try:
            return await self._until_written([replace(received, command=park)])
        except PermanentError as again:
            tried = "one attempt" if attempts == 1 else f"{attempts} attempts"
            text = f"after {tried}, the mail cannot be written, and it cannot be parked: {again}"
            return CommandRefusedError(text, mail_key=mail.key)

    async def _until_written(self, group: Sequence[ReceivedCommand]) -> WrittenBatch:
        """Repeat until written: after a short pause if there was a conflict, or for as long as an
        outage lasts.
        """
        attempt = _Attempt(group)
        try:
            written = await until_written(
                partial(self._write_once, attempt),
                self._stop,
                self._new_backoff(),
                watch=ContentionWatch(self._cases.prove_majority),
                on_conflict=attempt.note_conflict,
                on_outage=partial(self._report_outage, attempt),
            )
        except (PermanentError, TransientError):
            raise
        except Exception as error:  # a bug must not delay the next mail
            raise _FaultError(f"unexpected: {error!r}") from error
        self._health.up("store")
        return written

    async def _write_once(self, attempt: "_Attempt") -> WrittenBatch:
        # A group that was read ahead may have waited for an outage to end, too.
        while attempt.prepared is None or attempt.prepared.is_older_than(PREPARED_TTL_S):
            attempt.prepared = await self._ahead.prepared(attempt.group)
        mails = attempt.prepared.mails
        snapshot = await self._cases.snapshot(query(mails))
        planned = plan(
            mails,
            snapshot,
            attempt=attempt.name,
            own_addresses=self._own_addresses,
            rules=self._rules,
        )
        originals = await self._originals.keep(planned.needs_original)
        started = time.monotonic()
        build = DocumentBuilder(planned, attempt.name, self._opening, originals)
        documents = await self._cases.write(build)
        metrics.TRANSACTION_SECONDS.observe(time.monotonic() - started)
        return WrittenBatch(attempt.group, snapshot, planned, documents)

    def _report_outage(self, attempt: "_Attempt", error: TransientError, pause_s: float) -> None:
        attempt.is_unclear = attempt.is_unclear or isinstance(error, UnclearCommitError)
        RETRIES.labels("write").inc()
        self._health.down("store", str(error))
        mails, retry_in_s = len(attempt.group), round(pause_s, 1)
        log.warning("write_postponed", mails=mails, error=error, retry_in_s=retry_in_s)


@dataclass
class _Attempt:
    """One attempt to write a group. Its repetitions have the same name.

    After an unclear commit, only that name distinguishes the attempt's own work from another
    writer's, so the group must not be split then.
    """

    group: Sequence[ReceivedCommand]
    name: str = field(default_factory=lambda: uuid.uuid4().hex)
    prepared: PreparedGroup | None = None
    is_unclear: bool = False

    def note_conflict(self, conflicts: int, error: ConflictError) -> None:
        """Raises PermanentError if the mails of the group should be written one by one instead."""
        metrics.CONFLICTS.inc()
        if conflicts >= CONFLICTS_TOGETHER and len(self.group) > 1 and not self.is_unclear:
            text = f"{conflicts} conflicts with other writers, lastly: {error}"
            raise PermanentError(text) from error


def _count(written: WrittenBatch) -> None:
    """Log and count the outcomes of a batch."""
    now = datetime.now(UTC)
    sources = {received.mail.key: received.mail for received in written.group}
    for mail in written.documents.mails:
        source = sources[mail.id]
        log.info(
            "mail_recorded",
            mail_key=mail.id,
            mailbox=mail.mailbox,
            outcome=mail.outcome,
            case=mail.case,
        )
        if source.origin == "replay":
            continue  # recorded before, or fetched long ago: not part of the current figures
        metrics.OUTCOMES.labels(mail.process, mail.outcome, mail.reason or "").inc()
        since_fetch_s = max(0.0, (now - source.fetched_at).total_seconds())
        metrics.END_TO_END_SECONDS.labels(mail.process).observe(since_fetch_s)
        if source.origin == "fetch":  # a retried mail, or one read from a file, may be of any age
            arrived_at = source.received_at or source.fetched_at
            age_s = max(0.0, (now - arrived_at).total_seconds())
            metrics.AGE_SECONDS.labels(mail.process).observe(age_s, {"mail_key": mail.id})
    for key in written.plan.duplicates:
        metrics.DUPLICATES.labels(sources[key].process).inc()
        log.info("mail_duplicate", mail_key=key)
