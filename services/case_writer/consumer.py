"""Decodes messages and passes them on: commands to the case writer, answers to the outbox, and
reports of the extractor to the cases.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from msgspec import structs

from schemas.cases import AppendToCase, Command, OpenCase, ParkMail
from schemas.codec import UnreadableMessageError, decode_case_message
from schemas.fields import FieldsRead
from schemas.sending import AnswerCase
from services.case_writer.batch import ReceivedCommand
from services.case_writer.field_reports import FieldReports
from services.case_writer.outgoing.answers import Answers
from services.case_writer.service import CaseWriter
from services.casework.outgoing import UnknownProcessError
from services.runtime.broker.completions import Completion
from services.runtime.broker.connection import Broker
from services.runtime.broker.dead_letters import Rejection, dead_letter, reject_unreadable
from services.runtime.broker.defer import (
    KnownNames,
    defer,
    is_out_of_time,
    unknown_evidence,
    unknown_reason,
)
from services.runtime.broker.messages import Delivery
from services.runtime.broker.topology import CASE_WRITER_COMMANDS
from services.runtime.errors import PermanentError


@dataclass(frozen=True)
class CommandBatch:
    """The messages of a batch by kind. `sources` are the deliveries of mails by mail key;
    `rejected` go to the dead letters or are deferred.
    """

    received: list[ReceivedCommand] = field(default_factory=list)
    sources: dict[str, Delivery] = field(default_factory=dict)
    answers: list[tuple[AnswerCase, Delivery]] = field(default_factory=list)
    reports: list[tuple[FieldsRead, Delivery]] = field(default_factory=list)
    rejected: list[Rejection] = field(default_factory=list)


class CommandConsumer:
    """Handles the messages of the case writer's queue. A message that cannot be decoded or carried
    out goes to the dead letters and does not delay others.
    """

    def __init__(
        self,
        writer: CaseWriter,
        answers: Answers,
        reports: FieldReports,
        broker: Broker,
        known: KnownNames,
    ) -> None:
        self._writer = writer
        self._answers = answers
        self._reports = reports
        self._broker = broker
        self._known = known

    async def prepare(self, deliveries: Sequence[Delivery]) -> CommandBatch:
        """Decode a batch, and begin to read its mails. Publishes nothing."""
        batch = CommandBatch()
        for delivery in deliveries:
            try:
                message = decode_case_message(delivery.body)
            except UnreadableMessageError as error:
                reject = partial(
                    reject_unreadable, self._broker, CASE_WRITER_COMMANDS, delivery, error
                )
                batch.rejected.append(reject)
                continue
            if isinstance(message, AnswerCase):
                batch.answers.append((message, delivery))
            elif isinstance(message, FieldsRead):
                batch.reports.append((message, delivery))
            else:
                self._add(message, delivery, batch)
        self._writer.expect(batch.received)
        return batch

    async def handle(self, batch: CommandBatch) -> Completion:
        """Handle a prepared batch. After the completion, all of it may be acknowledged. Both raise
        TransientError.
        """
        for reject in batch.rejected:
            await reject()
        handled = await self._writer.write(batch.received)
        for refused in handled.refused:
            source = batch.sources[refused.mail_key or ""]
            await dead_letter(self._broker, CASE_WRITER_COMMANDS, source, str(refused))
        publish = partial(self._writer.publish, handled.written)
        if not batch.answers and not batch.reports:
            return publish
        await publish()
        for answer, delivery in batch.answers:  # after the mails, one of which may open the case
            await self._answer(answer, delivery)
        await self._record(batch.reports)
        return partial(self._writer.publish, ())

    async def _record(self, reports: Sequence[tuple[FieldsRead, Delivery]]) -> None:
        """Record what the extractor read. A report of a rule that these settings lack waits for
        newer settings.
        """
        ready: list[tuple[FieldsRead, Delivery]] = []
        for read, delivery in reports:
            rules = [value.rule for value in read.values]
            unknown = self._known.first_unknown(process=read.process, rules=rules)
            if unknown is None or is_out_of_time(delivery.headers):
                ready.append((read, delivery))
            else:
                await defer(self._broker, CASE_WRITER_COMMANDS, delivery, unknown)
        errors = await self._reports.handle([read for read, _ in ready]) if ready else []
        for (_, delivery), error in zip(ready, errors, strict=True):
            if error is not None:
                await dead_letter(self._broker, CASE_WRITER_COMMANDS, delivery, str(error))

    async def _answer(self, answer: AnswerCase, delivery: Delivery) -> None:
        try:
            await self._answers.handle(answer)
        except PermanentError as error:
            if isinstance(error, UnknownProcessError) and not is_out_of_time(delivery.headers):
                await defer(self._broker, CASE_WRITER_COMMANDS, delivery, error.name)
            else:
                await dead_letter(self._broker, CASE_WRITER_COMMANDS, delivery, str(error))

    def _add(self, command: Command, delivery: Delivery, batch: CommandBatch) -> None:
        """Add the command to write, unless it waits for newer settings. If a name stays unknown for
        too long, the mail is parked.
        """
        unknown = self._unknown_name(command)
        if unknown is not None and not is_out_of_time(delivery.headers):
            batch.rejected.append(
                partial(defer, self._broker, CASE_WRITER_COMMANDS, delivery, unknown)
            )
            return
        if unknown is not None:
            evidence = [*command.decision.evidence, unknown_evidence(unknown)]
            decision = structs.replace(command.decision, evidence=evidence)
            reason = unknown_reason(unknown)
            command = ParkMail(mail=command.mail, decision=decision, reason=reason)
        batch.received.append(ReceivedCommand(command, delivery.redelivered))
        batch.sources[command.mail.key] = delivery

    def _unknown_name(self, command: Command) -> str | None:
        """The process or mailbox that the case needs and the settings lack; None if they have
        both.
        """
        mail = command.mail
        if mail.origin == "replay" or not isinstance(command, OpenCase | AppendToCase):
            return None
        mailbox = None if mail.origin == "retry" else mail.mailbox
        return self._known.first_unknown(process=mail.process, mailbox=mailbox)
