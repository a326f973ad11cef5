"""One reader a mailbox, over all replicas: owning the mailbox's exclusive queue is the lease."""

import random
from collections.abc import Awaitable, Callable

from services.fetcher import metrics
from services.runtime.broker import Broker, Deliveries
from services.runtime.lifecycle import Stop
from services.runtime.logs import get_logger
from services.runtime.topology import EVENT, lease_queue, receipt_key

log = get_logger(__name__)

RETRY_S = 5.0  # how often a replica asks for a mailbox that another one owns


async def hold_lease(broker: Broker, mailbox: str, read: Callable[[Deliveries], Awaitable[None]], stop: Stop) -> None:
    """Take the lease on `mailbox` as soon as it is free, then `read` with its receipts until `stop`; give it back.

    The lease dies with the broker's connection, on which the mails are published too: who lost it cannot publish.
    Raises TransientError where the broker fails.
    """
    metrics.LEASE_HELD.labels(mailbox).set(0)
    while not stop.requested:
        lease = await broker.take_lease(lease_queue(mailbox), EVENT, receipt_key(mailbox))
        if lease is None:
            log.debug("lease_taken_elsewhere", mailbox=mailbox)
            await stop.wait(random.uniform(0.6, 1.0) * RETRY_S)  # noqa: S311 - spreads replicas, no secret
            continue
        log.info("lease_taken", mailbox=mailbox)
        metrics.LEASE_HELD.labels(mailbox).set(1)
        try:
            await read(lease.deliveries)
        finally:
            metrics.LEASE_HELD.labels(mailbox).set(0)
        await lease.release()
        log.info("lease_given_back", mailbox=mailbox)
