"""Checks the database for consistency, page by page. Each page is a snapshot, so that live mail
causes no false findings.
"""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from schemas.changes import Change, Publication
from schemas.stored import Case
from services.case_writer.recording.mongo import MAIL_KINDS
from services.cli.audit.blob_checks import BlobChecks
from services.cli.audit.findings import (
    Document,
    Finding,
    of_case,
    of_mail,
    of_outgoing,
    of_thread,
)
from services.cli.audit.history import (
    linked_cases,
    of_change,
    of_fields,
    of_histories,
    of_links,
    of_publication,
    proofs,
)
from services.cli.audit.lookup import by_id
from services.cli.audit.number_checks import number_findings
from services.runtime.store.blobs import FILES
from services.runtime.store.collection import Session
from services.runtime.store.contention import retry_conflicts
from services.runtime.store.mongo import Store

PAGE = 500
# Per page, since a transaction may take a minute (transactionLifetimeLimitSeconds).
COMMENTS_AT_ONCE = 50_000
LARGE_CASE_ATTEMPTS = 5
_CASE_FIELDS = ["comment_count", "attachment_count"]

Check = Callable[[Sequence[Document], Session], Awaitable[list[Finding]]]


class Auditor:
    """Runs all checks and counts documents in `sums`.

    `deep` reads every blob. Raises TransientError.
    """

    def __init__(self, store: Store, *, deep: bool = False) -> None:
        self._store = store
        self._deep = deep
        self._blobs = BlobChecks(store)
        self.sums: Counter[str] = Counter()

    async def findings(self) -> AsyncIterator[Finding]:
        checks: dict[str, tuple[Check, list[str]]] = {
            "mails": (self._mails, ["outcome", "case", "reason", "raw", "deliveries"]),
            "comments": (self._comments, ["case", "kind", "attachments", "original"]),
            "cases": (self._cases, _CASE_FIELDS),
            "threads": (self._threads, ["case", "claimed_by"]),
            "outbox": (
                self._outgoing,
                ["kind", "case", "state", "due_at", "caused_by", "attachments"],
            ),
            FILES: (self._blobs.incomplete, ["length", "chunkSize"]),
        }
        for collection, (check, fields) in checks.items():
            async for finding in self._paged(collection, fields, check):
                yield finding
        async for finding in self._histories():
            yield finding
        async for finding in number_findings(self._store):
            yield finding
        if self._deep:
            async for finding in self._blobs.damaged():
                yield finding
        if self._blobs.unreferenced:
            what = (
                f"{self._blobs.unreferenced} blobs: in messages, in the archive, or due for removal"
            )
            yield Finding("unreferenced-blobs", what, harmless=True)

    async def _paged(
        self, collection: str, fields: list[str] | None, check: Check
    ) -> AsyncIterator[Finding]:
        last: Any = None
        while True:
            query = {} if last is None else {"_id": {"$gt": last}}

            async def page(
                session: Session, query: Document = query
            ) -> tuple[list[Any], list[Finding]]:
                found = await self._store.collection(collection).find(
                    query, fields, limit=PAGE, session=session
                )
                found = _within_budget(found)
                return found, await check(found, session) if found else []

            # while an index is created, a snapshot may be refused
            documents, findings = await retry_conflicts(partial(self._store.transaction, page))
            for finding in findings:
                yield finding
            if not documents:
                return
            self.sums[collection] += len(documents)
            last = documents[-1]["_id"]

    async def _histories(self) -> AsyncIterator[Finding]:
        """Check cases against their histories, then changes without a case."""
        for collection, check in (
            (Case.COLLECTION, self._history),
            (Change.COLLECTION, self._changes),
        ):
            counted = self.sums.get(collection, 0)
            async for finding in self._paged(collection, None, check):
                yield finding
            self.sums[collection] -= counted
        now = datetime.now(UTC)
        for publication in await self._store.collection(Publication.COLLECTION).find(
            {}, sort="at", limit=PAGE
        ):
            for finding in of_publication(publication, now):
                yield finding

    async def _history(self, cases: Sequence[Document], session: Session) -> list[Finding]:
        numbers = [case["_id"] for case in cases]
        changes = await self._store.collection(Change.COLLECTION).find(
            {"case": {"$in": numbers}}, sort="revision", session=session
        )
        linked = {number for case in cases for number in linked_cases(case)}
        existing = await by_id(self._store, Case.COLLECTION, linked, [], session)
        read = {key for case in cases for key in proofs(case).values()}
        mails = await by_id(self._store, "mails", read, [], session)
        return [
            *of_histories(cases, changes),
            *of_links(cases, existing),
            *of_fields(cases, mails),
        ]

    async def _changes(self, changes: Sequence[Document], session: Session) -> list[Finding]:
        cases = await by_id(
            self._store, Case.COLLECTION, {change["case"] for change in changes}, [], session
        )
        return [
            finding
            for change in changes
            for finding in of_change(change, has_case=change["case"] in cases)
        ]

    async def _mails(self, mails: Sequence[Document], session: Session) -> list[Finding]:
        comments = await by_id(
            self._store, "comments", [mail["_id"] for mail in mails], ["case"], session
        )
        for mail in mails:
            self.sums[mail["outcome"]] += 1
            self.sums["deliveries"] += mail["deliveries"]
            self.sums["duplicates"] += max(0, mail["deliveries"] - 1)
        kept = {mail["raw"]: f"mail {mail['_id']}" for mail in mails if mail["raw"] is not None}
        found = [finding for mail in mails for finding in of_mail(mail, comments.get(mail["_id"]))]
        return found + await self._blobs.missing(kept, session)

    async def _comments(self, comments: Sequence[Document], session: Session) -> list[Finding]:
        found = []
        cases = await by_id(
            self._store, "cases", {comment["case"] for comment in comments}, [], session
        )
        mails = await by_id(
            self._store, "mails", [comment["_id"] for comment in comments], ["case"], session
        )
        blobs: dict[str, str] = {}
        sizes: dict[str, int] = {}
        for comment in comments:
            where = f"comment {comment['_id']}"
            if comment["case"] not in cases:
                found.append(Finding("comment-without-case", f"{where} of case {comment['case']}"))
            if comment["kind"] in MAIL_KINDS and comment["_id"] not in mails:
                found.append(Finding("comment-without-mail", f"{where} in case {comment['case']}"))
            for file in comment["attachments"]:
                if file["blob"] != file["sha256"]:
                    found.append(Finding("attachment-hash", f"{where}: {file['name']}"))
                blobs[file["blob"]], sizes[file["blob"]] = where, file["size"]
            if comment["original"] is not None:
                blobs[comment["original"]] = where
        return found + await self._blobs.missing(blobs, session, sizes)

    async def _cases(self, cases: Sequence[Document], session: Session) -> list[Finding]:
        """Compare the comments of each case with its counts; `_large_case` handles a case too large
        for a page.
        """
        if cases[0]["comment_count"] > COMMENTS_AT_ONCE:
            return await self._large_case(cases[0])
        return await self._counted(cases, session)

    async def _large_case(self, case: Document) -> list[Finding]:
        """Check without a transaction, which would time out. Repeat if mail arrived in the
        meantime.
        """
        findings: list[Finding] = []
        for _ in range(LARGE_CASE_ATTEMPTS):
            findings = await self._counted([case], None)
            if not findings:
                break
            now = await self._store.collection("cases").find_one({"_id": case["_id"]}, _CASE_FIELDS)
            if now is None or now == case:
                break
            case = now
        return findings

    async def _counted(self, cases: Sequence[Document], session: Session | None) -> list[Finding]:
        numbers = [case["_id"] for case in cases]
        mail = {"$cond": [{"$in": ["$kind", MAIL_KINDS]}, 1, 0]}
        counts = {
            "comments": {"$sum": 1},
            "files": {"$sum": {"$size": "$attachments"}},
            "mails": {"$sum": mail},
        }
        asked = {"$match": {"case": {"$in": numbers}}}
        comments = self._store.collection("comments")
        rows = await comments.aggregate([asked, {"$group": {"_id": "$case", **counts}}], session)
        opened = {"$match": {"case": {"$in": numbers}, "outcome": "opened"}}
        mails = self._store.collection("mails")
        openers = await mails.aggregate(
            [opened, {"$group": {"_id": "$case", "count": {"$sum": 1}}}], session
        )
        by_number = {row["_id"]: row for row in rows}
        opened_by = {row["_id"]: row["count"] for row in openers}
        nothing = {"comments": 0, "files": 0, "mails": 0}
        return [
            finding
            for case in cases
            for row in [by_number.get(case["_id"], nothing)]
            for finding in of_case(
                case, row["comments"], row["files"], row["mails"], opened_by.get(case["_id"], 0)
            )
        ]

    async def _threads(self, threads: Sequence[Document], session: Session) -> list[Finding]:
        claims = {thread["claimed_by"] for thread in threads} - {None}
        mails = await by_id(self._store, "mails", claims, ["case"], session)
        comments = await by_id(
            self._store, "comments", claims - set(mails), ["case", "kind"], session
        )
        sent = {key: comment for key, comment in comments.items() if comment["kind"] == "sent"}
        cases = await by_id(
            self._store, "cases", {thread["case"] for thread in threads}, [], session
        )
        places = {key: thread["case"] for key, thread in (mails | sent).items()}
        lost = [thread for thread in threads if thread["case"] not in cases]
        found = [
            Finding("thread-without-case", f"{thread['_id']} leads to case {thread['case']}")
            for thread in lost
        ]
        return found + [finding for thread in threads for finding in of_thread(thread, places)]

    async def _outgoing(self, mails: Sequence[Document], session: Session) -> list[Finding]:
        cases = await by_id(self._store, "cases", {mail["case"] for mail in mails}, [], session)
        causes = await by_id(
            self._store, "mails", {mail["caused_by"] for mail in mails}, [], session
        )
        comments = await by_id(
            self._store, "comments", [mail["_id"] for mail in mails], ["case"], session
        )
        now = datetime.now(UTC)
        found: list[Finding] = []
        for mail in mails:
            case, caused = mail["case"] in cases, mail["caused_by"] in causes
            found += of_outgoing(
                mail, case=case, caused=caused, comment=comments.get(mail["_id"]), now=now
            )
        files = {
            file["blob"]: f"outgoing {mail['_id']!r}"
            for mail in mails
            for file in mail["attachments"]
        }
        return found + await self._blobs.missing(files, session)


def _within_budget(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first documents of a page, up to `COMMENTS_AT_ONCE` comments; at least one."""
    comments = 0
    for index, document in enumerate(found):
        comments += document.get("comment_count", 0)
        if index and comments > COMMENTS_AT_ONCE:
            return found[:index]
    return found
