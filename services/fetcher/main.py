"""The fetcher as a process: a reader for every mailbox whose lease it gets."""

import asyncio
import os
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial

from services.fetcher.byte_budget import ByteBudget
from services.fetcher.imap.source import ImapSource
from services.fetcher.in_flight import InFlight
from services.fetcher.leases.coverage import Coverage
from services.fetcher.leases.manager import Leases
from services.fetcher.leases.store import StoredLeases
from services.fetcher.leases.tenure import Tenure
from services.fetcher.message_builder import RawMailBuilder
from services.fetcher.pop3.source import Pop3Source
from services.fetcher.ports import MailSource
from services.fetcher.service import MailboxReader
from services.fetcher.sources.credentials import Credential, Password
from services.fetcher.sources.seen_ids import NoSeenIds, SeenIds, StoredSeenIds
from services.runtime.broker.configured import broker_url, connection_name, topology_of
from services.runtime.broker.connection import Broker
from services.runtime.broker.deliveries import Deliveries
from services.runtime.broker.session import keep_connected
from services.runtime.oauth2.tokens import TokenSource, token_sources
from services.runtime.process.health import Health
from services.runtime.process.http import ANY_HOST, serve_health
from services.runtime.process.lifecycle import Stop, first_of
from services.runtime.settings import Mailbox, Settings
from services.runtime.store.blobs import Blobs
from services.runtime.store.configured import store_url
from services.runtime.store.mongo import Store

ARCHIVE_LATE = timedelta(days=2)  # the broker drops what is too old in whole segments, and a queue may hold mail too


async def run(settings: Settings, http_port: int, stop: Stop, http_host: str = ANY_HOST) -> None:
    """Fetch mail until `stop`."""
    health = Health("broker", "store")
    tokens = token_sources(settings)
    read_here = min(len(settings.mailboxes), settings.fetcher.max_mailboxes)
    budget = ByteBudget(settings.fetcher.max_buffered_bytes, read_here)
    async with (
        Store.opened(store_url(settings), settings.store.database) as store,
        serve_health(health, http_port, http_host),
    ):
        stored_leases = StoredLeases(store)
        coverage = Coverage(stored_leases, list(settings.mailboxes), health)

        async def session(broker: Broker) -> None:
            most = settings.fetcher.max_mailboxes
            leases = Leases(broker, stored_leases, list(settings.mailboxes), most, stop)
            await leases.hold(partial(read, broker))

        async def read(broker: Broker, name: str, receipts: Deliveries, ending: Stop, tenure: Tenure) -> None:
            mailbox = settings.mailboxes[name]
            put_blob = kept_blobs(store, settings).put
            server, limits = settings.servers[mailbox.server], settings.limits
            memory = StoredSeenIds(store, mailbox.name, asyncio.get_running_loop())
            reader = MailboxReader(
                mailbox.name,
                mail_source(settings, mailbox, tokens, memory),
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
                tenure=tenure,
            )
            await reader.run(receipts)

        name = connection_name("fetcher")
        await first_of(
            keep_connected(broker_url(settings), name, topology_of(settings), session, stop=stop, health=health),
            _watch(coverage, stop),
        )


async def _watch(coverage: Coverage, stop: Stop) -> None:
    """Until the stage stops, then leave the end to the readers, which drain."""
    await coverage.watch(stop)
    await asyncio.Event().wait()


def kept_blobs(store: Store, settings: Settings) -> Blobs:
    """Whole mails that travel as references: messages, and the archive for as long as it keeps them, refer to them."""
    return Blobs(store, kept_for=timedelta(days=settings.archive.max_age_days) + ARCHIVE_LATE)


def mail_source(
    settings: Settings, mailbox: Mailbox, tokens: Mapping[str, TokenSource] | None = None, memory: SeenIds | None = None
) -> MailSource:
    """The adapter for a mailbox's protocol, not connected yet; without `memory` it only looks."""
    server = settings.servers[mailbox.server]
    credential = _credential(mailbox, tokens if tokens is not None else token_sources(settings))
    if server.protocol == "pop3":
        return Pop3Source(mailbox, server, credential, memory or NoSeenIds())
    return ImapSource(mailbox, server, credential, memory)


def _credential(mailbox: Mailbox, tokens: Mapping[str, TokenSource]) -> Callable[[], Credential]:
    if mailbox.oauth2 is not None:
        return partial(tokens[mailbox.oauth2].token, mailbox.user)
    return lambda: Password(mailbox.password(os.environ))
