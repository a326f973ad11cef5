"""Wires the fetcher: one reader for each mailbox whose lease this replica holds."""

import asyncio
from functools import partial

from services.fetcher.byte_budget import ByteBudget
from services.fetcher.in_flight import InFlight
from services.fetcher.leases.coverage import Coverage
from services.fetcher.leases.lease import Lease
from services.fetcher.leases.manager import LeaseManager
from services.fetcher.leases.store import StoredLeases
from services.fetcher.mail_source import create_mail_source
from services.fetcher.mailbox_states import MailboxStates, keep_writing
from services.fetcher.service import MailboxReader
from services.fetcher.sources.seen_ids import StoredSeenIds
from services.runtime.broker.configured import broker_url, connection_name, topology_of
from services.runtime.broker.connection import Broker
from services.runtime.broker.deliveries import Deliveries
from services.runtime.broker.session import keep_connected
from services.runtime.mail.raw_mail_builder import RawMailBuilder
from services.runtime.oauth2.tokens import token_sources
from services.runtime.process.health import Health
from services.runtime.process.http import ANY_HOST, serve_health
from services.runtime.process.lifecycle import Stop, first_of
from services.runtime.settings import Settings
from services.runtime.store.archived_blobs import kept_blobs
from services.runtime.store.configured import store_url
from services.runtime.store.mongo import Store


async def run(settings: Settings, http_port: int, stop: Stop, http_host: str = ANY_HOST) -> None:
    """Fetch mail until `stop`."""
    health = Health("broker", "store")
    tokens = token_sources(settings)
    mailbox_count = min(len(settings.mailboxes), settings.fetcher.max_mailboxes)
    budget = ByteBudget(settings.fetcher.max_buffered_bytes, mailbox_count)
    async with (
        Store.opened(store_url(settings), settings.store.database) as store,
        serve_health(health, http_port, http_host),
    ):
        stored_leases = StoredLeases(store)
        states = MailboxStates()
        coverage = Coverage(stored_leases, list(settings.mailboxes), health)

        async def session(broker: Broker) -> None:
            limit = settings.fetcher.max_mailboxes
            leases = LeaseManager(broker, stored_leases, list(settings.mailboxes), limit, stop)
            await leases.hold(partial(read, broker))

        async def read(
            broker: Broker, name: str, receipts: Deliveries, ending: Stop, lease: Lease
        ) -> None:
            mailbox = settings.mailboxes[name]
            put_blob = kept_blobs(store, settings).put
            server, limits = settings.servers[mailbox.server], settings.limits
            seen_ids = StoredSeenIds(store, mailbox.name, asyncio.get_running_loop())
            reader = MailboxReader(
                mailbox.name,
                create_mail_source(settings, mailbox, tokens, seen_ids),
                RawMailBuilder(
                    mailbox.process,
                    mailbox.name,
                    inline_bytes=limits.inline_mail_bytes,
                    put_blob=put_blob,
                    ping_store=store.ping,
                ),
                broker,
                InFlight(server.max_in_flight_mails, server.max_in_flight_bytes),
                max_mail_bytes=limits.max_mail_bytes,
                poll_interval_s=server.poll_interval_s,
                health=health,
                stop=ending,
                budget=budget,
                lease=lease,
                states=states,
            )
            await reader.run(receipts)

        name = connection_name("fetcher")
        await first_of(
            keep_connected(
                broker_url(settings), name, topology_of(settings), session, stop=stop, health=health
            ),
            _watch(coverage, stop),
            _write_states(store, states, stop),
        )


async def _write_states(store: Store, states: MailboxStates, stop: Stop) -> None:
    """As `_watch`: ends only with the service."""
    await keep_writing(store, states, stop)
    await asyncio.Event().wait()


async def _watch(coverage: Coverage, stop: Stop) -> None:
    """Watch until the service stops, then wait: the readers drain and end the service."""
    await coverage.watch(stop)
    await asyncio.Event().wait()
