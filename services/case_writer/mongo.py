"""The case writer's side of the database: what is known, and one transaction a batch."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.stored import Sender, to_document
from services.case_writer.documents import CaseChange, Documents, Writing, documents
from services.case_writer.known import Known, KnownCase, KnownThread, Openings, Query, RecordedMail
from services.case_writer.plan import Plan
from services.case_writer.standing import ParkedGroup
from services.runtime.store import ConflictError, Session, Store

COUNTER = "case"
SENDERS_KEPT = timedelta(days=1)  # the longest window that the settings allow

_RECORDED = ("outcome", "process", "case", "reason", "written_by", "deliveries")


class MongoCases:
    """Cases, comments, threads and outcomes in MongoDB. Methods raise the errors of `Store.transaction`."""

    def __init__(self, store: Store, initial_stages: Mapping[str, str]) -> None:
        """`initial_stages` maps each process to the name of its initial stage."""
        self._store = store
        self._initial_stages = initial_stages
        self._cases = store.collection("cases")
        self._comments = store.collection("comments")
        self._threads = store.collection("threads")
        self._mails = store.collection("mails")
        self._counters = store.collection("counters")
        self._senders = store.collection("senders")

    async def ensure_indexes(self) -> None:
        """What people and `mailcase` look things up by; the rest goes by `_id`."""
        await self._comments.ensure_index("case", "at")
        await self._comments.ensure_index("message_id")
        await self._cases.ensure_index("process", "status", "-updated_at")
        await self._threads.ensure_index("case")
        await self._mails.ensure_index("outcome", "recorded_at")
        await self._mails.ensure_index("case")
        await self._senders.ensure_expiry("expires_at")

    async def known(self, query: Query) -> Known:
        """What the database holds of the things asked about, as a majority wrote it."""
        mails = {
            one["_id"]: RecordedMail(**{name: one[name] for name in _RECORDED})
            for one in await _by_ids(self._mails, query.mails, _RECORDED)
        }
        threads = {
            one["_id"]: KnownThread(one["case"], one["claimed_by"])
            for one in await _by_ids(self._threads, query.threads)
        }
        senders = {
            one["_id"]: Openings(tuple(one["times"]), one["alerted_at"], one["version"])
            for one in await _by_ids(self._senders, query.senders)
        }
        numbers = {*query.cases, *(one.case for one in threads.values())}
        numbers.update(one.case for one in mails.values() if one.case is not None)
        fields = ["process", "stage", "status", "title", "participants"]
        cases = {
            one["_id"]: KnownCase(
                one["process"], one["stage"], one["status"], one["title"], frozenset(one["participants"])
            )
            for one in await _by_ids(self._cases, sorted(numbers), fields)
        }
        return Known(mails, cases, threads, senders)

    async def parked(self) -> list[ParkedGroup]:
        """The parked mails that nobody discarded, by process and reason."""
        waiting = {"outcome": "parked", "discarded": None}  # also where there is no such field
        by = {"process": "$process", "reason": "$reason"}
        sums = {"mails": {"$sum": 1}, "oldest": {"$min": "$recorded_at"}}
        groups = await self._mails.aggregate([{"$match": waiting}, {"$group": {"_id": by, **sums}}])
        return [
            ParkedGroup(one["_id"]["process"], one["_id"].get("reason") or "", one["mails"], one["oldest"])
            for one in groups
        ]

    async def write(self, plan: Plan, attempt: str) -> Documents:
        """Write a plan whole or not at all; returns what was written."""

        async def body(session: Session) -> Documents:
            return await self._write(plan, attempt, session)

        return await self._store.transaction(body)

    async def _write(self, plan: Plan, attempt: str, session: Session) -> Documents:
        # Late, so that other writers wait for this number as shortly as may be; inside, so that numbers have no gaps.
        opened = len(plan.new_cases)
        last = await self._counters.increment(COUNTER, "value", opened, session) if opened else 0
        now = datetime.now(UTC)
        written = documents(plan, Writing(now, attempt, last - opened + 1, self._initial_stages))
        await self._forget_retried(plan, session)
        await self._mails.insert([to_document(one) for one in written.mails], session)
        # After the mails: one of them may have come twice in this batch.
        await self._mails.update_each([({"_id": key}, {"$inc": {"deliveries": 1}}) for key in plan.duplicates], session)
        await self._comments.insert([to_document(one) for one in written.comments], session)
        await self._cases.insert([to_document(one) for one in written.cases], session)
        await self._threads.insert([to_document(one) for one in written.threads], session)
        for claim in written.claims:
            change = {"$set": {"claimed_by": claim.claimed_by, "case": claim.case}}
            if not await self._threads.update({"_id": claim.id, "claimed_by": None}, change, session):
                raise ConflictError(f"another mail claimed the thread {claim.id!r} first")
        await self._cases.update_each(
            [({"_id": number}, _case_change(change, now)) for number, change in written.changes.items()], session
        )
        await self._count_openings(plan, now, session)
        return written

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


async def _by_ids(collection: Any, ids: Sequence[Any], fields: Sequence[str] | None = None) -> list[dict[str, Any]]:
    if not ids:
        return []
    found: list[dict[str, Any]] = await collection.find({"_id": {"$in": list(ids)}}, fields)
    return found


def _case_change(change: CaseChange, now: datetime) -> dict[str, Any]:
    update: dict[str, Any] = {
        "$inc": {"comment_count": change.comments, "attachment_count": change.attachments},
        "$max": {"updated_at": now},
    }
    if change.reopens:
        update["$set"] = {"status": "open"}
    if change.participants:
        update["$addToSet"] = {"participants": {"$each": list(dict.fromkeys(change.participants))}}
    return update
