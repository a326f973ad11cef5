"""From what the queue delivers to cases and answers."""

from collections.abc import Sequence

from schemas.codec import UnreadableMessageError, decode_case_message
from schemas.sending import AnswerCase
from services.case_writer.answers import Answers
from services.case_writer.service import Arrived, CaseWriter
from services.runtime.broker import Broker, dead_letter, refuse
from services.runtime.errors import PermanentError
from services.runtime.messages import Delivery
from services.runtime.topology import CASE_WRITER_COMMANDS


class Handling:
    """What breaks its contract goes to the dead letters and holds up nothing."""

    def __init__(self, writer: CaseWriter, answers: Answers, broker: Broker) -> None:
        self._writer = writer
        self._answers = answers
        self._broker = broker

    async def handle(self, deliveries: Sequence[Delivery]) -> None:
        """When this returns, all of them may be acknowledged. Raises TransientError."""
        arrived: list[Arrived] = []
        sources: dict[str, Delivery] = {}
        answers: list[tuple[AnswerCase, Delivery]] = []
        for delivery in deliveries:
            try:
                message = decode_case_message(delivery.body)
            except UnreadableMessageError as error:
                await refuse(self._broker, CASE_WRITER_COMMANDS, delivery, error)
            else:
                if isinstance(message, AnswerCase):
                    answers.append((message, delivery))
                else:
                    arrived.append(Arrived(message, delivery.redelivered, delivery.attempts))
                    sources[message.mail.key] = delivery
        for refused in await self._writer.handle(arrived):
            await dead_letter(self._broker, CASE_WRITER_COMMANDS, sources[refused.mail_key or ""], str(refused))
        for answer, delivery in answers:  # after the mails, one of which may have opened the case
            try:
                await self._answers.handle(answer)
            except PermanentError as error:
                await dead_letter(self._broker, CASE_WRITER_COMMANDS, delivery, str(error))
