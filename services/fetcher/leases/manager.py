"""The leases of one replica: which mailboxes it requests, keeps and releases."""

import asyncio
import random
import secrets
import time
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from functools import partial

from schemas.codec import UnreadableMessageError, decode_presence
from schemas.events import FetcherPresent
from services.fetcher import metrics
from services.fetcher.backpressure import wait_for_broker
from services.fetcher.leases.lease import Lease, LeaseLostError
from services.fetcher.leases.peers import Peers
from services.fetcher.leases.store import LeaseStore
from services.runtime.broker.connection import Broker
from services.runtime.broker.deliveries import Deliveries
from services.runtime.broker.messages import Outgoing
from services.runtime.broker.topology import (
    EVENT,
    FETCHER_PRESENT,
    receipt_key,
    receipts_queue,
    replica_queue,
)
from services.runtime.errors import TransientError
from services.runtime.logs import get_logger
from services.runtime.process.lifecycle import Stop, all_of, first_of

log = get_logger(__name__)

RETRY_S = 3.0  # between two requests for a mailbox without a known reader
STORE_PAUSE_S = 10.0  # without requests, after the database failed to answer
RENEW_S = 5.0  # several attempts within a lease's TTL
ANNOUNCE_S = 2.0
LESS_LOADED_FIRST_S = 8.0  # a free mailbox is left to less loaded replicas this long
RELEASED_PAUSE_S = 15.0  # before a replica requests a mailbox again that it released
# How long a requested stop may take, whatever is pending. Longer than a reader's drain; the rest
# (releasing leases, closing connections) still fits into the service's deadline.
STOP_S = 13.0

Read = Callable[[str, Deliveries, Stop, Lease], Awaitable[None]]


class LeaseManager:
    """Takes at most `max_mailboxes` leases, for one connection to the broker.

    The database decides who holds a lease (`store.py`). A replica that cannot renew a lease pauses
    before another one may take it.
    """

    def __init__(
        self,
        broker: Broker,
        store: LeaseStore,
        mailboxes: Collection[str],
        max_mailboxes: int,
        stop: Stop,
    ) -> None:
        self._broker = broker
        self._store = store
        self._mailboxes = mailboxes
        self._max = max_mailboxes
        self._stop = stop
        self._name = secrets.token_hex(8)
        self._peers = Peers(self._name)
        self._requested: set[str] = set()  # leases that we hold or have just requested
        self._held: dict[str, Stop] = {}  # stops the reading of each
        self._leases: dict[str, Lease] = {}
        self._releasing: set[str] = set()  # held, and to be released
        self._unreleased: set[str] = set()  # ours in the database
        self._free_since_s: dict[str, float] = {}
        self._paused_until_s: dict[str, float] = {}
        self._store_paused_until_s = float("-inf")
        self._changed = asyncio.Event()

    async def hold(self, read: Read) -> None:
        """Take free leases and `read` each mailbox with its receipts, until the service stops.

        Returns at most STOP_S after the request, except for the time to release the leases. Raises
        TransientError if the broker fails.
        """
        for mailbox in self._mailboxes:
            metrics.initialize(mailbox)
            metrics.LEASE_HELD.labels(mailbox).set(0)
        presence = await self._broker.private_queue(
            replica_queue(self._name), EVENT, FETCHER_PRESENT
        )
        assert presence is not None  # noqa: S101 - the name is random, so no other connection has it
        # Each replica uses another order.
        order = random.sample(list(self._mailboxes), k=len(self._mailboxes))
        reading = all_of(
            [self._hold(mailbox, read) for mailbox in order] + [self._end_with_service()]
        )
        try:
            await first_of(
                reading,
                self._listen(presence.deliveries),
                self._announce(),
                self._renew(),
                self._overdue(),
            )
        finally:
            # After a broken connection or an incomplete stop, so that other replicas do not wait
            # until the leases expire.
            await asyncio.gather(*(self._release(mailbox) for mailbox in sorted(self._unreleased)))
        with suppress(TransientError):
            # Without mailboxes, so that others do not wait for PEER_TTL_S.
            await self._publish_presence()

    async def _end_with_service(self) -> None:
        await self._stop.wait()
        for ending in self._held.values():
            ending.request()

    async def _overdue(self) -> None:
        """Return when a stop takes too long."""
        await self._stop.wait()
        await asyncio.sleep(STOP_S)
        log.warning("stop_cut_short", mailboxes=sorted(self._held), deadline_s=STOP_S)

    async def _hold(self, mailbox: str, read: Read) -> None:
        while not self._stop.requested:
            lease = await self._take(mailbox) if self._wants(mailbox, time.monotonic()) else None
            if lease is not None:
                await self._read(mailbox, lease, read)
            await self._stop.wait(random.uniform(0.6, 1.0) * RETRY_S)  # noqa: S311 - spreads replicas, no secret

    def _wants(self, mailbox: str, now_s: float) -> bool:
        """Whether to request the mailbox's lease."""
        if self._peers.reads(mailbox, now_s):
            self._free_since_s.pop(mailbox, None)
            return False
        free_s = now_s - self._free_since_s.setdefault(mailbox, now_s)
        if now_s < self._store_paused_until_s:
            return False
        if len(self._requested) >= self._max or self._paused_until_s.get(mailbox, 0.0) > now_s:
            return False
        return free_s >= LESS_LOADED_FIRST_S or not self._peers.has_less_loaded(
            len(self._requested), now_s
        )

    async def _take(self, mailbox: str) -> Lease | None:
        # Added before the response, so that concurrent requests stay within the limit.
        self._requested.add(mailbox)
        self._unreleased.add(mailbox)  # without a response, the lease may be ours
        try:
            until_s = await self._store.acquire(mailbox)
        except TransientError as error:
            self._requested.discard(mailbox)
            self._store_paused_until_s = time.monotonic() + STORE_PAUSE_S
            log.warning(
                "lease_not_taken", mailbox=mailbox, error=error, hint="see the database's log"
            )
            return None
        except BaseException:
            self._requested.discard(mailbox)
            raise
        if until_s is None:
            self._requested.discard(mailbox)
            self._unreleased.discard(mailbox)
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
            self._requested.discard(mailbox)
            self._releasing.discard(mailbox)
            self._free_since_s.pop(mailbox, None)
        await self._release(mailbox)
        self._changed.set()

    async def _read_with_receipts(
        self, mailbox: str, lease: Lease, ending: Stop, read: Read
    ) -> None:
        queue = receipts_queue(mailbox, self._name)
        declaring = self._broker.private_queue(queue, EVENT, receipt_key(mailbox))
        receipts = await wait_for_broker(mailbox, declaring, partial(_report_pause, mailbox))
        if receipts is None:  # the name is random for each connection
            raise TransientError(
                f"the queue {queue} belongs to another connection", mailbox=mailbox
            )
        try:
            await first_of(read(mailbox, receipts.deliveries, ending, lease), lease.lost())
        except LeaseLostError:
            await receipts.release()
            raise
        await receipts.release()

    async def _release(self, mailbox: str) -> None:
        self._unreleased.discard(mailbox)
        try:
            await self._store.release(mailbox)
        except TransientError as error:
            log.warning(
                "lease_not_released", mailbox=mailbox, error=error, hint="it expires within 20 s"
            )
        else:
            log.info("lease_released", mailbox=mailbox)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            held = dict(self._leases)
            try:
                ours, until_s = await self._store.renew(held)
            except TransientError as error:
                log.warning(
                    "leases_not_renewed",
                    mailboxes=len(held),
                    error=error,
                    hint="see the database's log",
                )
                continue
            for mailbox, lease in held.items():
                lease.extend(until_s) if mailbox in ours else lease.lose()

    async def _listen(self, presence: Deliveries) -> None:
        while batch := await presence.next_batch(1000):
            for delivery in batch:
                try:
                    self._peers.update(decode_presence(delivery.body), time.monotonic())
                except UnreadableMessageError as error:
                    log.warning("presence_unreadable", error=error)

    async def _announce(self) -> None:
        while True:
            await self._publish_presence()
            self._balance(time.monotonic())
            with suppress(TimeoutError):
                async with asyncio.timeout(ANNOUNCE_S):
                    await self._changed.wait()
            self._changed.clear()

    async def _publish_presence(self) -> None:
        room = 0 if self._stop.requested else max(0, self._max - len(self._requested))
        presence = FetcherPresent(replica=self._name, mailboxes=sorted(self._held), room=room)
        # The queues of some replicas may be on a node of the broker that is unresponsive or dead,
        # which confirms nothing or refuses messages. If our own connection broke, `Broker.broken`
        # reports that.
        with suppress(TransientError, TimeoutError):
            async with asyncio.timeout(ANNOUNCE_S):
                await self._broker.publish(Outgoing.event(presence, "", FETCHER_PRESENT))

    def _balance(self, now_s: float) -> None:
        """Release the mailboxes that less loaded replicas should read."""
        mine = [mailbox for mailbox in self._held if mailbox not in self._releasing]
        for mailbox in random.sample(mine, k=self._peers.surplus(mine, self._mailboxes, now_s)):
            log.info(
                "lease_rebalanced", mailbox=mailbox, reason="another replica reads fewer mailboxes"
            )
            self._releasing.add(mailbox)
            self._paused_until_s[mailbox] = now_s + RELEASED_PAUSE_S
            self._held[mailbox].request()


def _report_pause(mailbox: str) -> None:
    log.warning(
        "mailbox_paused",
        mailbox=mailbox,
        reason="the broker does not declare the queue of its receipts",
        hint="see the broker's alarms; reading begins when it does",
    )
