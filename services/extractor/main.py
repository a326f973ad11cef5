"""The wiring of the extractor."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.extractor import metrics
from services.extractor.consumer import WorkConsumer, decode_work
from services.extractor.isolated_documents import IsolatedDocuments
from services.extractor.recorded_mails import MongoMails
from services.extractor.service import Extractor
from services.runtime.broker.configured import broker_url, connection_name, topology_of
from services.runtime.broker.connection import Broker
from services.runtime.broker.consume import handle_batches
from services.runtime.broker.defer import KnownNames
from services.runtime.broker.session import keep_connected
from services.runtime.broker.topology import EXTRACTOR_WORK
from services.runtime.process.health import Health
from services.runtime.process.http import ANY_HOST, serve_health
from services.runtime.process.lifecycle import Stop, all_of
from services.runtime.process.malloc import give_back_large_blocks
from services.runtime.settings import Settings
from services.runtime.store.configured import keep_pinging, store_url, wait_for_store
from services.runtime.store.mongo import Store

BATCH = 10  # mails whose fields are reported together


async def run(settings: Settings, http_port: int, stop: Stop, http_host: str = ANY_HOST) -> None:
    """Read the fields of mails until `stop` is requested."""
    give_back_large_blocks()
    health = Health("broker", "store")
    metrics.introduce()
    async with (
        Store.opened(store_url(settings), settings.store.database) as store,
        serve_health(health, http_port, http_host),
        opened_extractor(store, settings) as extractor,
    ):

        async def session(broker: Broker) -> None:
            consumer = WorkConsumer(extractor, broker, health=health, stop=stop)
            await handle_batches(
                broker,
                EXTRACTOR_WORK,
                consumer.handle,
                stop,
                batch=BATCH,
                prefetch=settings.extractor.prefetch_mails,
                decode=decode_work,
                known=KnownNames.of(settings),
            )

        if await wait_for_store(store.ping, stop, health):
            url, topology = broker_url(settings), topology_of(settings)
            name = connection_name("extractor")
            consuming = keep_connected(url, name, topology, session, stop=stop, health=health)
            await all_of([consuming, keep_pinging(store.ping, health, stop)])


@asynccontextmanager
async def opened_extractor(store: Store, settings: Settings) -> AsyncIterator[Extractor]:
    """The extractor on a database. The child process that reads files ends with the block."""
    documents = IsolatedDocuments(max_memory_bytes=settings.extractor.max_memory_bytes)
    try:
        yield Extractor(MongoMails(store), documents, settings)
    finally:
        await documents.close()
