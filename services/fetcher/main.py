"""The fetcher as a process: a reader for every mailbox whose lease it gets."""

import os

from services.fetcher.credentials import Password
from services.fetcher.dispatch import Dispatcher
from services.fetcher.imap import ImapSource
from services.fetcher.leases import hold_lease
from services.fetcher.ports import MailSource
from services.fetcher.service import MailboxReader
from services.fetcher.window import InFlight
from services.runtime.blobs import Blobs
from services.runtime.broker import Broker, Deliveries, keep_connected
from services.runtime.health import Health
from services.runtime.lifecycle import Stop, all_of
from services.runtime.settings import Mailbox, Settings
from services.runtime.stage import broker_url, connection_name, healthy_on, store_url, topology_of
from services.runtime.store import Store


async def run(settings: Settings, http_port: int, stop: Stop) -> None:
    """Fetch mail until `stop`."""
    health = Health("broker")
    async with Store.opened(store_url(settings), settings.store.database) as store, healthy_on(health, http_port):
        blobs = Blobs(store)

        async def session(broker: Broker) -> None:
            await all_of(serve(broker, mailbox) for mailbox in settings.mailboxes.values())
            await stop.wait()  # also where there is no mailbox

        async def serve(broker: Broker, mailbox: Mailbox) -> None:
            async def read(receipts: Deliveries) -> None:
                await _reader(settings, mailbox, broker=broker, blobs=blobs, health=health, stop=stop).run(receipts)

            await hold_lease(broker, mailbox.name, read, stop)

        name = connection_name("fetcher")
        await keep_connected(broker_url(settings), name, topology_of(settings), session, stop=stop, health=health)


def _reader(
    settings: Settings, mailbox: Mailbox, *, broker: Broker, blobs: Blobs, health: Health, stop: Stop
) -> MailboxReader:
    server = settings.servers[mailbox.server]
    inline_bytes = settings.limits.inline_mail_bytes
    return MailboxReader(
        mailbox.name,
        mail_source(settings, mailbox),
        Dispatcher(mailbox.process, mailbox.name, inline_bytes=inline_bytes, put_blob=blobs.put),
        broker,
        InFlight(server.max_in_flight_mails, server.max_in_flight_bytes),
        max_mail_bytes=settings.limits.max_mail_bytes,
        poll_interval_s=server.poll_interval_s,
        health=health,
        stop=stop,
    )


def mail_source(settings: Settings, mailbox: Mailbox) -> MailSource:
    """The adapter for a mailbox's protocol, not connected yet."""
    return ImapSource(mailbox, settings.servers[mailbox.server], lambda: Password(mailbox.password(os.environ)))
