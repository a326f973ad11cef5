"""Writes answers to the outbox: one mail per command, however often the command is delivered."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Protocol

from schemas.changes import Actor
from schemas.mails import BlobRef
from schemas.sending import AnswerCase, AnswerFile
from schemas.stored import Attachment, OutgoingMail
from services.case_writer.notifier import wake_senders
from services.case_writer.outgoing.composer import OutgoingMailComposer
from services.case_writer.ports import BlobStore, Outlet
from services.casework.outgoing import Answerable, answer_document_id
from services.runtime.errors import CommandRefusedError, PermanentError, TransientError
from services.runtime.logs import get_logger
from services.runtime.mail.file_names import safe_name, unique_name
from services.runtime.process.health import Health
from services.runtime.process.lifecycle import Stop
from services.runtime.retry import Backoff
from services.runtime.store.contention import until_written

log = get_logger(__name__)

BY_MESSAGE = Actor(kind="rule", id="answer-command")  # a program that does not name its user


class AnswerStore(Protocol):
    """`services.casework.persistence.answers.MongoAnswers` is the real one. Methods raise
    TransientError.
    """

    async def is_written(self, document_id: str) -> bool:
        """Whether the outbox has the mail."""

    async def case(self, number: int) -> Answerable | None:
        """The case, or the one that it was merged into; None if it does not exist."""

    async def write(self, mail: OutgoingMail, actor: Actor) -> object:
        """Write the mail and its entry in the history. Raises ConflictError if the mail exists."""


class Answers:
    """Writes answers to the outbox. During an outage it retries for as long as it takes."""

    def __init__(
        self,
        stored: AnswerStore,
        blobs: BlobStore,
        composer: OutgoingMailComposer,
        outlet: Outlet,
        *,
        health: Health,
        stop: Stop,
    ) -> None:
        self._stored = stored
        self._blobs = blobs
        self._composer = composer
        self._outlet = outlet
        self._health = health
        self._stop = stop

    async def handle(self, answer: AnswerCase) -> None:
        """Write the answer to the outbox.

        Raises PermanentError for an answer that can never be sent, TransientError if the service
        stops during an outage. While a primary cannot replicate, another writer's copy of the
        answer conflicts but is not visible. A stop ends that wait, too.
        """
        try:
            await until_written(
                partial(self._write, answer),
                self._stop,
                Backoff(initial_s=0.2, maximum_s=10.0),
                conflicts_after_stop=1,
                on_outage=partial(self._report_outage, answer),
            )
        except (PermanentError, TransientError):
            raise
        except (
            Exception
        ) as error:  # a bug that this answer triggers: the queue continues without it
            raise PermanentError(f"unexpected: {error!r}") from error
        self._health.up("store")
        await wake_senders(self._outlet, [answer_document_id(answer)])

    def _report_outage(self, answer: AnswerCase, error: TransientError, _pause_s: float) -> None:
        self._health.down("store", str(error))
        log.warning("answer_postponed", answer=answer.id, error=error)

    async def _write(self, answer: AnswerCase) -> None:
        if await self._stored.is_written(answer_document_id(answer)):
            log.info("answer_repeated", answer=answer.id, case=answer.case)
            return
        case = await self._stored.case(answer.case)
        if case is None:
            raise CommandRefusedError(f"no-such-case: {answer.case}")
        # Before the files are stored: an answer that can never be sent leaves nothing behind.
        self._composer.answer(answer, case, [], datetime.now(UTC))
        attachments = await self._keep(answer.files)
        mail = self._composer.answer(answer, case, attachments, datetime.now(UTC))
        await self._stored.write(mail, answer.actor or BY_MESSAGE)
        log.info("answer_written", answer=answer.id, case=answer.case, recipients=len(mail.to))

    async def _keep(self, files: Sequence[AnswerFile]) -> list[Attachment]:
        """The files as attachments. Their contents are stored as blobs."""
        references = {
            file.blob: file for file in files if file.content is None and file.blob is not None
        }
        for missing in await self._blobs.missing(references):
            name = references[missing].name[:80]
            raise CommandRefusedError(
                f"no-such-blob: {name!r} names a blob that does not exist or has another size"
            )
        contents = [file.content for file in files if file.content is not None]
        return list(_attachments(files, iter(await self._blobs.put_all(contents))))


def _attachments(files: Sequence[AnswerFile], kept: Iterator[BlobRef]) -> Iterator[Attachment]:
    taken: set[str] = set()
    for file in files:
        blob = next(kept) if file.content is not None else file.blob
        if blob is None:
            raise CommandRefusedError(
                f"empty-file: {file.name[:80]!r} has neither a content nor a blob"
            )
        yield Attachment(
            name=unique_name(safe_name(file.name), taken),
            content_type=file.content_type,
            size=blob.size,
            sha256=blob.sha256,
            inline=False,
            content_id=None,
            blob=blob.sha256,
            original_name=file.name,
        )
