"""The fetcher's use case for one mailbox: take what is new, publish it, remove it once its receipt is there."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
from typing import TypeVar

from schemas.codec import UnreadableMessageError, decode_receipt
from services.fetcher import metrics
from services.fetcher.beside import Beside
from services.fetcher.byte_budget import ByteBudget
from services.fetcher.forwarding import Forwarding, Publisher
from services.fetcher.in_flight import InFlight
from services.fetcher.leases.tenure import Tenure, unlimited
from services.fetcher.message_builder import RawMailBuilder
from services.fetcher.ports import Fetched, MailboxError, MailSource, Waiting, fault
from services.fetcher.quarantine import Quarantine
from services.fetcher.sources.mailbox_thread import MailboxThread
from services.fetcher.status import StatusReporter
from services.runtime.broker.deliveries import Deliveries
from services.runtime.broker.messages import Outgoing
from services.runtime.errors import TransientError
from services.runtime.logs import get_logger
from services.runtime.process.health import Health
from services.runtime.process.lifecycle import Stop, first_of
from services.runtime.retry import Backoff

log = get_logger(__name__)

T = TypeVar("T")

FETCH_MAILS = 50  # in one command to the mail server
FETCH_BYTES = 8 * 1024 * 1024
MAX_PAUSE_S = 60.0  # between two attempts at a mailbox that fails
DRAIN_S = 10.0  # how long a stopping fetcher waits for the receipts of what it published


class MailboxReader:
    """Reads one mailbox while the lease on it is held.

    The mailbox is the write-ahead log: what is published and not recorded is still there, so that whatever dies, the
    next reader finds it.
    """

    def __init__(
        self,
        mailbox: str,
        source: MailSource,
        dispatcher: RawMailBuilder,
        publisher: Publisher,
        window: InFlight,
        *,
        max_mail_bytes: int,
        poll_interval_s: float,
        health: Health,
        stop: Stop,
        budget: ByteBudget | None = None,
        tenure: Tenure | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        self._mailbox = mailbox
        self._source = source
        self._forwarding = Forwarding(mailbox, dispatcher, publisher, window)
        self._window = window
        self._max_mail_bytes = max_mail_bytes
        self._poll_interval_s = poll_interval_s
        self._report = StatusReporter(mailbox, health)
        self._stop = stop
        self._budget = budget or ByteBudget(window.max_bytes)
        self._tenure = tenure or unlimited()
        self._backoff = backoff or Backoff(initial_s=min(1.0, MAX_PAUSE_S), maximum_s=MAX_PAUSE_S)
        self._quarantine = Quarantine()
        self._too_large: dict[str, Waiting] = {}  # told of already
        self._recorded: list[str] = []  # ids whose receipts came, to be removed
        self._pending: list[Waiting] = []  # handed out by the source, not asked for yet
        self._in_hand: list[Waiting] = []  # being fetched, or waiting for room in memory
        self._publishing = Beside()  # one batch, while the next is fetched
        self._listed_at = datetime.now(UTC)
        metrics.POLL_INTERVAL.labels(mailbox).set(poll_interval_s)
        self._thread = MailboxThread(f"mailbox-{mailbox}")

    async def run(self, receipts: Deliveries) -> None:
        """Read until the stage stops. Raises TransientError where the broker fails."""
        try:
            await first_of(self._read_until_stopped(), self._take_receipts(receipts), self._wake_at_stop())
        finally:
            self._source.abort()
            await self._publishing.abandon()
            self._thread.end(self._source.close)
            self._report.gone()

    async def _read_until_stopped(self) -> None:
        while not self._stop.requested:
            try:
                await self._session()
            except TransientError as error:
                await self._down(error)
            except Exception as error:  # a fault of ours, met by this mailbox: it must not stop the others
                log.exception("mailbox_fault", mailbox=self._mailbox)
                await self._down(fault(self._mailbox, error))

    async def _down(self, error: TransientError) -> None:
        pause_s = self._backoff.next_s()
        self._report.down(error, pause_s)
        with suppress(Exception):  # what was fetched before is not fetched again
            await self._publishing.ended()
        await self._call(self._source.close)
        await self._stop.wait(pause_s)

    async def _connected(self) -> bool:
        """False if the stage stops first: a server that does not answer must not keep it."""
        connecting = asyncio.ensure_future(self._ask(self._source.connect))
        await first_of(connecting, self._stop.wait())
        return not connecting.cancelled()

    async def _session(self) -> None:
        if not await self._connected():
            return
        self._in_hand, self._pending = [*self._in_hand, *self._pending], []  # they count until the new listing is there
        metrics.CONNECTS.labels(self._mailbox).inc()
        metrics.OLDEST_AGE.labels(self._mailbox).set_function(self._oldest_age_s)
        metrics.OLDEST_IN_FLIGHT_AGE.labels(self._mailbox).set_function(self._oldest_in_flight_age_s)
        metrics.LEFT.labels(self._mailbox).set_function(self._left)
        log.info("mailbox_connected", mailbox=self._mailbox)
        while not self._stop.requested:
            await self._remove_recorded()
            await self._publish_overdue()
            if not await self._take_new():
                await self._published()
                self._note_success()
                metrics.PAUSED.labels(self._mailbox, "receipts").set(bool(self._pending))
                if self._pending:
                    await self._ask(self._source.refresh, self._known())
                await self._ask(self._source.wait, self._poll_interval_s)
        await self._publishing.ended()
        await self._drain()
        await self._call(self._source.close)

    async def _take_new(self) -> bool:
        """Fetch and publish one batch of what fits in the window; False where there is nothing to do."""
        if not self._pending:
            self._listed_at = datetime.now(UTC)
            news = await self._ask(self._source.list_new, FETCH_MAILS * 10)
            # A source that began a new session hands out again what is under way.
            under_way = {one.id for one in news if one.id in self._window} | set(self._recorded)
            self._in_hand = []
            self._pending = self._quarantine.prioritize(
                [one for one in news if one.id not in under_way], time.monotonic()
            )
        batch, too_large = self._next_batch()
        for one in too_large:
            await self._leave(one)
        if batch:
            self._in_hand = batch
            await self._fetch_and_publish(batch)
        return bool(batch or too_large)

    async def _fetch_and_publish(self, batch: Sequence[Waiting]) -> None:
        """Fetch, and let the publishing go on beside what comes next; one batch at a time is published."""
        async with AsyncExitStack() as held:
            await self._forwarding.check_store_for(max(one.size for one in batch))
            await held.enter_async_context(self._budget.held(self._mailbox, sum(one.size for one in batch)))
            started_s = time.monotonic()
            fetched = await self._fetched([one.id for one in batch], self._source.fetch)
            metrics.FETCH_SECONDS.observe(time.monotonic() - started_s)
            metrics.FETCH_MAILS.observe(len(fetched))
            await self._published()
            await self._permitted()  # the lease may have ended while the server took its time
            messages = await self._forwarding.messages(fetched, {})
            self._in_hand = []  # counted as under way from here on
            self._publishing.start(self._publish(fetched, messages, batch, held.pop_all()))

    async def _published(self) -> None:
        """Wait for the batch that is being published. Raises TransientError where the broker does not take it."""
        if await self._publishing.ended():
            self._note_success()

    async def _fetched(self, ids: Sequence[str], fetch: Callable[[Sequence[str]], list[Fetched]]) -> list[Fetched]:
        try:
            fetched = await self._ask(fetch, ids)
        except MailboxError as error:
            if self._quarantine.record_failure(ids, time.monotonic()):
                self._report.unreadable(ids[0], error)
            raise
        self._quarantine.clear(ids)
        return fetched

    def _next_batch(self) -> tuple[list[Waiting], list[Waiting]]:
        """What to fetch now, and the mails before it that are too large to be fetched at all."""
        batch: list[Waiting] = []
        too_large: list[Waiting] = []
        size, most = 0, min(FETCH_BYTES, self._budget.available(self._mailbox))
        while self._pending and len(batch) < FETCH_MAILS:
            waiting = self._pending[0]
            if waiting.size > self._max_mail_bytes:
                too_large.append(self._pending.pop(0))
                continue
            size += waiting.size
            alone = self._quarantine.must_fetch_alone(waiting.id)
            if not self._window.fits(len(batch) + 1, size) or (batch and (alone or size > most)):
                break
            batch.append(self._pending.pop(0))
            if alone:
                break
        return batch, too_large

    async def _publish(
        self,
        fetched: Sequence[Fetched],
        messages: list[Outgoing],
        asked: Sequence[Waiting],
        held: AsyncExitStack,
    ) -> None:
        """Publish, and give back what is `held` then; what was asked for and did not come is gone from the mailbox."""
        async with held:
            await self._forwarding.publish(fetched, messages)
        self._window.forget({one.id for one in asked} - {mail.id for mail in fetched})
        self._measure()

    async def _publish_overdue(self) -> None:
        ids = self._window.overdue(time.monotonic())[:FETCH_MAILS]
        if ids:
            log.warning("receipts_overdue", mailbox=self._mailbox, mails=len(ids))
            metrics.REPUBLISHED.labels(self._mailbox).inc(len(ids))
            for one in ids:  # singly: their sizes together may be beyond what memory is for
                large = self._too_large.get(one)
                if large:
                    await self._leave(large)
                else:
                    await self._fetch_and_publish([Waiting(one, self._window.size_of(one))])

    async def _remove_recorded(self) -> None:
        if self._recorded:
            ids = list(self._recorded)
            await self._ask(self._source.remove, ids)
            self._recorded = self._recorded[len(ids) :]
            metrics.REMOVED.labels(self._mailbox).inc(len(ids))
            log.info("mails_removed", mailbox=self._mailbox, mails=len(ids))

    async def _take_receipts(self, receipts: Deliveries) -> None:
        while batch := await receipts.next_batch(1000):
            for delivery in batch:
                try:
                    keys = decode_receipt(delivery.body).keys
                except UnreadableMessageError as error:
                    log.warning("receipt_unreadable", mailbox=self._mailbox, error=error)
                    continue
                for key in keys:
                    log.info("receipt_taken", mail_key=key, mailbox=self._mailbox)
                self._recorded += self._window.landed(keys)
            self._measure()
            self._source.wake()

    async def _drain(self) -> None:
        """Let the mails in hand be recorded and removed, so that the next reader need not publish them again."""
        deadline_s = time.monotonic() + DRAIN_S
        while (len(self._window) or self._recorded) and time.monotonic() < deadline_s:
            await self._remove_recorded()
            if len(self._window):
                await self._ask(self._source.wait, max(0.05, deadline_s - time.monotonic()))

    async def _wake_at_stop(self) -> None:
        await self._stop.wait()
        self._source.wake()
        await asyncio.sleep(DRAIN_S)
        if self._in_hand:  # a fetch that takes so long is left to the next reader
            self._source.abort()
        await asyncio.Event().wait()  # the reader ends by itself, after its drain

    async def _ask(self, call: Callable[..., T], *arguments: object) -> T:
        """A call to the mail server, while the lease holds."""
        await self._permitted()
        return await self._call(call, *arguments)

    async def _call(self, call: Callable[..., T], *arguments: object) -> T:
        return await self._thread.call(call, *arguments)

    async def _permitted(self) -> None:
        """Wait while the lease cannot be renewed. Raises LeaseLostError, or TransientError if the stage stops."""
        if self._tenure.valid:
            return
        self._report.lease_expired()
        await first_of(self._tenure.wait_until_valid(), self._stop.wait())
        if not self._tenure.valid:
            raise TransientError("the lease cannot be renewed, and the stage stops", mailbox=self._mailbox)

    async def _leave(self, mail: Waiting) -> None:
        """A mail that is too large stays in the mailbox, flagged; or its beginning is published, to be parked."""
        if mail.id not in self._too_large:
            self._report.too_large(mail)
        self._too_large[mail.id] = mail
        heads = await self._fetched([mail.id], self._source.flag_oversized)
        if heads:
            messages = await self._forwarding.messages(heads, {mail.id: mail.size})
            await self._publish(heads, messages, [mail], AsyncExitStack())
        else:
            self._window.forget([mail.id])

    def _oldest_age_s(self) -> float:
        """Of the mails not fetched yet; counted from their first sight where the server tells no time."""
        first = [*self._in_hand[:1], *self._pending[:1]]
        if not first:
            return 0.0
        since = first[0].received_at or self._listed_at
        return max(0.0, (datetime.now(UTC) - since).total_seconds())

    def _oldest_in_flight_age_s(self) -> float:
        since_s = self._window.oldest_since_s()
        return max(0.0, time.time() - since_s) if since_s else 0.0

    def _left(self) -> float:
        """Mails found and not published; a new session lists again what is under way, recorded, or handed out."""
        return len(self._in_hand) + len(self._pending) + self._source.count_unlisted(self._known())

    def _known(self) -> set[str]:
        handed_out = [*self._in_hand, *self._pending]
        return {*(one.id for one in handed_out), *self._recorded, *self._window.ids()}

    def _note_success(self) -> None:
        self._backoff.reset()
        self._report.up()

    def _measure(self) -> None:
        metrics.IN_FLIGHT.labels(self._mailbox).set(len(self._window))
        metrics.IN_FLIGHT_BYTES.labels(self._mailbox).set(self._window.bytes)
