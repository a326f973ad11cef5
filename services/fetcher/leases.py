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


class Leases:
    """The leases of one replica on one connection, at most `max_mailboxes` of them at once.

    A lease dies with the broker's connection, on which the mails are published too: who lost it cannot publish.
    """

    def __init__(self, broker: Broker, max_mailboxes: int, stop: Stop) -> None:
        self._broker = broker
        self._free = max_mailboxes
        self._stop = stop

    async def hold(self, mailbox: str, read: Callable[[Deliveries], Awaitable[None]]) -> None:
        """Take the lease on `mailbox` as soon as it is free, then `read` with its receipts; give it back at the stop.

        Raises TransientError where the broker fails.
        """
        metrics.introduce(mailbox)
        metrics.LEASE_HELD.labels(mailbox).set(0)
        while not self._stop.requested:
            if not self._free or not await self._read(mailbox, read):
                await self._stop.wait(random.uniform(0.6, 1.0) * RETRY_S)  # noqa: S311 - spreads replicas, no secret

    async def _read(self, mailbox: str, read: Callable[[Deliveries], Awaitable[None]]) -> bool:
        self._free -= 1  # before the answer, so that many mailboxes that ask at once stay within the limit
        try:
            lease = await self._broker.take_lease(lease_queue(mailbox), EVENT, receipt_key(mailbox))
            if lease is None:
                log.debug("lease_taken_elsewhere", mailbox=mailbox)
                return False
            log.info("lease_taken", mailbox=mailbox)
            metrics.LEASE_HELD.labels(mailbox).set(1)
            try:
                await read(lease.deliveries)
            finally:
                metrics.LEASE_HELD.labels(mailbox).set(0)
                metrics.rest(mailbox)
            await lease.release()
            log.info("lease_given_back", mailbox=mailbox)
            return True
        finally:
            self._free += 1
