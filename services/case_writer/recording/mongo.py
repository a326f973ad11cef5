"""The port `Cases` in MongoDB: one transaction per batch."""

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any

from msgspec import Struct

from schemas.stored import (
    UNDELIVERABLE,
    Case,
    Comment,
    Counter,
    Mail,
    OutgoingMail,
    Sender,
    Thread,
    from_document,
    reported_by,
    to_document,
)
from services.case_writer.placement.snapshot import Snapshot, SnapshotQuery
from services.case_writer.recording.document_builder import DocumentBuilder
from services.case_writer.recording.documents import (
    Bounced,
    Documents,
    LeftCase,
    Replacement,
    StoredState,
    VerdictReplacement,
)
from services.case_writer.recording.mongo_snapshot import SnapshotReader
from services.casework.persistence.recording import history_documents
from services.casework.records import CASE_COUNTER, at_revision, changed_fields
from services.runtime.store.collection import Document, Session
from services.runtime.store.errors import ConflictError
from services.runtime.store.mongo import Store

COUNTER = CASE_COUNTER
MAIL_KINDS = ["mail", "bounce", "automatic"]  # comments that are received mails


class MongoCases:
    """Cases, comments, threads and outcomes. Methods raise the errors of `Store.transaction`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._snapshots = SnapshotReader(store)
        self._cases = store.collection(Case.COLLECTION)
        self._comments = store.collection(Comment.COLLECTION)
        self._threads = store.collection(Thread.COLLECTION)
        self._mails = store.collection(Mail.COLLECTION)
        self._counters = store.collection(Counter.COLLECTION)
        self._senders = store.collection(Sender.COLLECTION)
        self._outbox = store.collection(OutgoingMail.COLLECTION)

    async def ensure_indexes(self) -> None:
        """Create the indexes for searches by people and `mailcase`; everything else is read by
        `_id`.
        """
        await self._comments.ensure_index("case", "at")
        await self._comments.ensure_index("message_id")
        await self._cases.ensure_index("process", "status", "-updated_at", "-_id")
        await self._threads.ensure_index("case")
        await self._mails.ensure_index("outcome", "recorded_at")
        await self._mails.ensure_index("case")
        await self._senders.ensure_expiry("expires_at")
        await self._outbox.ensure_index("case")
        await self._outbox.ensure_index("message_id")

    async def ensure_numbers(self) -> None:
        """Raise the counter to the highest case number if it is missing or older than the cases.

        After a restore from a backup that was not a consistent snapshot, the counter may be such;
        no mail could then open a case.
        """
        for last in await self._cases.find({}, ["_id"], sort="-_id", limit=1):
            await self._counters.raise_to(COUNTER, "value", last["_id"])

    async def snapshot(self, query: SnapshotQuery) -> Snapshot:
        return await self._snapshots.read(query)

    async def prove_majority(self) -> None:
        await self._store.prove_majority()

    async def write(self, build: DocumentBuilder) -> Documents:
        async def body(session: Session) -> Documents:
            return await self._write(build, session)

        return await self._store.transaction(body)

    async def _write(self, build: DocumentBuilder, session: Session) -> Documents:
        stored = StoredState(
            await self._stored_cases(build.existing_cases, session),
            {
                number: await self._left_case(number, keys, session)
                for number, keys in build.leaving.items()
            },
        )
        documents = build(await self._first_number(build, session), stored)
        await self._forget_retried(documents, session)
        await self._update_cases(documents, session)
        await self._store.insert_together(_new_documents(documents), session)
        # After the mails: one of them may have come twice in this batch.
        await self._count_deliveries(documents, session)
        await self._replace(documents, session)
        await self._claim_threads(documents, session)
        await self._replace_verdicts(documents, session)
        await self._update_senders(documents.senders, session)
        for bounced in documents.bounced:
            await self._mark_bounced(bounced, session)
        return documents

    async def _stored_cases(self, numbers: Sequence[int], session: Session) -> Mapping[int, Case]:
        if not numbers:
            return {}
        found = await self._cases.find({"_id": {"$in": list(numbers)}}, session=session)
        return {document["_id"]: from_document(document, Case) for document in found}

    async def _left_case(self, number: int, moved: Sequence[str], session: Session) -> LeftCase:
        """What stays in a case that the mails `moved` leave."""
        stays = {"case": number, "_id": {"$nin": list(moved)}}
        mails = {**stays, "kind": {"$in": MAIL_KINDS}}
        oldest = await self._mails.find(
            stays, ["_id"], sort="recorded_at", limit=1, session=session
        )
        return LeftCase(
            has_mails=bool(await self._comments.find(mails, ["_id"], limit=1, session=session)),
            has_opener=bool(
                await self._mails.find(
                    {**stays, "outcome": "opened"}, ["_id"], limit=1, session=session
                )
            ),
            oldest=oldest[0]["_id"] if oldest else None,
        )

    async def _first_number(self, build: DocumentBuilder, session: Session) -> int:
        """The number of the first new case.

        Taken late, so that other writers wait for the counter as briefly as possible; and within
        the transaction, so that numbers have no gaps.
        """
        if restored := build.restored_numbers:
            await self._counters.raise_to(COUNTER, "value", max(restored), session)
        if not build.new_numbers:
            return 1
        last = await self._counters.increment(COUNTER, "value", build.new_numbers, session)
        return last - build.new_numbers + 1

    async def _forget_retried(self, documents: Documents, session: Session) -> None:
        for key, seen in documents.retried.items():
            if not await self._mails.delete({"_id": key, "written_by": seen}, session):
                raise ConflictError(f"mail {key} was retried by someone else")

    async def _count_deliveries(self, documents: Documents, session: Session) -> None:
        attempt = documents.attempt
        counts = [
            # After an unclear commit, nothing else in the database shows that this attempt counted
            # it.
            (
                {"_id": key, "counted_by": {"$ne": attempt}},
                {"$inc": {"deliveries": count}, "$set": {"counted_by": attempt}},
            )
            for key, count in documents.deliveries.items()
        ]
        await self._mails.update_each(counts, session)

    async def _update_cases(self, documents: Documents, session: Session) -> None:
        """Update cases, unless someone else changed one since it was read."""
        updates = [
            ({"_id": before.number, **at_revision(before.revision)}, {"$set": changed})
            for before, after in documents.case_updates
            if (changed := changed_fields(before, after))
        ]
        if await self._cases.update_each(updates, session) != len(updates):
            raise ConflictError("another writer changed a case first")

    async def _claim_threads(self, documents: Documents, session: Session) -> None:
        for claim in documents.claims:
            change = {"claimed_by": claim.claimed_by, "case": claim.case, "digest": claim.digest}
            free = {"$in": [None, documents.released.get(claim.id)]}
            query = {"_id": claim.id, "claimed_by": free}
            if not await self._threads.update(query, {"$set": change}, session):
                raise ConflictError(f"another mail claimed the thread {claim.id!r} first")

    async def _replace(self, documents: Documents, session: Session) -> None:
        """Replace comments and decisions, unless someone else changed a mail since it was read."""
        replaced = documents.replaced
        mails = [_replaced_outcome(replacement, documents) for replacement in replaced]
        if await self._mails.update_each(mails, session) != len(mails):
            raise ConflictError("another writer changed a mail first")
        comments = [
            ({"_id": replacement.key}, {"$set": to_document(replacement.comment)})
            for replacement in replaced
        ]
        await self._comments.update_each(comments, session)
        for moved in filter(attrgetter("moves"), replaced):
            owned = {"$or": [{"claimed_by": moved.key}, {"claimed_by": None, "case": moved.was}]}
            query = {"_id": {"$in": moved.threads}, **owned}
            await self._threads.update_all(query, {"$set": {"case": moved.comment.case}}, session)
        opener = {"$set": {"outcome": "opened", "written_by": documents.attempt}}
        await self._mails.update_each(
            [({"_id": key}, opener) for key in documents.openers], session
        )

    async def _replace_verdicts(self, documents: Documents, session: Session) -> None:
        changes = [_replaced_verdict(verdict, documents) for verdict in documents.verdicts]
        if await self._mails.update_each(changes, session) != len(changes):
            raise ConflictError("another writer changed a mail first")

    async def _mark_bounced(self, bounced: Bounced, session: Session) -> None:
        """Mark the sent comment as undeliverable, and the outbox, which passes the mark on to a
        comment that is written later.
        """
        ours = {"case": bounced.case, "message_id": {"$in": bounced.message_ids}}
        change = {
            "$addToSet": {"flags": UNDELIVERABLE.value},
            "$set": {"failure": reported_by(bounced.mail_key)},
        }
        await self._comments.update_all({**ours, "kind": "sent"}, change, session)
        await self._outbox.update_all(ours, {"$set": {"bounced_by": bounced.mail_key}}, session)

    async def _update_senders(self, senders: Sequence[Sender], session: Session) -> None:
        """Replace the previous version of known histories, unless another writer did."""
        changed = [
            ({"_id": sender.id, "version": sender.version - 1}, {"$set": to_document(sender)})
            for sender in senders
            if sender.version > 1
        ]
        if await self._senders.update_each(changed, session) != len(changed):
            raise ConflictError("another writer counted a new case of the same sender first")


def _new_documents(documents: Documents) -> dict[str, list[Document]]:
    """What is inserted, by collection, in the order in which it is inserted. New histories of
    senders have version 1.
    """
    new_senders = [sender for sender in documents.senders if sender.version == 1]
    inserted: dict[str, Sequence[Struct]] = {
        Mail.COLLECTION: documents.mails,
        Comment.COLLECTION: documents.comments,
        Case.COLLECTION: documents.cases,
        Thread.COLLECTION: documents.threads,
        Sender.COLLECTION: new_senders,
        OutgoingMail.COLLECTION: documents.outgoing,
    }
    return {
        **{name: [to_document(each) for each in structs] for name, structs in inserted.items()},
        **history_documents(documents.written_history),
    }


_Update = tuple[dict[str, Any], dict[str, Any]]


def _replaced_outcome(replaced: Replacement, documents: Documents) -> _Update:
    fields = {
        "decision": to_document(replaced.decision),
        "outcome": replaced.outcome,
        "case": replaced.comment.case,
        "written_by": documents.attempt,
        "rederived_at": documents.now,
    }
    if replaced.moves:
        fields["moved_from"] = replaced.was
    return {"_id": replaced.key, "written_by": replaced.seen}, {"$set": fields}


def _replaced_verdict(verdict: VerdictReplacement, documents: Documents) -> _Update:
    fields = {
        "decision": to_document(verdict.decision),
        "reason": verdict.reason,
        "written_by": documents.attempt,
        "rederived_at": documents.now,
    }
    return {"_id": verdict.key, "written_by": verdict.seen}, {"$set": fields}
