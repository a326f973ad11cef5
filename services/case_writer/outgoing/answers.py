"""Answers from cases: a command becomes a mail in the outbox, once, however often it comes."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from schemas.changes import Actor, Answered
from schemas.mails import BlobRef
from schemas.sending import AnswerCase, AnswerFile
from schemas.stored import Attachment, OutgoingMail, to_document
from services.case_writer.notifier import wake_senders
from services.case_writer.outgoing.composer import OutgoingMailComposer
from services.case_writer.placement.case_resolver import UNVERIFIED_SENDER
from services.case_writer.ports import BlobStore, Outlet
from services.case_writer.reading.attachments.file_names import safe_name, unique_name
from services.casework.outgoing import Answerable, answer_document_id
from services.casework.persistence.recording import record_change
from services.casework.quoting import QuotedMail
from services.runtime.errors import CommandRefusedError, PermanentError, TransientError
from services.runtime.logs import get_logger
from services.runtime.process.health import Health
from services.runtime.process.lifecycle import Stop
from services.runtime.retry import Backoff
from services.runtime.store.errors import ConflictError
from services.runtime.store.mongo import Session, Store

log = get_logger(__name__)

BY_MESSAGE = Actor(kind="rule", id="answer-command")  # a program that does not say who it is


class MongoAnswers:
    """The outbox and what an answer has to know of its case, in MongoDB."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._outbox = store.collection("outbox")
        self._cases = store.collection("cases")
        self._comments = store.collection("comments")

    async def is_written(self, document_id: str) -> bool:
        return await self._outbox.find_one({"_id": document_id}, ["_id"]) is not None

    async def case(self, number: int) -> Answerable | None:
        """The case, or the one that took it in; None when there is none."""
        case = await self._cases.find_one({"_id": number})
        while case is not None and case.get("merged_into") is not None:
            case = await self._cases.find_one({"_id": case["merged_into"]})
        if case is None:
            return None
        number = case["_id"]
        mails = await self._comments.find(
            {"case": number, "kind": "mail", "flags": {"$ne": UNVERIFIED_SENDER}, "message_id": {"$ne": None}},
            ["message_id", "in_reply_to", "author", "at", "text"],
            sort="-at",
            limit=1,
        )
        ids = [one for one in (mails[0]["in_reply_to"], mails[0]["message_id"]) if one] if mails else []
        return Answerable(
            number=number,
            process=case["process"],
            mailbox=case["mailbox"],
            title=case["title"],
            participants=case["participants"],
            in_reply_to=mails[0]["message_id"] if mails else None,
            references=ids,
            quotable=_quotable(mails[0]) if mails else None,
        )

    async def latest_author(self, number: int) -> str | None:
        """The address of whoever wrote the case's latest mail, a stranger too; None without one."""
        mails = await self._comments.find({"case": number, "kind": "mail"}, ["author"], sort="-at", limit=1)
        return mails[0]["author"]["address"] or None if mails else None

    async def write(self, mail: OutgoingMail, actor: Actor) -> None:
        """The mail and its entry in the history. Raises ConflictError where it is there already."""

        async def body(session: Session) -> None:
            await self._outbox.insert([to_document(mail)], session)
            answered = Answered(outgoing=mail.id, to=mail.to)
            await record_change(self._store, mail.case, answered, actor, session)

        await self._store.transaction(body)


def _quotable(comment: dict[str, Any]) -> QuotedMail:
    author = comment["author"]
    return QuotedMail(author["name"] or author["address"], comment["at"], comment["text"])


class Answers:
    """Writes answers to the outbox, for as long as it takes."""

    def __init__(
        self,
        stored: MongoAnswers,
        blobs: BlobStore,
        correspondence: OutgoingMailComposer,
        outlet: Outlet,
        *,
        health: Health,
        stop: Stop,
    ) -> None:
        self._stored = stored
        self._blobs = blobs
        self._correspondence = correspondence
        self._outlet = outlet
        self._health = health
        self._stop = stop

    async def handle(self, answer: AnswerCase) -> None:
        """When this returns, the answer is in the outbox.

        Raises PermanentError for one that can never go out, TransientError where the stage shall stop in an outage.
        """
        backoff = Backoff(initial_s=0.2, maximum_s=10.0)
        conflicts = Backoff(initial_s=0.01, maximum_s=1.0)
        while True:
            try:
                await self._write(answer)
            except ConflictError:
                # Another writer has the same answer: look again. A primary that cannot replicate has it for as long
                # as that lasts, and shows it to nobody.
                if await self._stop.wait(conflicts.next_s()):
                    raise
            except TransientError as error:
                self._health.down("store", str(error))
                log.warning("answer_postponed", answer=answer.id, error=error)
                if await self._stop.wait(backoff.next_s()):
                    raise
            except PermanentError:
                raise
            except Exception as error:  # a fault of ours, met by this answer: the queue goes on without it
                raise PermanentError(f"unexpected: {error!r}") from error
            else:
                self._health.up("store")
                break
        await wake_senders(self._outlet, [answer_document_id(answer)])

    async def _write(self, answer: AnswerCase) -> None:
        if await self._stored.is_written(answer_document_id(answer)):
            log.info("answer_repeated", answer=answer.id, case=answer.case)
            return
        case = await self._stored.case(answer.case)
        if case is None:
            raise CommandRefusedError(f"no-such-case: {answer.case}")
        # Before the files are kept: what can never go out leaves nothing behind.
        self._correspondence.answer(answer, case, [], datetime.now(UTC))
        mail = self._correspondence.answer(answer, case, await self._kept(answer.files), datetime.now(UTC))
        await self._stored.write(mail, answer.actor or BY_MESSAGE)
        log.info("answer_written", answer=answer.id, case=answer.case, recipients=len(mail.to))

    async def _kept(self, files: Sequence[AnswerFile]) -> list[Attachment]:
        referred = [one for one in files if one.content is None and one.blob is not None]
        lost = await self._blobs.missing(one.blob for one in referred if one.blob is not None)
        for one in referred:
            if one.blob in lost:
                raise CommandRefusedError(
                    f"no-such-blob: {one.name[:80]!r} names one that is not there, or of another size"
                )
        kept = iter(await self._blobs.put_all([one.content for one in files if one.content is not None]))
        return list(_attachments(files, kept))


def _attachments(files: Sequence[AnswerFile], kept: Iterator[BlobRef]) -> Iterator[Attachment]:
    taken: set[str] = set()
    for one in files:
        blob = next(kept) if one.content is not None else one.blob
        if blob is None:
            raise CommandRefusedError(f"empty-file: {one.name[:80]!r} has neither a content nor a blob")
        yield Attachment(
            name=unique_name(safe_name(one.name), taken),
            content_type=one.content_type,
            size=blob.size,
            sha256=blob.sha256,
            inline=False,
            content_id=None,
            blob=blob.sha256,
            original_name=one.name,
        )
