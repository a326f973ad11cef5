"""One reader a mailbox, over all replicas: which mailboxes this one asks for, keeps and gives back."""

import asyncio
import random
import secrets
import time
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress

from schemas.codec import UnreadableMessageError, decode_presence
from schemas.events import FetcherPresent
from services.fetcher import metrics
from services.fetcher.leases.lease import Lease, LeaseLostError
from services.fetcher.leases.peers import Peers
from services.fetcher.leases.store import LeaseStore
from services.runtime.broker.connection import Broker
from services.runtime.broker.deliveries import Deliveries
from services.runtime.broker.messages import Outgoing
from services.runtime.broker.topology import EVENT, FETCHER_PRESENT, receipt_key, receipts_queue, replica_queue
from services.runtime.errors import TransientError
from services.runtime.logs import get_logger
from services.runtime.process.lifecycle import Stop, all_of, first_of

log = get_logger(__name__)

RETRY_S = 3.0  # how often a replica asks for a mailbox that nobody is known to read
STORE_REST_S = 10.0  # how long a replica asks for nothing after the database gave no answer
RENEW_S = 5.0  # several attempts within a lease's time
ANNOUNCE_S = 2.0
LESS_LOADED_FIRST_S = 8.0  # how long a free mailbox is left to replicas that read fewer
REST_S = 15.0  # how long a replica does not ask for what it gave back

Read = Callable[[str, Deliveries, Stop, Lease], Awaitable[None]]


class LeaseManager:
    """The leases of one replica on one connection, at most `max_mailboxes` of them at once.

    The database decides who has a lease (`lease_store.py`). Who cannot renew it pauses before another may take it.
    """

    def __init__(
        self, broker: Broker, store: LeaseStore, mailboxes: Collection[str], max_mailboxes: int, stop: Stop
    ) -> None:
        self._broker = broker
        self._store = store
        self._mailboxes = mailboxes
        self._max = max_mailboxes
        self._stop = stop
        self._name = secrets.token_hex(8)
        self._peers = Peers(self._name)
        self._asked: set[str] = set()  # whose lease we hold or have just asked for
        self._held: dict[str, Stop] = {}  # what ends the reading of each
        self._leases: dict[str, Lease] = {}
        self._given: set[str] = set()  # of these, on their way back
        self._free_since_s: dict[str, float] = {}
        self._rest_until_s: dict[str, float] = {}
        self._store_rest_until_s = float("-inf")
        self._changed = asyncio.Event()

    async def hold(self, read: Read) -> None:
        """Take leases as they are free and `read` with their receipts, until the stage stops.

        `read` ends soon once its Stop is requested. Raises TransientError where the broker fails.
        """
        for mailbox in self._mailboxes:
            metrics.initialize(mailbox)
            metrics.LEASE_HELD.labels(mailbox).set(0)
        news = await self._broker.private_queue(replica_queue(self._name), EVENT, FETCHER_PRESENT)
        assert news is not None  # noqa: S101 - the name is drawn anew and nobody else's
        order = random.sample(list(self._mailboxes), k=len(self._mailboxes))  # replicas differ
        reading = all_of([self._hold(mailbox, read) for mailbox in order] + [self._end_with_stage()])
        await first_of(reading, self._listen(news.deliveries), self._announce(), self._renew())
        with suppress(TransientError):
            await self._tell()  # that we have nothing, so that others need not wait for our silence

    async def _end_with_stage(self) -> None:
        await self._stop.wait()
        for ending in self._held.values():
            ending.request()

    async def _hold(self, mailbox: str, read: Read) -> None:
        while not self._stop.requested:
            lease = await self._take(mailbox) if self._wants(mailbox, time.monotonic()) else None
            if lease is not None:
                await self._read(mailbox, lease, read)
            await self._stop.wait(random.uniform(0.6, 1.0) * RETRY_S)  # noqa: S311 - spreads replicas, no secret

    def _wants(self, mailbox: str, now_s: float) -> bool:
        """Whether to ask for a lease."""
        if self._peers.reads(mailbox, now_s):
            self._free_since_s.pop(mailbox, None)
            return False
        free_s = now_s - self._free_since_s.setdefault(mailbox, now_s)
        if now_s < self._store_rest_until_s:
            return False
        if len(self._asked) >= self._max or self._rest_until_s.get(mailbox, 0.0) > now_s:
            return False
        return free_s >= LESS_LOADED_FIRST_S or not self._peers.has_less_loaded(len(self._asked), now_s)

    async def _take(self, mailbox: str) -> Lease | None:
        self._asked.add(mailbox)  # before the answer, so that many mailboxes that ask at once stay within the limit
        try:
            until_s = await self._store.acquire(mailbox)
        except TransientError as error:
            self._asked.discard(mailbox)
            self._store_rest_until_s = time.monotonic() + STORE_REST_S
            log.warning("lease_not_taken", mailbox=mailbox, error=error, hint="see the database's log")
            return None
        except BaseException:
            self._asked.discard(mailbox)
            raise
        if until_s is None:
            self._asked.discard(mailbox)
            log.debug("lease_taken_elsewhere", mailbox=mailbox)
            return None
        return Lease(until_s)

    async def _read(self, mailbox: str, lease: Lease, read: Read) -> None:
        log.info("lease_taken", mailbox=mailbox)
        self._leases[mailbox] = lease
        self._held[mailbox] = ending = Stop()
        metrics.LEASE_HELD.labels(mailbox).set(1)
        self._changed.set()
        if self._stop.requested:
            ending.request()
        try:
            await self._read_with_receipts(mailbox, lease, ending, read)
        except LeaseLostError as error:
            log.warning("lease_lost", mailbox=mailbox, error=error)
        finally:
            metrics.LEASE_HELD.labels(mailbox).set(0)
            metrics.reset(mailbox)
            del self._held[mailbox], self._leases[mailbox]
            self._asked.discard(mailbox)
            self._given.discard(mailbox)
            self._free_since_s.pop(mailbox, None)
        await self._release(mailbox)
        self._changed.set()

    async def _read_with_receipts(self, mailbox: str, lease: Lease, ending: Stop, read: Read) -> None:
        queue = receipts_queue(mailbox, self._name)
        receipts = await self._broker.private_queue(queue, EVENT, receipt_key(mailbox))
        if receipts is None:  # the name is drawn anew for each connection and nobody else's
            raise TransientError(f"the queue {queue} belongs to another connection", mailbox=mailbox)
        try:
            await first_of(read(mailbox, receipts.deliveries, ending, lease), lease.lost())
        except LeaseLostError:
            await receipts.release()
            raise
        await receipts.release()

    async def _release(self, mailbox: str) -> None:
        try:
            await self._store.release(mailbox)
        except TransientError as error:
            log.warning("lease_not_released", mailbox=mailbox, error=error, hint="it ends by itself within 20 s")
        else:
            log.info("lease_released", mailbox=mailbox)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            asked = dict(self._leases)
            try:
                ours, until_s = await self._store.renew(asked)
            except TransientError as error:
                log.warning("leases_not_renewed", mailboxes=len(asked), error=error, hint="see the database's log")
                continue
            for mailbox, lease in asked.items():
                lease.extend(until_s) if mailbox in ours else lease.lose()

    async def _listen(self, news: Deliveries) -> None:
        while batch := await news.next_batch(1000):
            for delivery in batch:
                try:
                    self._peers.heard(decode_presence(delivery.body), time.monotonic())
                except UnreadableMessageError as error:
                    log.warning("presence_unreadable", error=error)

    async def _announce(self) -> None:
        while True:
            await self._tell()
            self._balance(time.monotonic())
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), ANNOUNCE_S)
            self._changed.clear()

    async def _tell(self) -> None:
        room = 0 if self._stop.requested else max(0, self._max - len(self._asked))
        presence = FetcherPresent(replica=self._name, mailboxes=sorted(self._held), room=room)
        await self._broker.publish(Outgoing.event(presence, "", FETCHER_PRESENT))

    def _balance(self, now_s: float) -> None:
        """Give back what others should read."""
        mine = [mailbox for mailbox in self._held if mailbox not in self._given]
        for mailbox in random.sample(mine, k=self._peers.surplus(mine, self._mailboxes, now_s)):
            log.info("lease_rebalanced", mailbox=mailbox, reason="another replica reads fewer mailboxes")
            self._given.add(mailbox)
            self._rest_until_s[mailbox] = now_s + REST_S
            self._held[mailbox].request()
