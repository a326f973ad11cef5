"""Recalls answers that wait in the outbox, each in one short transaction."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial

from schemas.changes import AnswerRecalled
from schemas.stored import Case, OutgoingMail
from services.casework import records
from services.casework.actors import ActingAs
from services.casework.decisions.permissions import may_work
from services.casework.persistence.recording import insert_history, read_case
from services.casework.refusals import ActionRefusedError
from services.casework.results import Done
from services.runtime.settings import Process
from services.runtime.store.collection import Session
from services.runtime.store.contention import retry_conflicts
from services.runtime.store.errors import ConflictError
from services.runtime.store.mongo import Store


class AnswerRecall:
    """Recalls answers. Methods raise TransientError in an outage."""

    def __init__(
        self, store: Store, processes: Mapping[str, Process], clock: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._processes = processes
        self._clock = clock
        self._cases = store.collection(Case.COLLECTION)
        self._outbox = store.collection(OutgoingMail.COLLECTION)

    async def recall(self, outgoing_id: str, acting: ActingAs) -> Done:
        """Recall an answer that is not being sent yet.

        Raises ActionRefusedError: `no-such-answer`, or `too-late` once a sender has it.
        """
        body = partial(self._recall, outgoing_id, acting)
        return await retry_conflicts(partial(self._store.transaction, body))

    async def _recall(self, outgoing_id: str, acting: ActingAs, session: Session) -> Done:
        found = await self._outbox.find(
            {"_id": outgoing_id, "kind": "answer"}, limit=1, session=session
        )
        case = await read_case(self._store, found[0]["case"], session) if found else None
        if case is None or not may_work(self._processes, acting, case):
            raise ActionRefusedError(
                "no-such-answer", f"there is no answer {outgoing_id!r}", "check its id"
            )
        now = self._clock()
        waiting = {"_id": outgoing_id, "state": "pending", "attempts": 0}
        ended = {"$set": {"state": "recalled", "ended_at": now}}
        if not await self._outbox.update(waiting, ended, session):
            state = found[0]["state"]
            raise ActionRefusedError(
                "too-late", f"{outgoing_id!r} is {state}", "write another answer instead"
            )
        written = records.WrittenChanges()
        written.add(case, [AnswerRecalled(outgoing=outgoing_id)], acting.actor, now)
        change = {
            "$set": records.changed_fields(case, written.cases[case.number]),
            "$max": {"updated_at": now},
        }
        query = {"_id": case.number, **records.at_revision(case.revision)}
        if not await self._cases.update(query, change, session):
            raise ConflictError(f"case {case.number} was changed by someone else first")
        await insert_history(self._store, written.changes, session)
        return Done(
            case=written.cases[case.number], changes=written.changes, written=written.changes
        )
