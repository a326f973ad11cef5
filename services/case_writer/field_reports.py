"""Records the reports of the extractor in their cases, several at a time."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Protocol

from schemas.fields import FieldsRead
from services.case_writer import metrics
from services.case_writer.ports import HistoryPublisher
from services.casework.persistence.field_recorder import Recorded
from services.runtime.errors import PermanentError, TransientError
from services.runtime.logs import get_logger
from services.runtime.process.health import Health
from services.runtime.process.lifecycle import Stop, all_of
from services.runtime.retry import Backoff
from services.runtime.store.contention import until_written

log = get_logger(__name__)

RECORDED_AT_ONCE = 8


class FieldStore(Protocol):
    """`services.casework.persistence.field_recorder.FieldRecorder` is the real one."""

    async def record(self, read: FieldsRead) -> Recorded:
        """Raises TransientError, among them ConflictError if another writer was first."""


class FieldReports:
    """Records reports. During an outage it retries for as long as it takes."""

    def __init__(
        self, store: FieldStore, publisher: HistoryPublisher, *, health: Health, stop: Stop
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._health = health
        self._stop = stop
        self._slots = asyncio.Semaphore(RECORDED_AT_ONCE)

    async def handle(self, reads: Sequence[FieldsRead]) -> list[PermanentError | None]:
        """Record each report, then publish the changes. The result has an error for a report that
        can never be recorded.

        Raises TransientError if the broker does not take the events, or if the service stops during
        an outage of the database.
        """
        tasks = [asyncio.ensure_future(self._handle(read)) for read in reads]
        await all_of(tasks)
        results = [task.result() for task in tasks]
        for result in results:
            if isinstance(result, Recorded):
                await self._publisher.publish(result.written)
        return [result if isinstance(result, PermanentError) else None for result in results]

    async def _handle(self, read: FieldsRead) -> Recorded | PermanentError:
        async with self._slots:
            try:
                recorded = await until_written(
                    partial(self._store.record, read),
                    self._stop,
                    Backoff(initial_s=0.2, maximum_s=10.0),
                    on_outage=partial(self._report_outage, read),
                )
            except TransientError:
                raise
            except PermanentError as error:
                return error
            except Exception as error:  # noqa: BLE001 - a bug: the queue continues
                return PermanentError(f"unexpected: {error!r}", mail_key=read.mail_key)
        self._health.up("store")
        _count(read, recorded)
        return recorded

    def _report_outage(self, read: FieldsRead, error: TransientError, _pause_s: float) -> None:
        self._health.down("store", str(error))
        log.warning("fields_postponed", mail_key=read.mail_key, error=error)


def _count(read: FieldsRead, recorded: Recorded) -> None:
    if recorded.case is None:
        log.info("fields_without_case", mail_key=read.mail_key)
        return
    process = recorded.case.process
    metrics.FIELD_CONFLICTS.labels(process).inc(recorded.is_conflict)
    metrics.FIELD_DUPLICATES.labels(process).inc(recorded.duplicates)
    log.info(
        "fields_recorded",
        mail_key=read.mail_key,
        case=recorded.case.number,
        changes=len(recorded.written),
        duplicates=recorded.duplicates,
    )
