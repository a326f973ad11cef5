"""Marks overdue cases: one change and one event when the due date passes, however many replicas
run.

The time is the database's, so that a replica with a wrong clock marks nothing too early. The
transaction that marks a case increments its revision, so that of two replicas only one succeeds.
"""

from datetime import datetime

from schemas.changes import Actor, Change, Overdue
from schemas.stored import Case, from_document
from services.casework.listing import BECOMING_OVERDUE
from services.casework.persistence.recording import insert_history
from services.casework.publisher import ChangePublisher
from services.casework.records import WrittenChanges, at_revision, changed_fields
from services.runtime.errors import TransientError
from services.runtime.logs import get_logger
from services.runtime.process.lifecycle import Stop
from services.runtime.store.collection import Session
from services.runtime.store.errors import ConflictError
from services.runtime.store.mongo import Store

log = get_logger(__name__)

INTERVAL_S = 30.0
PAGE = 100
RULE = Actor(kind="rule", id="due-after")


class OverdueSweep:
    """Marks open cases that are past their due date."""

    def __init__(self, store: Store, publisher: ChangePublisher) -> None:
        self._store = store
        self._publisher = publisher
        self._cases = store.collection(Case.COLLECTION)
        self._changes = store.collection(Change.COLLECTION)

    async def run(self, stop: Stop) -> None:
        """Sweep until `stop`. Waits during an outage."""
        while not await stop.wait(INTERVAL_S):
            try:
                await self.sweep()
            except TransientError as error:
                log.warning("overdue_sweep_failed", error=error)

    async def sweep(self) -> int:
        """Mark every case that is due; returns how many this call marked. Raises TransientError."""
        marked = 0
        while True:
            now = await self._store.now()
            found = await self._cases.find(_overdue(now), sort="due_at", limit=PAGE)
            for document in found:
                marked += await self._mark(from_document(document, Case), now)
            if len(found) < PAGE:
                return marked

    async def _mark(self, case: Case, now: datetime) -> bool:
        if case.due_at is None:
            return False
        written = WrittenChanges()
        written.add(case, [Overdue(due_at=case.due_at)], RULE, now)
        fields = changed_fields(case, written.cases[case.number])

        async def body(session: Session) -> bool:
            query = {"_id": case.number, **at_revision(case.revision)}
            if not await self._cases.update(query, {"$set": fields}, session):
                return False  # another replica marked it, or the case changed
            await insert_history(self._store, written.changes, session)
            return True

        try:
            if not await self._store.transaction(body):
                return False
        except ConflictError:
            return False
        log.info("case_overdue", case=case.number, process=case.process)
        await self._publisher.publish(written.changes)
        return True


def _overdue(now: datetime) -> dict[str, object]:
    return {**BECOMING_OVERDUE, "due_at": {"$type": "date", "$lte": now}}
