"""Reads the database's content for the keys that a batch looks up."""

from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from schemas.cases import Decision
from schemas.stored import Case, Comment, LimitAlert, Mail, Sender, Thread, from_document
from services.case_writer.placement.snapshot import (
    CaseSnapshot,
    RecordedMail,
    SenderHistory,
    Snapshot,
    SnapshotQuery,
    ThreadSnapshot,
)
from services.runtime.store.collection import Document
from services.runtime.store.mongo import Lookup, Store

_RECORDED = ("outcome", "process", "case", "reason", "written_by", "deliveries")
# missing in documents of earlier versions
_LATER = (
    "moved_from",
    "placed_by",
    "reopened",
    "refers_to",
)
_MAIL = [*_RECORDED, *_LATER, "decision", "alert"]
_CASE = ["process", "stage", "status", "title", "participants", "refers_to", "merged_into"]


class SnapshotReader:
    """Reads as a majority wrote it. Methods raise TransientError."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._cases = store.collection(Case.COLLECTION)
        self._comments = store.collection(Comment.COLLECTION)

    async def read(self, query: SnapshotQuery) -> Snapshot:
        """Everything in the database that `query` names."""
        found_mails, found_threads, found_senders = await self._store.find_by_ids(
            Lookup(Mail.COLLECTION, query.mails, _MAIL),
            Lookup(Thread.COLLECTION, query.threads),
            Lookup(Sender.COLLECTION, query.senders),
        )
        mails, threads, senders = (
            _mails(found_mails),
            _threads(found_threads),
            _senders(found_senders),
        )
        own = [threads[key].claimed_by for key in query.own_threads if key in threads]
        others = [key for key in own if key and key not in mails]
        mails |= _mails(*await self._store.find_by_ids(Lookup(Mail.COLLECTION, others, _MAIL)))
        # After the mails: a mail's version is then no newer than its comment, and a stale one is
        # refused by the transaction.
        found = await _by_ids(self._comments, query.comments)
        comments = {document["_id"]: from_document(document, Comment) for document in found}
        numbers = {*query.cases, *(thread.case for thread in threads.values())}
        numbers.update(mail.case for mail in mails.values() if mail.case is not None)
        return Snapshot(mails, await self._read_cases(numbers), threads, senders, comments)

    async def _read_cases(self, numbers: Collection[int]) -> dict[int, CaseSnapshot]:
        """The cases, and those that they were merged into, however long the chain."""
        cases: dict[int, CaseSnapshot] = {}
        wanted = set(numbers)
        while wanted:
            found = await _by_ids(self._cases, sorted(wanted), _CASE)
            cases |= {document["_id"]: _case(document) for document in found}
            wanted = {
                case.merged_into for case in cases.values() if case.merged_into is not None
            } - set(cases)
            wanted -= {number for number in wanted if not found}
        return cases


def _mails(found: Sequence[Document]) -> dict[str, RecordedMail]:
    return {
        document["_id"]: RecordedMail(
            **{name: document[name] for name in _RECORDED},
            decision=msgspec.convert(document["decision"], Decision),
            alert=msgspec.convert(document.get("alert"), LimitAlert | None),
            **{name: document[name] for name in _LATER if name in document},
        )
        for document in found
    }


def _threads(found: Sequence[Document]) -> dict[str, ThreadSnapshot]:
    return {
        document["_id"]: ThreadSnapshot(
            document["case"], document["claimed_by"], document.get("digest")
        )
        for document in found
    }


def _senders(found: Sequence[Document]) -> dict[str, SenderHistory]:
    return {
        document["_id"]: SenderHistory(
            tuple(document["times"]), document["alerted_at"], document["version"]
        )
        for document in found
    }


async def _by_ids(
    collection: Any, ids: Sequence[Any], fields: Sequence[str] | None = None
) -> list[dict[str, Any]]:
    if not ids:
        return []
    found: list[dict[str, Any]] = await collection.find({"_id": {"$in": list(ids)}}, fields)
    return found


def _case(document: dict[str, Any]) -> CaseSnapshot:
    return CaseSnapshot(
        document["process"],
        document["stage"],
        document["status"],
        document["title"],
        frozenset(document["participants"]),
        document.get("refers_to"),
        document.get("merged_into"),
    )
