"""The case writer's side of the database: what is known, and one transaction a batch."""

import asyncio
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from msgspec import structs

from schemas.cases import Decision
from schemas.changes import Actor, Change, Closed, Noted
from schemas.stored import UNDELIVERABLE, Case, Comment, LimitAlert, Sender, from_document, reported_by, to_document
from services.case_writer.placement.plan import Plan
from services.case_writer.placement.snapshot import (
    CaseSnapshot,
    RecordedMail,
    SenderHistory,
    Snapshot,
    SnapshotQuery,
    ThreadSnapshot,
)
from services.case_writer.recording.comments import emptied_note
from services.case_writer.recording.documents import (
    Acknowledge,
    Bounced,
    CaseChange,
    Documents,
    Replacement,
    TransactionContext,
    build_documents,
)
from services.case_writer.recording.history import HistoryEntry, StageDue, number_history
from services.casework.parked import ParkedGroup, ParkedMailRepository
from services.casework.persistence.records import at_revision
from services.runtime.store.errors import ConflictError
from services.runtime.store.mongo import Session, Store

COUNTER = "case"
SENDERS_KEPT = timedelta(days=1)  # the longest window that the settings allow

_RECORDED = ("outcome", "process", "case", "reason", "written_by", "deliveries")
_LATER = ("moved_from", "placed_by", "reopened", "refers_to")  # not in documents of earlier versions
EMPTIED = Actor(kind="rule", id="emptied")
MAIL_KINDS = ["mail", "bounce", "automatic"]  # comments that are mails which came


class MongoCases:
    """Cases, comments, threads and outcomes in MongoDB. Methods raise the errors of `Store.transaction`."""

    def __init__(
        self,
        store: Store,
        initial_stages: Mapping[str, str],
        acknowledge: Acknowledge = lambda *_: None,
        stage_due: StageDue = lambda *_: None,
    ) -> None:
        """`initial_stages` maps each process to the name of its initial stage.

        For `acknowledge` see `Writing`, for `stage_due` see `number_history`.
        """
        self._store = store
        self._initial_stages = initial_stages
        self._acknowledge = acknowledge
        self._stage_due = stage_due
        self._changes = store.collection(Change.COLLECTION)
        self._cases = store.collection("cases")
        self._comments = store.collection("comments")
        self._threads = store.collection("threads")
        self._mails = store.collection("mails")
        self._counters = store.collection("counters")
        self._senders = store.collection("senders")
        self._outbox = store.collection("outbox")

    async def ensure_indexes(self) -> None:
        """What people and `mailcase` look things up by; the rest goes by `_id`."""
        await self._comments.ensure_index("case", "at")
        await self._comments.ensure_index("message_id")
        await self._cases.ensure_index("process", "status", "-updated_at")
        await self._threads.ensure_index("case")
        await self._mails.ensure_index("outcome", "recorded_at")
        await self._mails.ensure_index("case")
        await self._senders.ensure_expiry("expires_at")
        await self._outbox.ensure_index("case")
        await self._outbox.ensure_index("message_id")

    async def ensure_numbers(self) -> None:
        """Let no case get a number that another has, though the counter be lost or older than the cases.

        So it is in a backup that was not one consistent picture; then no mail could open a case.
        """
        for last in await self._cases.find({}, ["_id"], sort="-_id", limit=1):
            await self._counters.raise_to(COUNTER, "value", last["_id"])

    async def known(self, query: SnapshotQuery) -> Snapshot:
        """What the database holds of the things asked about, as a majority wrote it."""
        mails, threads, senders = await asyncio.gather(
            self._known_mails(query), self._known_threads(query), self._known_senders(query)
        )
        # After the mails: a mail's version then is no newer than its comment, and a stale one is refused in writing.
        comments = {one["_id"]: from_document(one, Comment) for one in await _by_ids(self._comments, query.comments)}
        numbers = {*query.cases, *(one.case for one in threads.values())}
        numbers.update(one.case for one in mails.values() if one.case is not None)
        return Snapshot(mails, await self._known_cases(numbers), threads, senders, comments)

    async def _known_cases(self, numbers: Collection[int]) -> dict[int, CaseSnapshot]:
        """The cases, and those that they were merged into, however long the chain."""
        fields = ["process", "stage", "status", "title", "participants", "refers_to", "merged_into"]
        known: dict[int, CaseSnapshot] = {}
        wanted = set(numbers)
        while wanted:
            found = await _by_ids(self._cases, sorted(wanted), fields)
            known |= {one["_id"]: _known_case(one) for one in found}
            wanted = {one.merged_into for one in known.values() if one.merged_into is not None} - set(known)
            wanted -= {number for number in wanted if not found}
        return known

    async def _known_mails(self, query: SnapshotQuery) -> dict[str, RecordedMail]:
        return {
            one["_id"]: RecordedMail(
                **{name: one[name] for name in _RECORDED},
                decision=msgspec.convert(one["decision"], Decision),
                alert=msgspec.convert(one.get("alert"), LimitAlert | None),
                **{name: one[name] for name in _LATER if name in one},
            )
            for one in await _by_ids(self._mails, query.mails, [*_RECORDED, *_LATER, "decision", "alert"])
        }

    async def _known_threads(self, query: SnapshotQuery) -> dict[str, ThreadSnapshot]:
        return {
            one["_id"]: ThreadSnapshot(one["case"], one["claimed_by"], one.get("digest"))
            for one in await _by_ids(self._threads, query.threads)
        }

    async def _known_senders(self, query: SnapshotQuery) -> dict[str, SenderHistory]:
        return {
            one["_id"]: SenderHistory(tuple(one["times"]), one["alerted_at"], one["version"])
            for one in await _by_ids(self._senders, query.senders)
        }

    async def parked(self) -> list[ParkedGroup]:
        """The parked mails that nobody discarded, by process and reason."""
        return await ParkedMailRepository(self._store).groups()

    async def overdue(self) -> dict[str, int]:
        """How many open cases are overdue, by process."""
        late = {"$match": {"status": "open", "overdue_at": {"$ne": None}}}
        groups = await self._cases.aggregate([late, {"$group": {"_id": "$process", "cases": {"$sum": 1}}}])
        return {one["_id"]: one["cases"] for one in groups}

    async def prove_majority(self) -> None:
        await self._store.prove_majority()

    async def write(self, plan: Plan, attempt: str) -> Documents:
        """Write a plan whole or not at all; returns what was written."""

        async def body(session: Session) -> Documents:
            return await self._write(plan, attempt, session)

        return await self._store.transaction(body)

    async def _write(self, plan: Plan, attempt: str, session: Session) -> Documents:
        # Late, so that other writers wait for this number as shortly as may be; inside, so that numbers have no gaps.
        before = [case.number for case in plan.new_cases if case.number is not None]
        if before:
            await self._counters.raise_to(COUNTER, "value", max(before), session)
        opened = len(plan.new_cases) - len(before)
        last = await self._counters.increment(COUNTER, "value", opened, session) if opened else 0
        now = datetime.now(UTC)
        written = build_documents(
            plan, TransactionContext(now, attempt, last - opened + 1, self._initial_stages, self._acknowledge)
        )
        await self._forget_retried(plan, session)
        await self._mails.insert([to_document(one) for one in written.mails], session)
        # After the mails: one of them may have come twice in this batch.
        await self._mails.update_each(
            [
                # Nothing else in the database shows, after an unclear commit, that this attempt has counted it.
                (
                    {"_id": key, "counted_by": {"$ne": attempt}},
                    {"$inc": {"deliveries": by}, "$set": {"counted_by": attempt}},
                )
                for key, by in Counter(plan.duplicates).items()
            ],
            session,
        )
        await self._comments.insert([to_document(one) for one in written.comments], session)
        await self._replace(written, attempt, now, session)
        await self._write_cases(plan, written, now, session)
        await self._threads.insert([to_document(one) for one in written.threads], session)
        for claim in written.claims:
            change = {"$set": {"claimed_by": claim.claimed_by, "case": claim.case, "digest": claim.digest}}
            if not await self._threads.update({"_id": claim.id, "claimed_by": None}, change, session):
                raise ConflictError(f"another mail claimed the thread {claim.id!r} first")
        await self._reconsider(plan, attempt, now, session)
        await self._count_openings(plan, now, session)
        await self._outbox.insert([to_document(one) for one in written.outgoing], session)
        for bounced in written.bounced:
            await self._mark_bounced(bounced, session)
        return written

    async def _write_cases(self, plan: Plan, written: Documents, now: datetime, session: Session) -> None:
        """Cases and their history, unless someone else worked a case since the plan was made."""
        new = {case.number for case in written.cases}
        existing = sorted(({entry.case for entry in written.history} | set(written.changes)) - new)
        found = await self._cases.find({"_id": {"$in": existing}}, session=session) if existing else []
        cases = {one["_id"]: from_document(one, Case) for one in found}
        for number, seen in plan.seen.items():
            case = cases.get(number)
            if case is not None and (case.status, case.merged_into) != seen:
                raise ConflictError(f"case {number} was closed, reopened or merged by someone else first")
        entries = [entry for entry in written.history if entry.case in cases or entry.case in new]
        numbered = number_history(entries, cases, now, self._stage_due)
        await self._cases.insert(
            [
                to_document(
                    structs.replace(one, **numbered.fields[one.number], revision=numbered.revisions[one.number])
                )
                for one in written.cases
            ],
            session,
        )
        changes = [
            (
                {"_id": number, **at_revision(cases[number].revision)},
                _case_change(change, numbered.fields.get(number, {}), numbered.revisions.get(number), now),
            )
            for number, change in written.changes.items()
            if number in cases
        ]
        if await self._cases.update_each(changes, session) != len(changes):
            raise ConflictError("another writer changed a case first")
        await self._changes.insert([to_document(one) for one in numbered.changes], session)
        written.written_history = numbered.changes

    async def _replace(self, written: Documents, attempt: str, now: datetime, session: Session) -> None:
        """Comments and decisions of today, unless someone else changed the mail since it was looked at."""
        replaced = written.replaced
        mails = [
            (
                {"_id": one.key, "written_by": one.seen},
                {
                    "$set": {
                        "decision": to_document(one.decision),
                        "outcome": one.outcome,
                        "case": one.comment.case,
                        "written_by": attempt,
                        "rederived_at": now,
                    }
                    | ({"moved_from": one.was} if one.moves else {})
                },
            )
            for one in replaced
        ]
        if await self._mails.update_each(mails, session) != len(mails):
            raise ConflictError("another writer changed a mail first")
        await self._comments.update_each(
            [({"_id": one.key}, {"$set": to_document(one.comment)}) for one in replaced], session
        )
        stayed = [one for one in replaced if one.outcome == "opened" and not one.moves]
        await self._cases.update_each([change for one in stayed for change in _derived_of_case(one)], session)
        moved = [one for one in replaced if one.moves]
        for one in moved:
            mine = {"$or": [{"claimed_by": one.key}, {"claimed_by": None, "case": one.was}]}
            new_home = {"$set": {"case": one.comment.case}}
            await self._threads.update_all({"_id": {"$in": one.threads}, **mine}, new_home, session)
        for number, to in {one.was: one.comment.case for one in moved}.items():
            note = emptied_note(number, to, f"{attempt}.{number}", now)
            await self._settle(written, note, attempt, session)

    async def _settle(self, written: Documents, note: Comment, attempt: str, session: Session) -> None:
        """A case that a mail has left: closed with `note` if it was the last one, else opened by the oldest left."""
        number = note.case
        if not await self._comments.count({"case": number, "kind": {"$in": MAIL_KINDS}}, session):
            await self._comments.insert([to_document(note)], session)
            written.changes[number].comments += 1
            written.changes[number].touches = True
            written.history += [
                HistoryEntry(number, Noted(comment=note.id), EMPTIED),
                HistoryEntry(number, Closed(), EMPTIED),
            ]
            return
        if await self._mails.count({"case": number, "outcome": "opened"}, session):
            return
        for oldest in await self._mails.find({"case": number}, ["_id"], sort="recorded_at", limit=1, session=session):
            await self._mails.update(oldest, {"$set": {"outcome": "opened", "written_by": attempt}}, session)

    async def _reconsider(self, plan: Plan, attempt: str, now: datetime, session: Session) -> None:
        changes = [
            (
                {"_id": one.item.key, "written_by": one.recorded.written_by},
                {
                    "$set": {
                        "decision": to_document(one.decision),
                        "reason": one.reason,
                        "written_by": attempt,
                        "rederived_at": now,
                    }
                },
            )
            for one in plan.reconsidered
        ]
        if await self._mails.update_each(changes, session) != len(changes):
            raise ConflictError("another writer changed a mail first")

    async def _mark_bounced(self, bounced: Bounced, session: Session) -> None:
        """On the sent comment, and in the outbox, from where a comment that is not written yet gets it."""
        ours = {"case": bounced.case, "message_id": {"$in": bounced.message_ids}}
        change = {
            "$addToSet": {"flags": UNDELIVERABLE},
            "$set": {"failure": reported_by(bounced.mail_key)},
        }
        await self._comments.update_all({**ours, "kind": "sent"}, change, session)
        await self._outbox.update_all(ours, {"$set": {"bounced_by": bounced.mail_key}}, session)

    async def _forget_retried(self, plan: Plan, session: Session) -> None:
        """The outcomes that a retry replaces; someone else's retry may have been first."""
        for key, recorded in plan.retried.items():
            if not await self._mails.delete({"_id": key, "written_by": recorded.written_by}, session):
                raise ConflictError(f"mail {key} was retried by someone else")

    async def _count_openings(self, plan: Plan, now: datetime, session: Session) -> None:
        new, known = [], []
        for key, openings in plan.senders.items():
            sender = Sender(
                id=key,
                times=list(openings.times),
                alerted_at=openings.alerted_at,
                version=openings.version + 1,
                expires_at=now + SENDERS_KEPT,
            )
            document = to_document(sender)
            if openings.version:
                known.append(({"_id": key, "version": openings.version}, {"$set": document}))
            else:
                new.append(document)
        await self._senders.insert(new, session)
        if await self._senders.update_each(known, session) != len(known):
            raise ConflictError("another writer counted a new case of the same sender first")


def _derived_of_case(one: Replacement) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """The opener of a case follows the mail that opened it; so does its title, by the history."""
    before, today, number = one.before, one.comment, one.comment.case
    changes: list[tuple[dict[str, Any], dict[str, Any]]] = []
    if before.author != today.author:
        found = {"_id": number, "opened_by": to_document(before.author)}
        changes.append((found, {"$set": {"opened_by": to_document(today.author)}}))
    return changes


async def _by_ids(collection: Any, ids: Sequence[Any], fields: Sequence[str] | None = None) -> list[dict[str, Any]]:
    if not ids:
        return []
    found: list[dict[str, Any]] = await collection.find({"_id": {"$in": list(ids)}}, fields)
    return found


def _known_case(document: dict[str, Any]) -> CaseSnapshot:
    return CaseSnapshot(
        document["process"],
        document["stage"],
        document["status"],
        document["title"],
        frozenset(document["participants"]),
        document.get("refers_to"),
        document.get("merged_into"),
    )


def _case_change(change: CaseChange, fields: Mapping[str, Any], revision: int | None, now: datetime) -> dict[str, Any]:
    update: dict[str, Any] = {
        "$inc": {"comment_count": change.comments, "attachment_count": change.attachments},
    }
    if revision is not None:
        update["$set"] = {**fields, "revision": revision}
    if change.touches:
        update["$max"] = {"updated_at": now}
    if change.participants:
        update["$addToSet"] = {"participants": {"$each": list(dict.fromkeys(change.participants))}}
    return update
