"""Reads cases and their parts page by page. Every method takes a filter for what may be seen."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from schemas.changes import Change
from schemas.flags import CommentFlag
from schemas.stored import Case, Comment, OutgoingMail, from_document
from services.casework.listing import RelatedCase
from services.runtime.store.collection import Document
from services.runtime.store.mongo import Store

Filter = Mapping[str, Any]
MAX_RELATED = 50


_REFERRED = ("referred-by", "")


def _joined(collection: str, pipelines: Sequence[Sequence[Document]]) -> list[Document]:
    """One pipeline with the results of several over the same collection, in their order: a request
    costs more than what these read.
    """
    first, *others = pipelines
    union = [{"$unionWith": {"coll": collection, "pipeline": list(other)}} for other in others]
    return [*first, *union]


class CaseReader:
    """Reads from MongoDB. Methods raise TransientError in an outage."""

    def __init__(self, store: Store) -> None:
        self._cases = store.collection(Case.COLLECTION)
        self._comments = store.collection(Comment.COLLECTION)
        self._changes = store.collection(Change.COLLECTION)
        self._outbox = store.collection(OutgoingMail.COLLECTION)

    async def ensure_indexes(self) -> None:
        """Create the indexes by which the desk sorts and counts lists and finds the parts of a
        case.

        Every index slows down the writing of mails, so there are few: a list without a status
        queries both, and MongoDB merges the two ranges of one index.
        """
        latest = ("-updated_at", "-_id")
        await self._cases.ensure_index("process", "status", *latest)
        await self._cases.ensure_index("process", "stage", "status", *latest)
        dated = {"due_at": {"$type": "date"}}
        await self._cases.ensure_index("process", "status", "due_at", "_id", where=dated)
        await self._cases.ensure_index("refers_to", where={"refers_to": {"$gt": 0}})
        moved = {"what.type": "stage-moved"}
        await self._changes.ensure_index("what.from_process", "at", where=moved)
        await self._comments.ensure_index("case", "at")
        await self._outbox.ensure_index("case")

    async def case(self, number: int, visible: Filter) -> Case | None:
        """The case; None if it does not exist or may not be seen."""
        document = await self._cases.find_one({"_id": number, **visible})
        return from_document(document, Case) if document else None

    async def cases(
        self,
        queries: Sequence[Filter],
        *,
        sort: Sequence[str],
        limit: int,
        max_time_ms: int | None = None,
    ) -> list[Case]:
        """The cases that match all of `queries`, in the order of `sort`.

        Raises QueryTimeoutError after `max_time_ms`; None means no limit.
        """
        found = await self._cases.find(
            {"$and": list(queries)}, sort=sort, limit=limit, max_time_ms=max_time_ms
        )
        return [from_document(document, Case) for document in found]

    async def count(
        self,
        queries: Sequence[Filter],
        *,
        most: int,
        max_time_ms: int | None = None,
        index: Sequence[str] | None = None,
    ) -> int:
        """How many cases match all of `queries`, but at most `most`, with the index `index` if it
        is given.

        Raises QueryTimeoutError after `max_time_ms`; None means no limit.
        """
        return await self._cases.count(
            {"$and": list(queries)}, most=most, max_time_ms=max_time_ms, index=index
        )

    async def count_each(
        self, queries: Sequence[Filter], *, most: int, first_index: Sequence[str] | None = None
    ) -> list[int]:
        """How many cases match each of `queries`, by one request; `most` when there are more. The
        first is counted with the index `first_index` if it is given.
        """
        pipelines: list[list[Document]] = [
            [
                {"$match": query},
                {"$limit": most},
                {"$group": {"_id": {"$literal": place}, "cases": {"$sum": 1}}},
            ]
            for place, query in enumerate(queries)
        ]
        rows = await self._cases.aggregate(_joined(Case.COLLECTION, pipelines), index=first_index)
        counts = {row["_id"]: row["cases"] for row in rows}
        return [counts.get(place, 0) for place in range(len(queries))]

    async def counts_by_stage(self, processes: Sequence[str]) -> dict[tuple[str, str], int]:
        """How many open cases are at each (process, stage). Reads only an index."""
        group = {"_id": {"process": "$process", "stage": "$stage"}, "cases": {"$sum": 1}}
        match = {"process": {"$in": list(processes)}, "stage": {"$gt": ""}, "status": "open"}
        rows = await self._cases.aggregate([{"$match": match}, {"$group": group}])
        return {(row["_id"]["process"], row["_id"]["stage"]): row["cases"] for row in rows}

    async def neighbors(self, case: Case, visible: Filter) -> tuple[list[int], list[RelatedCase]]:
        """The numbers of the cases that were merged into this one; and at most 50 cases that are
        linked to it, that it refers to, or that refer to it, if they may be seen.
        """
        kinds = {link.case: (str(link.kind), link.by) for link in case.links[:MAX_RELATED]}
        if case.refers_to is not None:
            kinds.setdefault(case.refers_to, ("refers-to", ""))
        pipelines: list[list[Document]] = [
            [{"$match": {"merged_into": case.number}}, {"$project": {"_id": 1}}]
        ]
        # One after the other, as each has its own index.
        wanted: Filter
        for wanted in ({"refers_to": case.number}, {"_id": {"$in": list(kinds)}}):
            match = {"$match": {"$and": [wanted, visible]}}
            pipelines.append([match, {"$limit": MAX_RELATED}, {"$project": {"title": 1}}])
        rows = await self._cases.aggregate(_joined(Case.COLLECTION, pipelines))
        titles = {row["_id"]: row["title"] for row in rows if "title" in row}
        related = [
            RelatedCase(number, titles[number], *kinds.get(number, _REFERRED))
            for number in sorted(titles)
            if number != case.number
        ]
        return sorted(row["_id"] for row in rows if "title" not in row), related[:MAX_RELATED]

    async def moved_out(self, processes: Sequence[str], since: datetime) -> list[int]:
        """The cases that moved from one of `processes` to another process since then, in order of
        number.
        """
        moved = {
            "what.type": "stage-moved",
            "what.from_process": {"$in": list(processes)},
            "what.to_process": {"$nin": list(processes)},
            "at": {"$gte": since},
        }
        found = await self._changes.find(moved, ["case"], sort="case")
        return sorted({document["case"] for document in found})

    async def comments(
        self, number: int, queries: Sequence[Filter], *, limit: int
    ) -> list[Comment]:
        """The comments of a case that match all of `queries`, oldest first."""
        query = {"$and": [{"case": number}, *queries]}
        found = await self._comments.find(query, sort=("at", "_id"), limit=limit)
        return [from_document(document, Comment) for document in found]

    async def comment(self, number: int, comment_id: str) -> Comment | None:
        """One comment of a case; None if the case has no comment with that id."""
        document = await self._comments.find_one({"_id": comment_id, "case": number})
        return from_document(document, Comment) if document else None

    async def latest_mail(self, number: int) -> Comment | None:
        """The mail that an answer replies to: the latest of a participant that has a Message-ID."""
        query = {
            "case": number,
            "kind": "mail",
            "flags": {"$ne": CommentFlag.UNVERIFIED_SENDER.value},
            "message_id": {"$ne": None},
        }
        for document in await self._comments.find(query, sort="-at", limit=1):
            return from_document(document, Comment)
        return None

    async def comment_with_file(self, number: int, sha256: str) -> Comment | None:
        """A comment of the case that has an attachment with this content; None if there is none."""
        document = await self._comments.find_one({"case": number, "attachments.sha256": sha256})
        return from_document(document, Comment) if document else None

    async def changes(self, number: int, *, after: int, limit: int) -> list[Change]:
        """The history above revision `after`, in order."""
        query = {"case": number, "revision": {"$gt": after}}
        found = await self._changes.find(query, sort="revision", limit=limit)
        return [from_document(document, Change) for document in found]

    async def answered_at(self, number: int, outgoing_id: str) -> int | None:
        """The revision of a case that was created by writing an answer; None if there is none."""
        answered = {"case": number, "what.type": "answered", "what.outgoing": outgoing_id}
        for document in await self._changes.find(answered, ["revision"], sort="-revision", limit=1):
            revision: int = document["revision"]
            return revision
        return None

    async def outgoing(self, number: int) -> list[OutgoingMail]:
        """The unfinished outgoing mails of a case, oldest first."""
        query = {"case": number, "state": {"$in": ["pending", "claimed"]}}
        found = await self._outbox.find(query, sort="created_at")
        return [from_document(document, OutgoingMail) for document in found]

    async def answer(self, number: int, outgoing_id: str) -> OutgoingMail | None:
        """An answer of the case that waits or was sent; None if there is none, if it was recalled,
        or if nobody accepted it.
        """
        wanted = ["pending", "claimed", "sent"]
        query = {"_id": outgoing_id, "case": number, "state": {"$in": wanted}}
        document = await self._outbox.find_one(query)
        return from_document(document, OutgoingMail) if document else None

    async def failed_mails(self, number: int) -> list[OutgoingMail]:
        """The outgoing mails of a case that were not delivered to someone."""
        failed = [{"bounced_by": {"$ne": None}}, {"state": {"$in": ["refused", "given-up"]}}]
        found = await self._outbox.find({"case": number, "$or": failed}, sort="created_at")
        return [from_document(document, OutgoingMail) for document in found]
