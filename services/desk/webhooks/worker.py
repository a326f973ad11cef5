"""Sends deliveries that are due. Any desk can send any delivery, but never two desks the same one
at a time.

Each webhook has a few slots, and each account has a share of all slots, so that receivers that do
not respond do not delay others.
"""

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from schemas.reasons import DeliveryProblem
from schemas.stored.webhooks import Attempt, Delivery, Webhook
from services.desk.webhooks import metrics
from services.desk.webhooks.http_client import Answer, DeliveryError
from services.desk.webhooks.payload import pause_after
from services.desk.webhooks.repository import Webhooks
from services.desk.webhooks.sending import AddressRefusedError, WebhookSender
from services.runtime.errors import TransientError
from services.runtime.logs import get_logger
from services.runtime.process.lifecycle import Stop

log = get_logger(__name__)

MaySee = Callable[[Webhook, str], Awaitable[bool]]

SWEEP_INTERVAL_S = 2.0
PLACES_PER_WEBHOOK = 2
PLACES_PER_ACCOUNT = 8
PLACES = 32
GONE = 410


class WebhookWorker:
    """Claims and sends deliveries, and records the results."""

    def __init__(self, webhooks: Webhooks, sender: WebhookSender, may_see: MaySee) -> None:
        """`may_see` says whether a webhook's owner may see a process now."""
        self._webhooks = webhooks
        self._sender = sender
        self._may_see = may_see
        self._woken = asyncio.Event()
        self._running: dict[asyncio.Task[None], Webhook] = {}
        self._in_hand: set[str] = set()

    def wake(self) -> None:
        """Look for due deliveries at once."""
        self._woken.set()

    async def run(self, stop: Stop) -> None:
        """Deliver until `stop`, then finish the attempts in progress. Waits during an outage."""
        stopping = asyncio.ensure_future(stop.wait())
        try:
            while not stop.requested:
                self._woken.clear()
                try:
                    await self._start_due()
                except TransientError as error:
                    log.warning("webhook_sweep_failed", error=error)
                await self._pause(stopping)
            await asyncio.gather(*self._running, return_exceptions=True)
        finally:
            stopping.cancel()
            for task in self._running:
                task.cancel()

    async def _pause(self, stopping: "asyncio.Future[bool]") -> None:
        """Wait until something is due, a slot is free again, or `stop` is requested."""
        woken = asyncio.ensure_future(self._woken.wait())
        either: set[asyncio.Future[Any]] = {woken, stopping}
        await asyncio.wait(either, timeout=SWEEP_INTERVAL_S, return_when=asyncio.FIRST_COMPLETED)
        woken.cancel()

    async def _start_due(self) -> None:
        now = await self._webhooks.now()
        busy = Counter(webhook.id for webhook in self._running.values())
        for webhook in await self._webhooks.active_with_due(now):
            shares = Counter(map(_account, self._running.values()))
            free = min(
                PLACES_PER_WEBHOOK - busy[webhook.id],
                PLACES_PER_ACCOUNT - shares[_account(webhook)],
                PLACES - len(self._running),
            )
            if free <= 0:
                continue
            due = await self._webhooks.due(webhook.id, now, free + len(self._in_hand))
            for delivery_id in [key for key in due if key not in self._in_hand][:free]:
                self._in_hand.add(delivery_id)
                task = asyncio.create_task(self._deliver(webhook, delivery_id, now))
                self._running[task] = webhook
                task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._running.pop(task, None)
        self._woken.set()

    async def _deliver(self, webhook: Webhook, delivery_id: str, now: datetime) -> None:
        try:
            await self._attempt(webhook, delivery_id, now)
        except TransientError as error:
            # The claim ends by itself, and the delivery is sent again under the same id.
            log.warning("webhook_delivery_postponed", delivery=delivery_id, error=error)
        except Exception:  # a bug that this delivery triggers
            log.exception("webhook_delivery_fault", delivery=delivery_id)
        finally:
            self._in_hand.discard(delivery_id)

    async def _attempt(self, webhook: Webhook, delivery_id: str, now: datetime) -> None:
        claim = uuid.uuid4().hex
        delivery = await self._webhooks.claim(delivery_id, claim, now)
        if delivery is None:
            return
        if not await self._may_see(webhook, delivery.process):
            metrics.ATTEMPTS.labels("withheld").inc()
            fields = {"state": "withheld", "ended_at": now}
            await self._webhooks.record_result(delivery, claim, None, fields)
            return
        started = time.monotonic()

        def duration_ms() -> int:
            return round((time.monotonic() - started) * 1000)

        answer = None
        try:
            answer = await self._sender.send(webhook, delivery, now)
            attempt = _answered(now, duration_ms(), answer)
        except DeliveryError as failure:
            attempt = _failed(now, duration_ms(), failure)
        await self._record_result(webhook, delivery, claim, attempt, answer)

    async def _record_result(
        self,
        webhook: Webhook,
        delivery: Delivery,
        claim: str,
        attempt: Attempt,
        answer: Answer | None,
    ) -> None:
        now = await self._webhooks.now()
        outcome, fields = _outcome(delivery, answer, now)
        await self._webhooks.record_result(delivery, claim, attempt, fields)
        metrics.ATTEMPTS.labels(outcome).inc()
        if outcome != "delivered":
            log.warning(
                "webhook_not_delivered",
                webhook=webhook.id,
                delivery=delivery.id,
                status=attempt.status,
                outcome=outcome,
            )
        if answer is not None and answer.status == GONE:
            await self._webhooks.disable(webhook.id, "the receiver answered 410 Gone", now)


def _account(webhook: Webhook) -> str:
    return webhook.account or webhook.owner


def _outcome(
    delivery: Delivery, answer: Answer | None, now: datetime
) -> tuple[str, dict[str, Any]]:
    """The result of an attempt, and the changes to write."""
    if answer is not None and 200 <= answer.status < 300:
        return "delivered", {"state": "delivered", "ended_at": now}
    gone = answer is not None and answer.status == GONE
    pause = None if gone else pause_after(delivery.tries, answer.retry_after_s if answer else None)
    if pause is None:
        return "failed", {"state": "failed", "ended_at": now}
    return "retried", {"state": "pending", "due_at": now + pause}


def _failed(at: datetime, duration_ms: int, failure: DeliveryError) -> Attempt:
    return Attempt(
        at=at,
        duration_ms=duration_ms,
        error=str(failure),
        answer=failure.answer,
        address_refused=isinstance(failure, AddressRefusedError),
        problem=failure.problem.value,
    )


def _answered(at: datetime, duration_ms: int, answer: Answer) -> Attempt:
    is_redirect = 300 <= answer.status < 400
    problem = "" if answer.status < 300 else DeliveryProblem.STATUS.value
    return Attempt(
        at=at,
        duration_ms=duration_ms,
        status=answer.status,
        error="redirects are not followed: give the final URL" if is_redirect else "",
        answer=answer.excerpt,
        problem=DeliveryProblem.REDIRECT.value if is_redirect else problem,
    )
