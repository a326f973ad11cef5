"""Finds the cases that are past their retention, and determines what remains of them."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from schemas.changes import Change
from schemas.stored import Case, Comment, OutgoingMail, from_document
from services.casework.erasure.documents import emptied_change, emptied_outgoing
from services.casework.erasure.redaction import ERASED, Traces, emptied_case, emptied_comment
from services.casework.erasure.run import CaseErasure, ErasureRun, blobs_of
from services.runtime.settings import Process
from services.runtime.store.collection import Document, Session
from services.runtime.store.mongo import Store


class Retirement:
    """The cases that are past their retention. Methods raise TransientError."""

    def __init__(self, store: Store, processes: Mapping[str, Process]) -> None:
        self._processes = processes
        self._cases = store.collection(Case.COLLECTION)
        self._comments = store.collection(Comment.COLLECTION)
        self._changes = store.collection(Change.COLLECTION)
        self._outbox = store.collection(OutgoingMail.COLLECTION)

    async def case_numbers(self, name: str, now: datetime) -> list[int]:
        """The cases of process `name` to empty; none if it has no `retention_days`."""
        process = self._processes[name]
        if not process.retention_days:
            return []
        closed = {"$lt": now - timedelta(days=process.retention_days)}
        old: Document = {
            "process": name,
            "status": "closed",
            "closed_at": closed,
            "title": {"$ne": ERASED},
        }
        return [case["_id"] for case in await self._cases.find(old, ["_id"])]

    async def read(self, number: int, run: ErasureRun, session: Session) -> CaseErasure:
        """What changes in a case when it is emptied."""
        documents = await self._comments.find({"case": number}, session=session)
        comments = [from_document(document, Comment) for document in documents]
        found = await self._cases.find({"_id": number}, session=session)
        case = from_document(found[0], Case) if found else None
        erasure = CaseErasure(number, case, after=emptied_case(case) if case else None)
        erasure.comments = [emptied_comment(comment, run.placeholder) for comment in comments]
        erasure.blobs = {blob for comment in comments for blob in blobs_of(comment)}
        outgoing = await self._outbox.find({"case": number}, session=session)
        erasure.outgoing = [emptied_outgoing(mail, run.placeholder) for mail in outgoing]
        texts = [
            *(case.participants if case else ()),
            *([case.title, case.opened_by.name] if case else ()),
        ]
        pattern = Traces("", (), frozenset(texts)).pattern() if any(texts) else None
        changes = await self._changes.find({"case": number}, session=session)
        erasure.history = [emptied_change(change, pattern) for change in changes]
        return erasure
