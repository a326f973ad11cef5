"""The case writer's process: wiring only."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from schemas.codec import decode_case_message
from services.case_writer import metrics
from services.case_writer.consumer import CommandConsumer
from services.case_writer.field_reports import FieldReports
from services.case_writer.housekeeping.blob_sweep import BlobSweep
from services.case_writer.housekeeping.mongo import MongoBacklogCounts
from services.case_writer.housekeeping.parked_gauge import ParkedGauge
from services.case_writer.isolated_reader import IsolatedReader
from services.case_writer.notifier import Notifier
from services.case_writer.originals import Originals
from services.case_writer.outgoing.answers import Answers
from services.case_writer.outgoing.composer import OutgoingMailComposer
from services.case_writer.preparation import MailPreparer
from services.case_writer.read_ahead import ReadAhead
from services.case_writer.reading import ReadingLimits
from services.case_writer.recording.document_builder import OpeningRules
from services.case_writer.recording.mongo import MongoCases
from services.case_writer.service import CaseWriter
from services.casework.decisions.deadlines import due_at_stage
from services.casework.overdue import OverdueSweep
from services.casework.persistence.answers import MongoAnswers
from services.casework.persistence.field_recorder import FieldRecorder
from services.casework.persistence.repository import CaseRepository
from services.casework.publisher import ChangePublisher
from services.runtime.broker.configured import broker_url, connection_name, topology_of
from services.runtime.broker.connection import Broker
from services.runtime.broker.consume import handle_prepared
from services.runtime.broker.defer import KnownNames
from services.runtime.broker.session import keep_connected
from services.runtime.broker.topology import CASE_WRITER_COMMANDS
from services.runtime.errors import TransientError
from services.runtime.logs import get_logger
from services.runtime.mail.message_id_keys import message_id_signer
from services.runtime.process.health import Health
from services.runtime.process.http import ANY_HOST, serve_health
from services.runtime.process.lifecycle import Stop, all_of
from services.runtime.process.malloc import give_back_large_blocks, share_one_heap
from services.runtime.settings import Settings
from services.runtime.store.blobs import Blobs
from services.runtime.store.configured import keep_pinging, store_url, wait_for_store
from services.runtime.store.mongo import Store

# Blocks up to this size stay in the heap, such as a message with four chunks of a blob, and free
# memory that the next blobs use again. Without it, a mail with a PDF costs a thousand page faults
# and more.
KEPT_BLOCK_BYTES = 5 * 1024 * 1024 // 4
KEPT_BYTES = 8 * 1024 * 1024
log = get_logger(__name__)

# Mails that arrive beyond the batch that is written and the next one, which is read meanwhile. Each
# may be as large as a message.
PREFETCH_AHEAD = 50


async def run(settings: Settings, http_port: int, stop: Stop, http_host: str = ANY_HOST) -> None:
    """Write cases until `stop`."""
    share_one_heap()
    give_back_large_blocks(KEPT_BLOCK_BYTES, KEPT_BYTES)
    health = Health("broker", "store")
    metrics.introduce(settings.processes)
    async with (
        Store.opened(store_url(settings), settings.store.database) as store,
        serve_health(health, http_port, http_host),
        isolated_reader(settings) as reader,
    ):
        cases, blobs, sweep = MongoCases(store), Blobs(store), BlobSweep(store)

        async def prepare() -> None:
            await cases.ensure_indexes()
            await CaseRepository(store, settings.processes).ensure_indexes()
            await blobs.ensure_indexes()
            await sweep.ensure_indexes()
            await cases.ensure_numbers()

        async def session(broker: Broker) -> None:
            publisher = ChangePublisher(store, broker)
            batch = settings.case_writer.batch_mails
            async with ReadAhead(_preparer(settings, blobs, reader)) as ahead:
                consumer = _consumer(
                    settings, store, broker, publisher, ahead, health=health, stop=stop
                )
                consuming = handle_prepared(
                    broker,
                    CASE_WRITER_COMMANDS,
                    consumer.prepare,
                    consumer.handle,
                    stop,
                    batch=batch,
                    prefetch=2 * batch + PREFETCH_AHEAD,
                    decode=decode_case_message,
                    known=KnownNames.of(settings),
                )
                overdue = OverdueSweep(store, publisher)
                await all_of([consuming, publisher.run(stop), overdue.run(stop)])

        if await wait_for_store(prepare, stop, health):
            await _start(reader)
            name, url = connection_name("case-writer"), broker_url(settings)
            topology = topology_of(settings)
            writing = keep_connected(url, name, topology, session, stop=stop, health=health)
            gauge = ParkedGauge(MongoBacklogCounts(store), settings.processes)
            pinging = keep_pinging(store.prove_majority, health, stop)
            await all_of([writing, gauge.run(stop), sweep.run(stop), pinging])


async def _start(reader: IsolatedReader) -> None:
    """Start the reader's process now. If the machine cannot, the first mail starts it."""
    try:
        await reader.start()
    except TransientError as error:
        log.warning("reader_not_started", error=error)


@asynccontextmanager
async def isolated_reader(settings: Settings) -> AsyncIterator[IsolatedReader]:
    """The reader of mails, with the limits of the settings. Its process ends with the block."""
    reading = settings.reading
    reader = IsolatedReader(
        _reading_limits(settings),
        max_seconds=reading.max_seconds,
        max_memory_bytes=reading.max_memory_bytes,
    )
    try:
        yield reader
    finally:
        await reader.close()


def _consumer(
    settings: Settings,
    store: Store,
    broker: Broker,
    publisher: ChangePublisher,
    ahead: ReadAhead,
    *,
    health: Health,
    stop: Stop,
) -> CommandConsumer:
    blobs = Blobs(store)
    composer = OutgoingMailComposer(settings, message_id_signer(settings))
    writer = CaseWriter(
        MongoCases(store),
        ahead,
        Originals(blobs),
        Notifier(broker, publisher),
        OpeningRules(
            settings.initial_stages,
            composer.acknowledgement,
            partial(due_at_stage, settings.processes),
        ),
        own_addresses=settings.own_addresses,
        rules=settings.processes,
        health=health,
        stop=stop,
    )
    answers = Answers(MongoAnswers(store), blobs, composer, broker, health=health, stop=stop)
    recorder = FieldRecorder(store, settings.processes)
    reports = FieldReports(recorder, publisher, health=health, stop=stop)
    return CommandConsumer(writer, answers, reports, broker, KnownNames.of(settings))


def _preparer(settings: Settings, blobs: Blobs, reader: IsolatedReader) -> MailPreparer:
    # The extractor reads headers from the whole mail.
    needing = {name for name, process in settings.processes.items() if process.reads_headers}

    def keeps_original(mailbox: str) -> bool:
        known = settings.mailboxes.get(mailbox)
        if known is None:
            return False
        return settings.servers[known.server].attach_original or known.process in needing

    return MailPreparer(blobs, reader, keeps_original)


def _reading_limits(settings: Settings) -> ReadingLimits:
    """The limits of the settings that the reading code itself enforces."""
    names = ReadingLimits.__struct_fields__
    return ReadingLimits(**{name: getattr(settings.reading, name) for name in names})
