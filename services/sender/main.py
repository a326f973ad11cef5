"""The wiring of the sender."""

from collections.abc import Sequence

from schemas.codec import UnreadableMessageError, decode_send_mail
from services.runtime.broker.configured import broker_url, connection_name, topology_of
from services.runtime.broker.connection import Broker
from services.runtime.broker.consume import handle_batches
from services.runtime.broker.dead_letters import reject_unreadable
from services.runtime.broker.messages import Delivery
from services.runtime.broker.session import keep_connected
from services.runtime.broker.topology import SENDER_WORK
from services.runtime.mail.message_id_keys import message_id_signer
from services.runtime.process.health import Health
from services.runtime.process.http import ANY_HOST, serve_health
from services.runtime.process.lifecycle import Stop, all_of
from services.runtime.settings import Settings
from services.runtime.store.blobs import Blobs
from services.runtime.store.configured import keep_pinging, store_url, wait_for_store
from services.runtime.store.mongo import Store
from services.sender import metrics
from services.sender.circuits import Circuit, WatchedTransport
from services.sender.clock import SharedClock
from services.sender.outbox import MongoOutbox
from services.sender.scheduler import Scheduler
from services.sender.service import Sender
from services.sender.smtp import transports
from services.sender.templates import Templates

WAKEUP_BATCH = 100


async def run(settings: Settings, http_port: int, stop: Stop, http_host: str = ANY_HOST) -> None:
    """Send mails until `stop` is requested."""
    health = Health("broker", "store")
    metrics.introduce(settings.processes, settings.smtp)
    templates = Templates(settings)
    async with (
        Store.opened(store_url(settings), settings.store.database) as store,
        serve_health(health, http_port, http_host),
    ):
        outbox = MongoOutbox(store)
        clock = SharedClock()
        circuits = {name: Circuit(name) for name in settings.smtp}
        watched = {
            name: WatchedTransport(transport, circuits[name])
            for name, transport in transports(settings).items()
        }
        sender = Sender(
            outbox,
            Blobs(store),
            watched,
            templates,
            settings,
            stop=stop,
            clock=clock,
            signer=message_id_signer(settings),
        )
        scheduler = Scheduler(sender, outbox, clock, circuits, settings, health=health, stop=stop)

        async def session(broker: Broker) -> None:
            async def wake(deliveries: Sequence[Delivery]) -> None:
                mail_ids = []
                for delivery in deliveries:
                    try:
                        mail_ids.append(decode_send_mail(delivery.body).id)
                    except UnreadableMessageError as error:
                        await reject_unreadable(broker, SENDER_WORK, delivery, error)
                await scheduler.wake(mail_ids)

            await handle_batches(
                broker,
                SENDER_WORK,
                wake,
                stop,
                batch=WAKEUP_BATCH,
                prefetch=2 * WAKEUP_BATCH,
                decode=decode_send_mail,
            )

        if await wait_for_store(outbox.ensure_indexes, stop, health):
            url, topology = broker_url(settings), topology_of(settings)
            name = connection_name("sender")
            await all_of(
                [
                    keep_connected(url, name, topology, session, stop=stop, health=health),
                    scheduler.sweep_until_stop(settings.sender.sweep_interval_s),
                    keep_pinging(store.prove_majority, health, stop),
                ]
            )
