"""The wiring of the desk."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from services.casework.publisher import ChangePublisher
from services.desk.accounts.authenticator import AccountAuthenticator
from services.desk.accounts.web.wiring import http_authenticator
from services.desk.app import build_app
from services.desk.background import BackgroundWork
from services.desk.build import build_desk, ensure_indexes
from services.desk.desk import Desk
from services.desk.http.server import listening_socket, serve
from services.desk.pages.routes import page_routes
from services.desk.ports import Tools
from services.runtime.broker.configured import broker_url, connection_name, topology_of
from services.runtime.broker.connection import Broker
from services.runtime.broker.session import keep_connected
from services.runtime.process.health import Health
from services.runtime.process.http import ANY_HOST, serve_health
from services.runtime.process.lifecycle import Stop, all_of
from services.runtime.settings import Settings
from services.runtime.store.configured import keep_pinging, store_url, wait_for_store
from services.runtime.store.mongo import Store

# Texts are indexed in a thread. With Python's 5 ms, each response of the database waits
# that long for the thread to give up the interpreter; an action waits for eight responses.
SWITCH_INTERVAL_S = 0.0005
# To the database. Authenticating a new one takes up to 50 ms on busy cores.
CONNECTIONS = 8


async def run(
    settings: Settings,
    http_port: int,
    stop: Stop,
    http_host: str = ANY_HOST,
    *,
    tools: Tools,
    listen: str | None = None,
) -> None:
    """Serve people and programs until `stop`, on `listen` (HOST:PORT; default: the address in the
    settings).

    Without the broker, the desk still serves: the database records what people do, and it is
    published later. Raises PermanentError if it cannot listen there.
    """
    address = listen or settings.desk.listen
    health = Health("store")
    with listening_socket(address) as listener, _switching_often():
        public_url = (settings.desk.public_url or f"http://{address}").rstrip("/")
        async with (
            Store.opened(
                store_url(settings), settings.store.database, connections=CONNECTIONS
            ) as store,
            serve_health(health, http_port, http_host),
        ):
            desk = build_desk(settings, store, public_url, tools)

            async def prepare() -> None:
                await ensure_indexes(desk)

            if not await wait_for_store(prepare, stop, health):
                return
            work = BackgroundWork(desk, AccountAuthenticator(desk.accounts).of_owner)
            authenticator = http_authenticator(desk)
            app = build_app(desk, authenticator, page_routes(desk, authenticator))
            with frozen_objects():
                await all_of(
                    [
                        serve(app, listener, stop),
                        work.run(stop),
                        _follow_events(desk, work, settings, stop),
                        keep_pinging(store.prove_majority, health, stop),
                    ]
                )


@contextmanager
def _switching_often() -> Iterator[None]:
    """Set Python's switch interval, and restore it at the end."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


@contextmanager
def frozen_objects() -> Iterator[None]:
    """Exclude what exists now from garbage collection until the end: modules, routes, templates.

    A full collection stops the desk for 50 to 75 ms otherwise, in the middle of requests.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


async def _follow_events(desk: Desk, work: BackgroundWork, settings: Settings, stop: Stop) -> None:
    """Publish changes and follow events while the broker is connected."""

    async def session(broker: Broker) -> None:
        publisher = ChangePublisher(desk.store, broker)
        desk.events.connected(broker, publisher)
        try:
            await all_of([publisher.run(stop), work.follow_events(broker, stop)])
        finally:
            desk.events.disconnected()

    await keep_connected(
        broker_url(settings),
        connection_name("desk"),
        topology_of(settings),
        session,
        stop=stop,
        health=Health("broker"),
    )
