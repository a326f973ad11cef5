"""The case writer as a process: what it is made of."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from schemas.codec import decode_case_message
from services.case_writer import metrics
from services.case_writer.consumer import CommandConsumer
from services.case_writer.housekeeping.blob_sweep import BlobSweep
from services.case_writer.housekeeping.parked_gauge import ParkedGauge
from services.case_writer.isolated_reader import IsolatedReader
from services.case_writer.outgoing.answers import Answers, MongoAnswers
from services.case_writer.outgoing.composer import OutgoingMailComposer
from services.case_writer.preparation import MailPreparer
from services.case_writer.reading import ReadingLimits
from services.case_writer.recording.mongo import MongoCases
from services.case_writer.service import CaseWriter
from services.casework.decide import due_at_stage
from services.casework.overdue import OverdueSweep
from services.casework.persistence.repository import CaseRepository
from services.casework.publisher import ChangePublisher
from services.runtime.broker.configured import broker_url, connection_name, topology_of
from services.runtime.broker.connection import Broker
from services.runtime.broker.consume import handle_batches
from services.runtime.broker.defer import KnownNames
from services.runtime.broker.session import keep_connected
from services.runtime.broker.topology import CASE_WRITER_COMMANDS
from services.runtime.mail.message_id_keys import message_id_signer
from services.runtime.process.health import Health
from services.runtime.process.http import ANY_HOST, serve_health
from services.runtime.process.lifecycle import Stop, all_of
from services.runtime.process.malloc import give_back_large_blocks
from services.runtime.settings import Settings
from services.runtime.store.blobs import Blobs
from services.runtime.store.configured import keep_pinging, store_url, wait_for_store
from services.runtime.store.mongo import Store

PREFETCH_AHEAD = 50  # mails that come while a batch is written; each may be as large as a message


async def run(settings: Settings, http_port: int, stop: Stop, http_host: str = ANY_HOST) -> None:
    """Write cases until `stop`."""
    give_back_large_blocks()
    health = Health("broker", "store")
    metrics.introduce(settings.processes)
    async with (
        Store.opened(store_url(settings), settings.store.database) as store,
        serve_health(health, http_port, http_host),
        _reading_aside(settings) as aside,
    ):
        blobs, sweeping = Blobs(store), BlobSweep(store)
        correspondence = OutgoingMailComposer(settings, message_id_signer(settings))
        stage_due = partial(due_at_stage, settings.processes)
        cases = MongoCases(store, settings.initial_stages, correspondence.acknowledgement, stage_due)
        intake = _intake(settings, blobs, aside)

        async def prepare() -> None:
            await cases.ensure_indexes()
            await CaseRepository(store, settings.processes).ensure_indexes()
            await blobs.ensure_indexes()
            await sweeping.ensure_indexes()
            await cases.ensure_numbers()

        async def session(broker: Broker) -> None:
            known = KnownNames.of(settings)
            own, rules, batch = settings.own_addresses, settings.processes, settings.case_writer.batch_mails
            publisher = ChangePublisher(store, broker)
            writer = CaseWriter(
                cases, intake, broker, publisher, own_addresses=own, rules=rules, health=health, stop=stop
            )
            answers = Answers(MongoAnswers(store), blobs, correspondence, broker, health=health, stop=stop)
            handle = CommandConsumer(writer, answers, broker, known).handle
            consuming = handle_batches(
                broker,
                CASE_WRITER_COMMANDS,
                handle,
                stop,
                batch=batch,
                prefetch=batch + PREFETCH_AHEAD,
                decode=decode_case_message,
                known=known,
            )
            await all_of([consuming, publisher.run(stop), OverdueSweep(store, publisher).run(stop)])

        if await wait_for_store(prepare, stop, health):
            name, url, topology = connection_name("case-writer"), broker_url(settings), topology_of(settings)
            writing = keep_connected(url, name, topology, session, stop=stop, health=health)
            watching = ParkedGauge(cases, settings.processes).run(stop)
            await all_of([writing, watching, sweeping.run(stop), keep_pinging(store.prove_majority, health, stop)])


@asynccontextmanager
async def _reading_aside(settings: Settings) -> AsyncIterator[IsolatedReader]:
    """The process for large mails, ended after the block."""
    reading = settings.reading
    limits = reading_limits(settings)
    aside = IsolatedReader(limits, max_seconds=reading.max_seconds, max_memory_bytes=reading.max_memory_bytes)
    try:
        yield aside
    finally:
        await aside.close()


def _intake(settings: Settings, blobs: Blobs, aside: IsolatedReader) -> MailPreparer:
    def keeps_original(mailbox: str) -> bool:
        known = settings.mailboxes.get(mailbox)
        return known is not None and settings.servers[known.server].attach_original

    limits, aside_bytes = reading_limits(settings), settings.reading.aside_bytes
    return MailPreparer(blobs, keeps_original, limits=limits, aside=aside, aside_bytes=aside_bytes)


def reading_limits(settings: Settings) -> ReadingLimits:
    """The limits of the settings that reading itself keeps to."""
    return ReadingLimits(**{name: getattr(settings.reading, name) for name in ReadingLimits.__struct_fields__})
