"""The case writer as a process: what it is made of, and how deliveries become commands."""

from collections.abc import Sequence

from schemas.codec import UnreadableMessageError, decode_case_message
from schemas.sending import AnswerCase
from services.case_writer import metrics
from services.case_writer.answers import Answers, MongoAnswers
from services.case_writer.intake import Intake
from services.case_writer.mongo import MongoCases
from services.case_writer.outgoing import Correspondence
from services.case_writer.reading import ReadingLimits
from services.case_writer.reading_aside import ReaderProcess
from services.case_writer.service import Arrived, CaseWriter
from services.case_writer.standing import Watch
from services.case_writer.sweeping import Sweeping
from services.runtime.blobs import Blobs
from services.runtime.broker import Broker, dead_letter, keep_connected, refuse
from services.runtime.consuming import handle_batches
from services.runtime.errors import PermanentError
from services.runtime.health import Health
from services.runtime.lifecycle import Stop, all_of
from services.runtime.memory import give_back_large_blocks
from services.runtime.messages import Delivery
from services.runtime.settings import Settings
from services.runtime.signing import own_ids
from services.runtime.stage import broker_url, connection_name, healthy_on, store_ready, store_url, topology_of
from services.runtime.store import Store
from services.runtime.topology import CASE_WRITER_COMMANDS


async def run(settings: Settings, http_port: int, stop: Stop) -> None:
    """Write cases until `stop`."""
    give_back_large_blocks()
    health = Health("broker", "store")
    metrics.introduce(settings.processes)
    async with Store.opened(store_url(settings), settings.store.database) as store, healthy_on(health, http_port):
        blobs = Blobs(store)
        correspondence = Correspondence(settings, own_ids(settings))
        cases = MongoCases(
            store,
            {name: process.initial_stage.name for name, process in settings.processes.items()},
            correspondence.acknowledgement,
        )
        aside = ReaderProcess(
            reading_limits(settings),
            max_seconds=settings.reading.max_seconds,
            max_memory_bytes=settings.reading.max_memory_bytes,
        )
        intake = Intake(
            blobs,
            lambda mailbox: _keeps_original(settings, mailbox),
            limits=reading_limits(settings),
            aside=aside,
            aside_bytes=settings.reading.aside_bytes,
        )
        own_addresses = frozenset(mailbox.address.lower() for mailbox in settings.mailboxes.values())

        sweeping = Sweeping(store)

        async def prepare() -> None:
            await cases.ensure_indexes()
            await blobs.ensure_indexes()
            await sweeping.ensure_indexes()
            await cases.ensure_numbers()

        async def session(broker: Broker) -> None:
            writer = CaseWriter(
                cases,
                intake,
                broker,
                own_addresses=own_addresses,
                rules=settings.processes,
                health=health,
                stop=stop,
            )
            answers = Answers(MongoAnswers(store), blobs, correspondence, broker, health=health, stop=stop)
            batch = settings.case_writer.batch_mails
            handler = _handler(writer, answers, broker)
            await handle_batches(
                broker, CASE_WRITER_COMMANDS, handler, stop, batch=batch, prefetch=2 * batch, decode=decode_case_message
            )

        try:
            if await store_ready(prepare, stop, health):
                name = connection_name("case-writer")
                url, topology = broker_url(settings), topology_of(settings)
                writing = keep_connected(url, name, topology, session, stop=stop, health=health)
                await all_of([writing, Watch(cases, settings.processes).run(stop), sweeping.run(stop)])
        finally:
            await aside.close()


class _handler:  # noqa: N801 - a function with what it closes over
    """Deliveries to commands; what breaks its contract goes to the dead letters and holds up nothing."""

    def __init__(self, writer: CaseWriter, answers: Answers, broker: Broker) -> None:
        self._writer = writer
        self._answers = answers
        self._broker = broker

    async def __call__(self, deliveries: Sequence[Delivery]) -> None:
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


def reading_limits(settings: Settings) -> ReadingLimits:
    """The limits of the settings that reading itself keeps to."""
    return ReadingLimits(**{name: getattr(settings.reading, name) for name in ReadingLimits.__struct_fields__})


def _keeps_original(settings: Settings, mailbox: str) -> bool:
    known = settings.mailboxes.get(mailbox)
    return known is not None and settings.servers[known.server].attach_original
