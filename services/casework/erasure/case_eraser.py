"""Writes the erasure of one case in one transaction."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial

from schemas.changes import Actor, Change, Erased
from schemas.stored import Case, Comment, Mail, OutgoingMail, to_document
from schemas.stored.search import SearchEntry, case_entry_id, search_rank
from services.casework.erasure.run import CaseErasure, ErasureRun
from services.casework.persistence.recording import insert_history
from services.casework.records import WrittenChanges, at_revision, changed_fields
from services.runtime.store.collection import Document, Session
from services.runtime.store.contention import retry_conflicts
from services.runtime.store.errors import ConflictError
from services.runtime.store.mongo import Store

ReadErasure = Callable[[int, ErasureRun, Session], Awaitable[CaseErasure]]


class CaseEraser:
    """Erases single cases. Methods raise TransientError, even after too many conflicts."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._cases = store.collection(Case.COLLECTION)
        self._comments = store.collection(Comment.COLLECTION)
        self._changes = store.collection(Change.COLLECTION)
        self._outbox = store.collection(OutgoingMail.COLLECTION)
        self._mails = store.collection(Mail.COLLECTION)
        self._search = store.collection(SearchEntry.COLLECTION)

    async def erase(self, number: int, run: ErasureRun, read: ReadErasure) -> None:
        """Write what `read` returns for the case, unless it is a dry run, and add it to the report
        of `run`.
        """

        async def body(session: Session) -> CaseErasure:
            erasure = await read(number, run, session)
            if not run.dry_run and erasure.changes_anything:
                await self._write(erasure, run.actor, session)
            return erasure

        run.note(await retry_conflicts(partial(self._store.transaction, body)))

    async def _write(self, erasure: CaseErasure, actor: Actor, session: Session) -> None:
        for comment in erasure.comments:
            await self._comments.update(
                {"_id": comment.id}, {"$set": to_document(comment)}, session
            )
        for collection, documents in (
            (self._changes, erasure.history),
            (self._outbox, erasure.outgoing),
            (self._mails, erasure.mails),
        ):
            for document in documents:
                key = document.pop("_id")
                await collection.update({"_id": key}, {"$set": document}, session)
        if erasure.case is None or erasure.after is None:
            ids = [comment.id for comment in erasure.comments]
            await self._search.delete({"_id": {"$in": ids}}, session)
            return
        fields = sorted(set(erasure.case.fields) - set(erasure.after.fields))
        title = erasure.after.title if erasure.after.title != erasure.case.title else None
        written = WrittenChanges()
        said = sorted(set(erasure.case.candidates) - set(erasure.after.candidates))
        what = Erased(comments=len(erasure.comments), title=title, fields=fields, candidates=said)
        written.add(erasure.case, [what], actor, datetime.now(UTC))
        now = written.cases[erasure.number]
        kept = ("participants", "opened_by", "assignee")
        change = changed_fields(erasure.case, now) | {
            name: value for name, value in to_document(erasure.after).items() if name in kept
        }
        query = {"_id": erasure.number, **at_revision(erasure.case.revision)}
        if not await self._cases.update(query, {"$set": change}, session):
            raise ConflictError(f"case {erasure.number} was changed by someone else first")
        await insert_history(self._store, written.changes, session)
        await self._search.put_each(emptied_entries(now, erasure.comments), session)


def emptied_entries(case: Case, comments: Sequence[Comment]) -> list[Document]:
    """The search entries of a case and of its erased comments, without terms.

    They are written even if they do not exist, so that an indexer that is about to write the terms
    of the unerased texts conflicts with the erasure. The event of the erasure has them filled
    again.
    """
    sources = [(case_entry_id(case.number), case.opened_at)]
    sources += [(comment.id, comment.at) for comment in comments]
    return [
        to_document(
            SearchEntry(
                id=entry_id,
                case=case.number,
                process=case.process,
                time=time,
                rank=search_rank(entry_id, time),
                revision=case.revision,
                terms=[],
            )
        )
        for entry_id, time in sources
    ]
