"""Erases a person's data from the database: one transaction per case, then its blobs.

Case numbers, mail keys, times and outcomes stay, as proof that nothing was lost. A repeated erasure
completes an interrupted one. The archives on the broker keep the person's mails until their
retention ends; the report gives the date.
"""

from collections.abc import Mapping
from datetime import datetime

from schemas.changes import Actor
from schemas.mails import BlobRef
from services.casework.erasure.blob_removal import remove_blob
from services.casework.erasure.case_eraser import CaseEraser
from services.casework.erasure.desk_records import DeskRecords
from services.casework.erasure.person import PersonErasure
from services.casework.erasure.redaction import ERASED_CONTENT, Traces
from services.casework.erasure.retirement import Retirement
from services.casework.erasure.run import ErasureReport, ErasureRun
from services.runtime.logs import get_logger
from services.runtime.settings import Process
from services.runtime.store.blobs import Blobs
from services.runtime.store.mongo import Store

log = get_logger(__name__)


class Eraser:
    """Finds and erases the data of one address in the database. Methods raise TransientError."""

    def __init__(self, store: Store, processes: Mapping[str, Process]) -> None:
        self._store = store
        self._processes = processes
        self._blobs = Blobs(store)
        self._case = CaseEraser(store)
        self._desk = DeskRecords(store)
        self._person = PersonErasure(store, processes)
        self._retirement = Retirement(store, processes)

    async def erase(self, address: str, actor: Actor, *, dry_run: bool = False) -> ErasureReport:
        """Erase everything of `address`; with `dry_run` only count it."""
        traces = await self._person.traces(address)
        run = ErasureRun(traces, actor, await self._placeholder(dry_run=dry_run), dry_run)
        run.report.names = sorted(traces.names)
        # The cases that contain the names and lines that identify the person come last: after an
        # interruption, a repetition finds these again.
        await self._desk.erase(run)
        await self._person.erase_unplaced(run)
        await self._remove_blobs(run)
        for number in await self._person.case_numbers(traces):
            await self._case.erase(number, run, self._person.read)
            await self._remove_blobs(run)
        if not dry_run:
            await self._person.forget_limits(address)
        return _reported(run)

    async def retire(self, now: datetime, actor: Actor, *, dry_run: bool = False) -> ErasureReport:
        """Empty the cases whose retention in their process is over.

        Numbers, times and outcomes stay; everything that anyone wrote is removed.
        """
        run = ErasureRun(
            Traces("", (), ()), actor, await self._placeholder(dry_run=dry_run), dry_run
        )
        for name in self._processes:
            for number in await self._retirement.case_numbers(name, now):
                await self._desk.forget_case(number, run)
                await self._case.erase(number, run, self._retirement.read)
                await self._remove_blobs(run)
        return _reported(run)

    async def _remove_blobs(self, run: ErasureRun) -> None:
        """Remove the contents that a step erased. After an interruption, no repetition knows them
        anymore.
        """
        run.gone.discard(run.placeholder.sha256)
        if run.dry_run:
            run.report.blobs = len(run.gone)
            return
        ends = [await remove_blob(self._store, sha256) for sha256 in sorted(run.gone)]
        run.gone.clear()
        run.report.blobs += ends.count("removed")
        run.report.blobs_later += ends.count("later")

    async def _placeholder(self, *, dry_run: bool) -> BlobRef:
        if dry_run:
            return BlobRef(sha256="", size=0)
        return await self._blobs.put(ERASED_CONTENT)


def _reported(run: ErasureRun) -> ErasureReport:
    if not run.dry_run:
        log.info("data_erased", cases=len(run.report.cases), comments=run.report.comments)
    return run.report
