"""Puts the parts of a desk together."""

from collections.abc import Callable, Sequence

from msgspec.structs import replace
from starlette.requests import HTTPConnection

from schemas.case_ref import CaseReference
from services.casework.outgoing import OutgoingMailBuilder
from services.casework.parked import ParkedMailRepository
from services.casework.persistence.answers import MongoAnswers
from services.casework.persistence.reader import CaseReader
from services.casework.persistence.repository import CaseRepository
from services.desk.access import Access
from services.desk.accounts.accounts import Accounts
from services.desk.accounts.client_address import ClientAddresses
from services.desk.accounts.indexes import ensure_account_indexes
from services.desk.composing.drafts import Drafts
from services.desk.composing.uploads import Uploads
from services.desk.desk import Desk
from services.desk.events import DeskEvents
from services.desk.http.idempotency import IdempotentReplies
from services.desk.live.hub import LiveHub
from services.desk.ports import Tools
from services.desk.presence import Presences
from services.desk.saved_views import SavedViews
from services.desk.search.index import SearchIndex
from services.desk.search.query import CaseSearch
from services.desk.stage_counts import StageCounts
from services.desk.webhooks.repository import Webhooks
from services.desk.webhooks.sending import WebhookSender
from services.desk.webhooks.targets import networks
from services.runtime.broker.configured import topology_of
from services.runtime.mail.message_id_keys import message_id_signer
from services.runtime.settings import Settings
from services.runtime.store.archived_blobs import kept_blobs
from services.runtime.store.blobs import Blobs
from services.runtime.store.mongo import Store


def build_desk(
    settings: Settings,
    store: Store,
    public_url: str,
    tools: Tools,
    client_address: Callable[[HTTPConnection], str] | None = None,
) -> Desk:
    """A desk on the database of `store`; `public_url` has no slash at the end."""
    blobs = Blobs(store)
    composer = OutgoingMailBuilder(settings, message_id_signer(settings))
    events, live, reader = DeskEvents(topology_of(settings).origins), LiveHub(), CaseReader(store)

    async def announce(subjects: Sequence[str]) -> None:
        live.check(subjects)
        await events.announce(subjects)

    return Desk(
        settings=settings,
        store=store,
        access=Access(settings.processes),
        accounts=Accounts(store, replace(settings.desk, public_url=public_url), announce=announce),
        cases=CaseRepository(store, settings.processes, compose=composer.notice),
        reader=reader,
        stage_counts=StageCounts(lambda: reader.counts_by_stage(list(settings.processes))),
        answers=MongoAnswers(store),
        composer=composer,
        blobs=blobs,
        # A retried mail may travel by reference, and the archive keeps the message.
        parked=ParkedMailRepository(store, kept_blobs(store, settings)),
        uploads=Uploads(store, blobs),
        drafts=Drafts(store),
        saved_views=SavedViews(store),
        presences=Presences(store),
        search=CaseSearch(store),
        webhooks=Webhooks(store),
        webhook_sender=WebhookSender(networks(settings.desk.webhook_allow_networks)),
        events=events,
        idempotent_replies=IdempotentReplies(store),
        reference=CaseReference(settings.case_reference.prefix, settings.case_reference.read_bare),
        public_url=public_url,
        tools=tools,
        live=live,
        client_address=client_address or _address_finder(settings.desk.trusted_proxies),
    )


async def ensure_indexes(desk: Desk) -> None:
    """Create the indexes for the desk's queries. Raises TransientError."""
    await ensure_account_indexes(desk.store)
    await desk.cases.ensure_indexes()
    await desk.reader.ensure_indexes()
    await desk.blobs.ensure_indexes()
    await desk.uploads.ensure_indexes()
    await desk.drafts.ensure_indexes()
    await desk.saved_views.ensure_indexes()
    await desk.presences.ensure_indexes()
    await desk.idempotent_replies.ensure_indexes()
    await SearchIndex(desk.store).ensure_indexes()
    await desk.webhooks.ensure_indexes()


def _address_finder(trusted_proxies: Sequence[str]) -> Callable[[HTTPConnection], str]:
    """A function that returns the network address of a request's client, empty if there is none."""
    addresses = ClientAddresses(trusted_proxies)

    def address(connection: HTTPConnection) -> str:
        peer = connection.client.host if connection.client else ""
        return addresses.address(peer, connection.headers.getlist("x-forwarded-for"))

    return address
