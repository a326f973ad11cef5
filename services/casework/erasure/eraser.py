"""Erases a person's data from the database: one transaction per case, then the blobs.

What stays is what proves that nothing was lost: case numbers, mail keys, times, outcomes. A repeated
erasure finds what an interrupted one left. The archives on the broker keep their mails until they age
out; the report says until when.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.changes import Actor, Change, Erased
from schemas.mails import BlobRef
from schemas.stored import (
    Attachment,
    AutomaticMails,
    Case,
    Comment,
    Mail,
    OutgoingMail,
    Sender,
    from_document,
    to_document,
)
from services.casework.erasure.redaction import (
    ERASED,
    ERASED_CONTENT,
    Traces,
    emptied_case,
    emptied_comment,
    erased_comment,
    erased_file,
    is_by,
    phrases,
    redacted,
    usable_names,
    with_files_erased,
)
from services.casework.persistence.recording import insert_history
from services.casework.persistence.records import WrittenChanges, at_revision, changed_fields
from services.runtime.logs import get_logger
from services.runtime.mail.addresses import base_address
from services.runtime.mail.headers import MailHeaders
from services.runtime.settings import Process
from services.runtime.store.blob_references import blob_references
from services.runtime.store.blobs import CHUNKS, FILES, Blobs
from services.runtime.store.contention import pause_after_conflict
from services.runtime.store.errors import ConflictError
from services.runtime.store.mongo import Document, Session, Store

log = get_logger(__name__)

MAX_CONFLICTS = 50
SCANNED_TOGETHER = 100


@dataclass
class ErasureReport:
    """What an erasure did, or would do."""

    cases: list[int] = field(default_factory=list)
    comments: int = 0
    outgoing: int = 0
    mails: int = 0
    blobs: int = 0
    names: list[str] = field(default_factory=list)


class Eraser:
    """Finds and erases what the database holds of one address. Methods raise TransientError."""

    def __init__(self, store: Store, processes: Mapping[str, Process]) -> None:
        self._store = store
        self._processes = processes
        self._blobs = Blobs(store)
        self._cases = store.collection(Case.COLLECTION)
        self._comments = store.collection(Comment.COLLECTION)
        self._changes = store.collection(Change.COLLECTION)
        self._outbox = store.collection(OutgoingMail.COLLECTION)
        self._mails = store.collection(Mail.COLLECTION)

    async def erase(self, address: str, actor: Actor, *, dry_run: bool = False) -> ErasureReport:
        """Erase everything of `address`; with `dry_run` only count it."""
        traces = await self._traces(address)
        run = _Run(traces, actor, await self._placeholder(dry_run=dry_run), dry_run)
        run.report.names = sorted(traces.names)
        for number in await self._case_numbers(traces):
            await self._erase_case(number, run)
        await self._erase_unplaced(run)
        if not dry_run:
            await self._forget_limits(address)
        await self._remove_blobs(run)
        return run.report

    async def retire(self, now: datetime, actor: Actor, *, dry_run: bool = False) -> ErasureReport:
        """Empty the cases that were closed longer ago than their process keeps them.

        Numbers, times and outcomes stay; everything that anyone wrote goes.
        """
        run = _Run(Traces("", (), ()), actor, await self._placeholder(dry_run=dry_run), dry_run, retires=True)
        for name, process in self._processes.items():
            if not process.retention_days:
                continue
            closed = {"$lt": now - timedelta(days=process.retention_days)}
            old: Document = {"process": name, "status": "closed", "closed_at": closed, "title": {"$ne": ERASED}}
            for case in await self._cases.find(old, ["_id"]):
                await self._erase_case(case["_id"], run)
        await self._remove_blobs(run)
        return run.report

    async def _remove_blobs(self, run: "_Run") -> None:
        run.gone.discard(run.placeholder.sha256)
        run.report.blobs = len(run.gone)
        if not run.dry_run:
            run.report.blobs = sum([await self._remove_blob(sha256) for sha256 in sorted(run.gone)])
            log.info("data_erased", cases=len(run.report.cases), comments=run.report.comments)

    async def _traces(self, address: str) -> Traces:
        exact = _exactly(address)
        written = await self._comments.find({"author.address": exact}, ["author", "text"])
        opened = await self._cases.find({"opened_by.address": exact}, ["opened_by"])
        names = [comment["author"]["name"] for comment in written]
        names += [case["opened_by"]["name"] for case in opened]
        return Traces(
            address=address,
            names=frozenset(usable_names(names, address)),
            phrases=frozenset(phrases(comment["text"] for comment in written)),
        )

    async def _placeholder(self, *, dry_run: bool) -> BlobRef:
        if dry_run:
            return BlobRef(sha256="", size=0)
        return await self._blobs.put(ERASED_CONTENT)

    async def _case_numbers(self, traces: Traces) -> list[int]:
        """Every case that the person took part in, or that mentions their address."""
        exact, within = _exactly(traces.address), {"$regex": re.escape(traces.address), "$options": "i"}
        authored = await self._comments.find({"author.address": exact}, ["case"])
        mentioned = await self._comments.find(
            {"$or": [{"full_text": within}, {"subject": within}, {"html": within}]}, ["case"]
        )
        involving = {"$or": [{"participants": exact}, {"opened_by.address": exact}, {"title": within}]}
        taking_part = await self._cases.find(involving, ["_id"])
        sent = await self._outbox.find({"$or": [{"to": exact}, {"text": within}]}, ["case"])
        numbers = {document["case"] for document in (*authored, *mentioned, *sent)}
        return sorted(numbers | {case["_id"] for case in taking_part})

    async def _erase_case(self, number: int, run: "_Run") -> None:
        for attempt in range(1, MAX_CONFLICTS + 1):

            async def body(session: Session) -> "_CaseErasure":
                look = self._read_retired if run.retires else self._read
                erasure = await look(number, run, session)
                if not run.dry_run and erasure.changes_anything:
                    await self._write(erasure, run.actor, session)
                return erasure

            try:
                erasure = await self._store.transaction(body)
            except ConflictError:
                if attempt == MAX_CONFLICTS:
                    raise
                await pause_after_conflict(attempt)
            else:
                run.note(erasure)
                return

    async def _read(self, number: int, run: "_Run", session: Session) -> "_CaseErasure":
        traces, placeholder, pattern = run.traces, run.placeholder, run.traces.pattern()
        documents = await self._comments.find({"case": number}, session=session)
        comments = [from_document(document, Comment) for document in documents]
        own = {
            attachment.blob
            for comment in comments
            if is_by(comment, traces.address)
            for attachment in comment.attachments
        }
        holding = own | await self._holding(comments, pattern)
        after = [
            with_files_erased(erased_comment(comment, traces, pattern, placeholder), holding, placeholder)
            for comment in comments
        ]
        found = await self._cases.find({"_id": number}, session=session)
        erasure = _CaseErasure(number, from_document(found[0], Case) if found else None)
        for before, erased in zip(comments, after, strict=True):
            if before != erased:
                erasure.comments.append(erased)
                erasure.blobs |= _blobs_of(before) - _blobs_of(erased)
        changes = await self._changes.find({"case": number}, session=session)
        erasure.history = _redacted_only(changes, pattern)
        outgoing = await self._outbox.find({"case": number}, session=session)
        erasure.outgoing = [_not_sent(mail) for mail in _redacted_only(outgoing, pattern)]
        erasure.mails = _redacted_only(await self._mails.find({"case": number}, session=session), pattern)
        if erasure.case is not None:
            erasure.after = self._erased_case(erasure.case, traces, pattern)
        return erasure

    async def _read_retired(self, number: int, run: "_Run", session: Session) -> "_CaseErasure":
        documents = await self._comments.find({"case": number}, session=session)
        comments = [from_document(document, Comment) for document in documents]
        found = await self._cases.find({"_id": number}, session=session)
        case = from_document(found[0], Case) if found else None
        erasure = _CaseErasure(number, case, after=emptied_case(case) if case else None)
        erasure.comments = [emptied_comment(comment, run.placeholder) for comment in comments]
        erasure.blobs = {blob for comment in comments for blob in _blobs_of(comment)}
        outgoing = await self._outbox.find({"case": number}, session=session)
        erasure.outgoing = [_emptied_outgoing(mail, run.placeholder) for mail in outgoing]
        texts = [*(case.participants if case else ()), *([case.title, case.opened_by.name] if case else ())]
        pattern = Traces("", (), frozenset(texts)).pattern() if any(texts) else None
        changes = await self._changes.find({"case": number}, session=session)
        erasure.history = [_emptied_change(change, pattern) for change in changes]
        return erasure

    def _erased_case(self, case: Case, traces: Traces, pattern: re.Pattern[str]) -> Case:
        document: Document = redacted(to_document(case), pattern)
        process = self._processes.get(case.process)
        personal = {declared.name for declared in process.fields if declared.personal} if process else set()
        opened_by_them = case.opened_by.address.lower() == traces.address.lower()
        document["fields"] = {
            name: value
            for name, value in document["fields"].items()
            if value == to_document(case)["fields"][name] and not (opened_by_them and name in personal)
        }
        document["participants"] = [
            participant for participant in document["participants"] if ERASED not in participant
        ]
        if opened_by_them:
            document["opened_by"] = {"name": ERASED, "address": ""}
            document["title"] = ERASED
        return from_document(document, Case)

    async def _holding(self, comments: Sequence[Comment], pattern: re.Pattern[str]) -> set[str]:
        """Files whose bytes show a trace; compressed contents cannot be searched."""
        found = set()
        for sha256 in {attachment.blob for comment in comments for attachment in comment.attachments}:
            content = (await self._blobs.get(sha256)).decode("utf-8", "replace")
            if pattern.search(content):
                found.add(sha256)
        return found

    async def _write(self, erasure: "_CaseErasure", actor: Actor, session: Session) -> None:
        for comment in erasure.comments:
            await self._comments.update({"_id": comment.id}, {"$set": to_document(comment)}, session)
        for collection, documents in (
            (self._changes, erasure.history),
            (self._outbox, erasure.outgoing),
            (self._mails, erasure.mails),
        ):
            for document in documents:
                key = document.pop("_id")
                await collection.update({"_id": key}, {"$set": document}, session)
        if erasure.case is None or erasure.after is None:
            return
        fields = sorted(set(erasure.case.fields) - set(erasure.after.fields))
        title = erasure.after.title if erasure.after.title != erasure.case.title else None
        written = WrittenChanges()
        what = Erased(comments=len(erasure.comments), title=title, fields=fields)
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

    async def _erase_unplaced(self, run: "_Run") -> None:
        """Parked and ignored mails that the person wrote: their content goes, their outcome stays."""
        pattern, last = run.traces.pattern(), ""
        aside: Document = {"case": None, "raw": {"$nin": [None, run.placeholder.sha256]}}
        while page := await self._mails.find(aside | {"_id": {"$gt": last}}, sort="_id", limit=SCANNED_TOGETHER):
            last = page[-1]["_id"]
            for mail in page:
                if not await self._is_theirs(mail["raw"], run.traces, pattern):
                    continue
                run.report.mails += 1
                run.gone.add(mail["raw"])
                if not run.dry_run:
                    decision = redacted(mail["decision"], pattern)
                    alert = redacted(mail.get("alert"), pattern)
                    change = {"raw": run.placeholder.sha256, "decision": decision, "alert": alert}
                    await self._mails.update({"_id": mail["_id"]}, {"$set": change})

    async def _is_theirs(self, sha256: str, traces: Traces, pattern: re.Pattern[str]) -> bool:
        content = await self._blobs.get(sha256)
        authors = MailHeaders.parse(content).addresses("From", "Sender", "Reply-To")
        by_them = any(author.address.lower() == traces.address.lower() for author in authors)
        return by_them or pattern.search(content.decode("utf-8", "replace")) is not None

    async def _forget_limits(self, address: str) -> None:
        await self._store.collection(AutomaticMails.COLLECTION).delete(_ending(address))
        await self._store.collection(Sender.COLLECTION).delete(_ending(base_address(address)))

    async def _remove_blob(self, sha256: str) -> bool:
        """Remove a content that nothing refers to any more, at once."""

        async def body(session: Session) -> bool:
            for collection, path in blob_references():
                if await self._store.collection(collection).count({path: sha256}, session):
                    return False
            await self._store.collection(FILES).delete({"_id": sha256}, session)
            await self._store.collection(CHUNKS).delete({"files_id": sha256}, session)
            return True

        return await self._store.transaction(body)


def _ending(address: str) -> Document:
    return {"_id": {"$regex": f" {re.escape(address)}$", "$options": "i"}}


@dataclass
class _Run:
    """One erasure: whose data, by whom, and what came of it so far."""

    traces: Traces
    actor: Actor
    placeholder: BlobRef
    dry_run: bool
    retires: bool = False
    report: ErasureReport = field(default_factory=ErasureReport)
    gone: set[str] = field(default_factory=set)

    def note(self, erasure: "_CaseErasure") -> None:
        """Count what was erased in a case."""
        if erasure.changes_anything:
            self.report.cases.append(erasure.number)
        self.report.comments += len(erasure.comments)
        self.report.outgoing += len(erasure.outgoing)
        self.gone |= erasure.blobs


@dataclass
class _CaseErasure:
    """What changes in one case."""

    number: int
    case: Case | None
    after: Case | None = None
    comments: list[Comment] = field(default_factory=list)
    history: list[Document] = field(default_factory=list)
    outgoing: list[Document] = field(default_factory=list)
    mails: list[Document] = field(default_factory=list)
    blobs: set[str] = field(default_factory=set)

    @property
    def changes_anything(self) -> bool:
        return bool(self.comments or self.history or self.outgoing or self.mails or self.case != self.after)


def _exactly(address: str) -> dict[str, Any]:
    return {"$regex": f"^{re.escape(address)}$", "$options": "i"}


def _redacted_only(documents: Sequence[Document], pattern: re.Pattern[str]) -> list[Document]:
    """The documents that redaction changes, as it leaves them."""
    pairs = [(document, redacted(document, pattern)) for document in documents]
    return [after for before, after in pairs if after != before]


def _emptied_outgoing(mail: Document, blob: BlobRef) -> Document:
    attachments = [
        to_document(erased_file(from_document(attachment, Attachment), blob)) for attachment in mail["attachments"]
    ]
    gone = {"to": [ERASED], "remaining": [], "refused": [], "subject": ERASED, "text": ERASED, "failure": None}
    ended = {"state": "suppressed", "ended_at": datetime.now(UTC)} if mail["state"] in {"pending", "claimed"} else {}
    return mail | gone | {"attachments": attachments} | ended


def _emptied_change(change: Document, pattern: re.Pattern[str] | None) -> Document:
    """A history entry without values of fields and without the texts of its case."""
    emptied: Document = redacted(change, pattern) if pattern else change
    if emptied["what"]["type"] == "fields-set":
        values = {
            name: value and value | {"value": ERASED, "evidence": ""}
            for name, value in emptied["what"]["values"].items()
        }
        emptied["what"] = emptied["what"] | {"values": values, "was": {}}
    return emptied


def _not_sent(mail: Document) -> Document:
    """An outgoing mail without the person among those who still get it; nothing goes out when nobody is left."""
    if mail["state"] not in {"pending", "claimed"}:
        return mail
    remaining = [recipient for recipient in mail["remaining"] if ERASED not in recipient]
    ended = {} if remaining else {"state": "suppressed", "ended_at": datetime.now(UTC)}
    return mail | {"remaining": remaining} | ended


def _blobs_of(comment: Comment) -> set[str]:
    blobs = {attachment.blob for attachment in comment.attachments}
    return blobs | ({comment.original} if comment.original is not None else set())
