"""What every stage does around its work: know its servers, serve its health, wait for the database."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from services.runtime.broker.topology import Topology, mailcase_topology
from services.runtime.errors import Mistake, SettingsError, TransientError
from services.runtime.logs import get_logger
from services.runtime.metrics import RETRIES
from services.runtime.process.health import Health
from services.runtime.process.http import ANY_HOST, serve_http
from services.runtime.process.lifecycle import Stop
from services.runtime.retry import Backoff
from services.runtime.settings import Settings

log = get_logger(__name__)

PING_EVERY_S = 10.0


def broker_url(settings: Settings) -> str:
    """Raises SettingsError where it is not set."""
    return _required(settings.broker.url, "broker", "MAILCASE_BROKER_URL")


def store_url(settings: Settings) -> str:
    """Raises SettingsError where it is not set."""
    return _required(settings.store.url, "store", "MAILCASE_STORE_URL")


def topology_of(settings: Settings) -> Topology:
    return mailcase_topology(
        archive_max_age_days=settings.archive.max_age_days, archive_max_bytes=settings.archive.max_bytes
    )


def connection_name(stage: str) -> str:
    """How the broker's lists show this process."""
    return f"mailcase {stage} {socket.gethostname()} {os.getpid()}"


@asynccontextmanager
async def serve_health(health: Health, http_port: int, http_host: str = ANY_HOST) -> AsyncIterator[int]:
    """Serve `/healthz`, `/readyz` and `/metrics` during the block; yields the port."""
    with serve_http(health, http_port, http_host) as port:
        beating = asyncio.ensure_future(health.beat())
        log.info("http_serving", port=port)
        try:
            yield port
        finally:
            beating.cancel()


async def wait_for_store(prepare: Callable[[], Awaitable[None]], stop: Stop, health: Health) -> bool:
    """Call `prepare` (indexes, a ping) until the database takes it; False if the stage shall stop before that."""
    backoff = Backoff(initial_s=0.2, maximum_s=10.0)
    while not stop.requested:
        try:
            await prepare()
        except TransientError as error:
            pause_s = backoff.next_s()
            health.down("store", str(error))
            RETRIES.labels("store").inc()
            log.warning("store_unreachable", error=error, retry_in_s=round(pause_s, 1))
            await stop.wait(pause_s)
        else:
            health.up("store")
            return True
    return False


async def keep_pinging(
    ping: Callable[[], Awaitable[None]], health: Health, stop: Stop, *, every_s: float = PING_EVERY_S
) -> None:
    """Report whether the database answers `ping`, also while there is nothing to write; until `stop`."""
    while not await stop.wait(every_s):
        try:
            await ping()
        except TransientError as error:
            health.down("store", str(error))
            log.warning("store_unreachable", error=error, retry_in_s=every_s)
        else:
            health.up("store")


def _required(url: str | None, section: str, variable: str) -> str:
    if url is None:
        hint = f"set it in the file or in {variable}; `mailcase up` runs without it, on servers of its own"
        raise SettingsError([Mistake(f"{section}.url", "missing", hint)])
    return url
