"""Sessions with the broker: one connection after another, each with the topology declared.

A connection is used until it breaks and is then replaced as a whole. Unacknowledged messages are
delivered again, and a broker that lost its data gets its queues back.
"""

import asyncio
from collections.abc import Awaitable, Callable

from services.runtime import metrics
from services.runtime.broker.connection import CONSUME_PATIENCE_S, Broker, LeaderlessError
from services.runtime.broker.driver_errors import translate_driver_cancellations
from services.runtime.broker.topology import Topology
from services.runtime.errors import TransientError
from services.runtime.logs import get_logger
from services.runtime.masking import mask_secrets
from services.runtime.process.health import Health
from services.runtime.process.lifecycle import Stop, first_of
from services.runtime.retry import Backoff

log = get_logger(__name__)

STOP_PATIENCE_S = 5.0


async def keep_connected(
    url: str,
    name: str,
    topology: Topology,
    session: Callable[[Broker], Awaitable[None]],
    *,
    stop: Stop,
    health: Health,
) -> None:
    """Run `session` on a connection, and again on a new one after every failure, until `stop`.

    `session` returns once `stop` is requested and its current work is done. A stop does not wait
    for a pending connection, nor for a broker that does not respond. After a failure caused by a
    queue without a leader, the broker counts as up only after a session has lasted a while, so that
    the service does not look ready at each attempt.
    """
    backoff, proof_s = Backoff(initial_s=0.2, maximum_s=10.0), 0.0

    async def connect_and_run(connected: asyncio.Event) -> None:
        async with Broker.connected(url, name) as broker:
            await broker.declare(topology)
            connected.set()
            backoff.reset()
            with translate_driver_cancellations("use the connection"):
                await first_of(
                    _up_after(proof_s, health),
                    session(broker),
                    broker.broken(),
                    _unresponsive_at_stop(broker, stop),
                )

    while not stop.requested:
        connected = asyncio.Event()
        try:
            await first_of(connect_and_run(connected), _stopped_before(connected, stop))
        except TransientError as error:
            proof_s = 2 * CONSUME_PATIENCE_S if isinstance(error, LeaderlessError) else 0.0
            pause_s = backoff.next_s()
            health.down("broker", str(error))
            metrics.RETRIES.labels("broker").inc()
            log.warning(
                "broker_session_ended",
                error=error,
                retry_in_s=round(pause_s, 1),
                broker=mask_secrets(url),
            )
            await stop.wait(pause_s)


async def _stopped_before(connected: asyncio.Event, stop: Stop) -> None:
    """Return when a stop is requested before the connection exists; otherwise wait forever."""
    await stop.wait()
    if connected.is_set():
        await asyncio.Event().wait()


async def _unresponsive_at_stop(broker: Broker, stop: Stop) -> None:
    """After `stop`, raise TransientError as soon as the broker does not respond anymore.

    A session may wait for a response without a limit of its own. The driver notices a silent broker
    only after three and a half heartbeats; what is unacknowledged is delivered again.
    """
    await stop.wait()
    while True:
        try:
            async with asyncio.timeout(STOP_PATIENCE_S):
                await broker.ping()
        except TimeoutError as error:
            raise TransientError("the broker does not respond; the stop does not wait") from error
        await asyncio.sleep(STOP_PATIENCE_S / 5)


async def _up_after(proof_s: float, health: Health) -> None:
    """Report the broker as up after `proof_s` seconds without a failure, then wait forever."""
    if proof_s:
        await asyncio.sleep(proof_s)
    health.up("broker")
    await asyncio.Event().wait()
