"""The database of the settings, and waiting until it responds."""

from collections.abc import Awaitable, Callable

from services.runtime.errors import TransientError
from services.runtime.logs import get_logger
from services.runtime.metrics import RETRIES
from services.runtime.process.health import Health
from services.runtime.process.lifecycle import Stop
from services.runtime.retry import Backoff
from services.runtime.settings import Settings
from services.runtime.settings.load import required_url

log = get_logger(__name__)

PING_EVERY_S = 10.0


def store_url(settings: Settings) -> str:
    """Raises SettingsError if the URL is not set."""
    return required_url("store", settings.store.url)


async def wait_for_store(
    prepare: Callable[[], Awaitable[None]], stop: Stop, health: Health
) -> bool:
    """Call `prepare` (indexes, a ping) until it succeeds; False if `stop` is requested first."""
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
    ping: Callable[[], Awaitable[None]],
    health: Health,
    stop: Stop,
    *,
    every_s: float = PING_EVERY_S,
) -> None:
    """Until `stop`, report whether the database responds to `ping`, even while there is nothing to
    write.
    """
    while not await stop.wait(every_s):
        try:
            await ping()
        except TransientError as error:
            health.down("store", str(error))
            log.warning("store_unreachable", error=error, retry_in_s=every_s)
        else:
            health.up("store")
