"""Finds the data of one person in the database, and determines what remains of it."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from schemas.changes import Change
from schemas.stored import (
    AutomaticMails,
    Case,
    Comment,
    Mail,
    OutgoingMail,
    Sender,
    from_document,
    to_document,
)
from services.casework.erasure.documents import redacted_only, without_erased_recipients
from services.casework.erasure.redaction import (
    ERASED,
    Traces,
    erased_comment,
    is_by,
    phrases,
    redacted,
    usable_names,
    with_files_erased,
)
from services.casework.erasure.run import CaseErasure, ErasureRun, blobs_of
from services.runtime.mail.addresses import base_address
from services.runtime.mail.headers import MailHeaders
from services.runtime.settings import Process
from services.runtime.store.blobs import Blobs
from services.runtime.store.collection import Document, Session
from services.runtime.store.mongo import Store

SCANNED_TOGETHER = 100


class PersonErasure:
    """The data of one address. Methods raise TransientError."""

    def __init__(self, store: Store, processes: Mapping[str, Process]) -> None:
        self._store = store
        self._processes = processes
        self._blobs = Blobs(store)
        self._cases = store.collection(Case.COLLECTION)
        self._comments = store.collection(Comment.COLLECTION)
        self._changes = store.collection(Change.COLLECTION)
        self._outbox = store.collection(OutgoingMail.COLLECTION)
        self._mails = store.collection(Mail.COLLECTION)

    async def traces(self, address: str) -> Traces:
        """The names and lines that identify the person in their own comments and cases."""
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

    async def case_numbers(self, traces: Traces) -> list[int]:
        """Every case that the person took part in, or that mentions their address; last those that
        they wrote in or opened.
        """
        exact, within = (
            _exactly(traces.address),
            {"$regex": re.escape(traces.address), "$options": "i"},
        )
        authored = await self._comments.find({"author.address": exact}, ["case"])
        mentioned = await self._comments.find(
            {"$or": [{"full_text": within}, {"subject": within}, {"html": within}]}, ["case"]
        )
        involving = {
            "$or": [{"participants": exact}, {"opened_by.address": exact}, {"title": within}]
        }
        taking_part = await self._cases.find(involving, ["_id", "opened_by"])
        sent = await self._outbox.find({"$or": [{"to": exact}, {"text": within}]}, ["case"])
        numbers = {document["case"] for document in (*authored, *mentioned, *sent)}
        own = {document["case"] for document in authored}
        own |= {
            case["_id"]
            for case in taking_part
            if case["opened_by"]["address"].lower() == traces.address.lower()
        }
        every = numbers | {case["_id"] for case in taking_part}
        return sorted(every, key=lambda number: (number in own, number))

    async def read(self, number: int, run: ErasureRun, session: Session) -> CaseErasure:
        """What changes in a case when the traces of `run` are erased."""
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
            with_files_erased(
                erased_comment(comment, traces, pattern, placeholder), holding, placeholder
            )
            for comment in comments
        ]
        found = await self._cases.find({"_id": number}, session=session)
        erasure = CaseErasure(number, from_document(found[0], Case) if found else None)
        for before, erased in zip(comments, after, strict=True):
            if before != erased:
                erasure.comments.append(erased)
                erasure.blobs |= blobs_of(before) - blobs_of(erased)
        changes = await self._changes.find({"case": number}, session=session)
        erasure.history = redacted_only(changes, pattern)
        outgoing = await self._outbox.find({"case": number}, session=session)
        erasure.outgoing = [
            without_erased_recipients(mail) for mail in redacted_only(outgoing, pattern)
        ]
        erasure.mails = redacted_only(
            await self._mails.find({"case": number}, session=session), pattern
        )
        if erasure.case is not None:
            erasure.after = self._erased_case(erasure.case, traces, pattern)
        return erasure

    def _erased_case(self, case: Case, traces: Traces, pattern: re.Pattern[str]) -> Case:
        document: Document = redacted(to_document(case), pattern)
        process = self._processes.get(case.process)
        personal = (
            {declared.name for declared in process.fields if declared.personal}
            if process
            else set()
        )
        opened_by_them = case.opened_by.address.lower() == traces.address.lower()
        before = to_document(case)
        for part in ("fields", "candidates"):
            document[part] = {
                name: value
                for name, value in document[part].items()
                if value == before[part][name] and not (opened_by_them and name in personal)
            }
        document["participants"] = [
            participant for participant in document["participants"] if ERASED not in participant
        ]
        if opened_by_them:
            document["opened_by"] = {"name": ERASED, "address": ""}
            document["title"] = ERASED
        return from_document(document, Case)

    async def _holding(self, comments: Sequence[Comment], pattern: re.Pattern[str]) -> set[str]:
        """The files whose bytes contain a trace. Compressed contents cannot be searched."""
        found = set()
        for sha256 in {
            attachment.blob for comment in comments for attachment in comment.attachments
        }:
            # A damaged file must not prevent the erasure; `mailcase audit` reports it.
            content = (await self._blobs.available(sha256)).decode("utf-8", "replace")
            if pattern.search(content):
                found.add(sha256)
        return found

    async def erase_unplaced(self, run: ErasureRun) -> None:
        """Remove the content of parked and ignored mails that the person wrote. Their outcomes
        stay.
        """
        pattern, last = run.traces.pattern(), ""
        unassigned: Document = {"case": None, "raw": {"$nin": [None, run.placeholder.sha256]}}
        while page := await self._mails.find(
            unassigned | {"_id": {"$gt": last}}, sort="_id", limit=SCANNED_TOGETHER
        ):
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
        content = await self._blobs.available(sha256)
        authors = MailHeaders.parse(content).addresses("From", "Sender", "Reply-To")
        by_them = any(author.address.lower() == traces.address.lower() for author in authors)
        return by_them or pattern.search(content.decode("utf-8", "replace")) is not None

    async def forget_limits(self, address: str) -> None:
        """Delete the counters of mails from and to the address."""
        await self._store.collection(AutomaticMails.COLLECTION).delete(_ending(address))
        await self._store.collection(Sender.COLLECTION).delete(_ending(base_address(address)))


def _ending(address: str) -> Document:
    return {"_id": {"$regex": f" {re.escape(address)}$", "$options": "i"}}


def _exactly(address: str) -> dict[str, Any]:
    return {"$regex": f"^{re.escape(address)}$", "$options": "i"}
