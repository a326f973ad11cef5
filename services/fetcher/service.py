"""The fetcher's use case: list a mailbox's new mails, publish them, remove them when recorded."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress

from schemas.codec import UnreadableMessageError, decode_receipt
from services.fetcher import metrics
from services.fetcher.backlog import FETCH_MAILS, Backlog
from services.fetcher.byte_budget import ByteBudget
from services.fetcher.forwarding import Forwarding, Publisher
from services.fetcher.in_flight import InFlight
from services.fetcher.leased_source import LeasedSource
from services.fetcher.leases.lease import Lease, unlimited_lease
from services.fetcher.mailbox_states import MailboxStates
from services.fetcher.ports import FetchedMail, ListedMail, MailboxError, MailSource, fault
from services.fetcher.quarantine import Quarantine
from services.fetcher.removal_pace import RemovalPace
from services.fetcher.status import StatusReporter
from services.runtime.broker.deliveries import Deliveries
from services.runtime.broker.messages import Outgoing
from services.runtime.errors import TransientError
from services.runtime.logs import get_logger
from services.runtime.mail.raw_mail_builder import RawMailBuilder
from services.runtime.process.background_task import BackgroundTask
from services.runtime.process.health import Health
from services.runtime.process.lifecycle import Stop, first_of
from services.runtime.retry import Backoff

log = get_logger(__name__)

LIST_MAILS = 10 * FETCH_MAILS
MAX_PAUSE_S = 60.0  # between two attempts at a failing mailbox
DRAIN_S = 10.0  # how long a stopping fetcher waits for the receipts of the mails it published
CLOSE_S = 2.0  # after the drain, to end the session


class MailboxReader:
    """Reads one mailbox while its lease is held.

    The mailbox is the write-ahead log: a published mail stays there until it is recorded, so that
    the next reader finds it after any crash.
    """

    def __init__(
        self,
        mailbox: str,
        source: MailSource,
        message_builder: RawMailBuilder,
        publisher: Publisher,
        window: InFlight,
        *,
        max_mail_bytes: int,
        poll_interval_s: float,
        health: Health,
        stop: Stop,
        budget: ByteBudget | None = None,
        lease: Lease | None = None,
        backoff: Backoff | None = None,
        states: MailboxStates | None = None,
    ) -> None:
        self._mailbox = mailbox
        self._source = source
        self._forwarding = Forwarding(mailbox, message_builder, publisher, window)
        self._window = window
        self._poll_interval_s = poll_interval_s
        self._states = states or MailboxStates()
        self._status = StatusReporter(mailbox, health, self._states)
        self._stop = stop
        self._budget = budget or ByteBudget(window.max_bytes)
        self._backoff = backoff or Backoff(initial_s=min(1.0, MAX_PAUSE_S), maximum_s=MAX_PAUSE_S)
        self._quarantine = Quarantine()
        self._backlog = Backlog(window, self._quarantine, max_mail_bytes)
        self._too_large: dict[str, ListedMail] = {}  # already reported
        self._recorded: list[str] = []  # ids whose receipts came, to be removed
        self._removal_pace = RemovalPace()
        self._publishing = BackgroundTask()  # one batch, while the next is fetched
        self._leased = LeasedSource(mailbox, source, lease or unlimited_lease(), self._status, stop)
        metrics.POLL_INTERVAL.labels(mailbox).set(poll_interval_s)

    async def run(self, receipts: Deliveries) -> None:
        """Read until the service stops. Raises TransientError if the broker fails."""
        try:
            await first_of(
                self._read_until_stopped(), self._take_receipts(receipts), self._end_at_stop()
            )
        finally:
            self._source.abort()
            await self._publishing.cancel()
            self._leased.end()
            self._status.gone()

    async def _read_until_stopped(self) -> None:
        while not self._stop.requested:
            try:
                await self._run_session()
            except TransientError as error:
                await self._pause_after(error)
            except Exception as error:
                # A bug that this mailbox triggers must not stop the other mailboxes.
                log.exception("mailbox_fault", mailbox=self._mailbox)
                await self._pause_after(fault(self._mailbox, error))

    async def _pause_after(self, error: TransientError) -> None:
        pause_s = self._backoff.next_s()
        self._status.down(error, pause_s)
        with suppress(Exception):  # mails that are fetched already are not fetched again
            await self._publishing.join()
        await self._leased.close()
        await self._stop.wait(pause_s)

    async def _run_session(self) -> None:
        if not await self._leased.connect():
            return
        self._backlog.begin_session()
        self._observe_session()
        while not self._stop.requested:
            if self._removal_pace.is_due():
                await self._remove_recorded()
            await self._republish_overdue()
            if not await self._forward_next_batch():
                if not self._backlog.is_waiting:
                    await self._remove_recorded()
                await self._wait_for_mail()
        await self._publishing.join()
        await self._drain()
        await self._leased.close()

    async def _wait_for_mail(self) -> None:
        await self._join_publishing()
        self._note_success()
        window_full = self._backlog.is_waiting
        metrics.BACKPRESSURE.labels(self._mailbox, "receipts").set(window_full)
        if window_full:
            await self._leased.request(self._source.refresh, self._known_ids())
        await self._leased.request(self._source.wait, self._poll_interval_s)

    async def _forward_next_batch(self) -> bool:
        """Fetch and publish one batch; False if no mail waits or none fits in the window."""
        if not self._backlog.is_waiting:
            await self._list_new()
        batch = self._backlog.next_batch(lambda: self._budget.available(self._mailbox))
        for mail in batch.too_large:
            await self._handle_too_large(mail)
        if batch.mails:
            self._backlog.begin_fetch(batch.mails)
            await self._fetch_and_publish(batch.mails)
        return bool(batch.mails or batch.too_large)

    async def _list_new(self) -> None:
        self._backlog.mark_listing()
        listed = await self._leased.request(self._source.list_new, LIST_MAILS)
        # A source that began a new session lists mails in flight again.
        known = {mail.id for mail in listed if mail.id in self._window} | set(self._recorded)
        self._backlog.replace(listed, known, time.monotonic())

    async def _fetch_and_publish(self, mails: Sequence[ListedMail]) -> None:
        """Fetch mails and publish them in the background, while the next batch is fetched."""
        async with AsyncExitStack() as memory:
            await self._forwarding.check_store_for(max(mail.size for mail in mails))
            size = sum(mail.size for mail in mails)
            await memory.enter_async_context(self._budget.reserve(self._mailbox, size))
            started_s = time.monotonic()
            fetched = await self._fetch([mail.id for mail in mails], self._source.fetch)
            metrics.FETCH_SECONDS.observe(time.monotonic() - started_s)
            metrics.FETCH_MAILS.observe(len(fetched))
            await self._join_publishing()
            await self._leased.require_lease()  # it may have expired while the server was slow
            messages = await self._forwarding.build_messages(fetched, {})
            self._backlog.end_fetch()
            self._publishing.start(self._publish(fetched, messages, mails, memory.pop_all()))

    async def _join_publishing(self) -> None:
        """Wait for the batch that is being published. Raises TransientError if the broker fails."""
        if await self._publishing.join():
            self._note_success()

    async def _fetch(
        self, ids: Sequence[str], method: Callable[[Sequence[str]], list[FetchedMail]]
    ) -> list[FetchedMail]:
        try:
            fetched = await self._leased.request(method, ids)
        except MailboxError as error:
            if self._quarantine.record_failure(ids, time.monotonic()):
                self._status.unreadable(ids[0], error)
            raise
        self._quarantine.clear(ids)
        return fetched

    async def _publish(
        self,
        fetched: Sequence[FetchedMail],
        messages: list[Outgoing],
        requested: Sequence[ListedMail],
        memory: AsyncExitStack,
    ) -> None:
        """Publish, then free the memory.

        A requested mail that was not fetched is gone from the mailbox.
        """
        async with memory:
            await self._forwarding.publish(fetched, messages)
        self._window.forget({mail.id for mail in requested} - {mail.id for mail in fetched})
        self._update_in_flight_metrics()

    async def _republish_overdue(self) -> None:
        now_s = time.monotonic()
        overdue = self._window.overdue(now_s)
        ids = [mail_id for mail_id in overdue if not self._quarantine.has(mail_id, now_s)]
        ids = ids[:FETCH_MAILS]
        if not ids:
            return
        log.warning("receipts_overdue", mailbox=self._mailbox, mails=len(ids))
        metrics.REPUBLISHED.labels(self._mailbox).inc(len(ids))
        for mail_id in ids:  # one by one: together they may exceed the memory limit
            if mail_id in self._too_large:
                await self._handle_too_large(self._too_large[mail_id])
            else:
                await self._fetch_and_publish([ListedMail(mail_id, self._window.size_of(mail_id))])

    async def _handle_too_large(self, mail: ListedMail) -> None:
        """Flag a mail over the size limit, or publish its beginning, to be parked.

        It stays in the mailbox.
        """
        if mail.id not in self._too_large:
            self._status.too_large(mail)
        self._too_large[mail.id] = mail
        heads = await self._fetch([mail.id], self._source.flag_oversized)
        if heads:
            messages = await self._forwarding.build_messages(heads, {mail.id: mail.size})
            await self._publish(heads, messages, [mail], AsyncExitStack())
        else:
            self._window.forget([mail.id])

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
                self._recorded += self._window.take_recorded(keys)
            self._update_in_flight_metrics()
            self._source.wake()

    async def _remove_recorded(self) -> None:
        if self._recorded:
            ids = list(self._recorded)
            with self._removal_pace.removing():
                await self._leased.request(self._source.remove, ids)
            self._recorded = self._recorded[len(ids) :]
            metrics.REMOVED.labels(self._mailbox).inc(len(ids))
            log.info("mails_removed", mailbox=self._mailbox, mails=len(ids))

    async def _drain(self) -> None:
        """Wait for receipts and remove the mails, so that the next reader repeats fewer of them."""
        deadline_s = time.monotonic() + DRAIN_S
        while (len(self._window) or self._recorded) and time.monotonic() < deadline_s:
            await self._remove_recorded()
            if len(self._window):
                await self._leased.request(
                    self._source.wait, max(0.05, deadline_s - time.monotonic())
                )

    async def _end_at_stop(self) -> None:
        """Return when the reader must end, whatever it waits for. The next reader repeats
        unfinished work.
        """
        await self._stop.wait()
        self._source.wake()
        await asyncio.sleep(DRAIN_S)
        if self._backlog.is_fetching:
            self._source.abort()
        await asyncio.sleep(CLOSE_S)

    def _known_ids(self) -> set[str]:
        return {*self._backlog.ids(), *self._recorded, *self._window.ids()}

    def _count_left(self) -> float:
        """The number of mails found but not published.

        A new session lists known mails again; they count once.
        """
        return len(self._backlog) + self._source.count_unlisted(self._known_ids())

    def _observe_session(self) -> None:
        metrics.CONNECTS.labels(self._mailbox).inc()
        metrics.OLDEST_AGE.labels(self._mailbox).set_function(self._backlog.oldest_age_s)
        metrics.OLDEST_IN_FLIGHT_AGE.labels(self._mailbox).set_function(self._window.oldest_age_s)
        metrics.LEFT.labels(self._mailbox).set_function(self._count_left)
        self._states.measure(self._mailbox, self._count_left, self._backlog.oldest_age_s)
        log.info("mailbox_connected", mailbox=self._mailbox)

    def _note_success(self) -> None:
        self._backoff.reset()
        self._status.up()

    def _update_in_flight_metrics(self) -> None:
        metrics.IN_FLIGHT.labels(self._mailbox).set(len(self._window))
        metrics.IN_FLIGHT_BYTES.labels(self._mailbox).set(self._window.bytes)
