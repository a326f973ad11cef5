"""Which mails this sender works on: those that it is woken for, and those that a sweep finds due."""

import asyncio

from services.runtime.errors import TransientError
from services.runtime.health import Health
from services.runtime.lifecycle import Stop
from services.runtime.logs import get_logger
from services.sender import metrics
from services.sender.clock import SharedClock
from services.sender.limits import EVERYONE
from services.sender.ports import Outbox
from services.sender.service import Sender

log = get_logger(__name__)

MOST = 500  # mails that wait in memory for their turn; the outbox has the others


class Work:
    """Runs deliveries beside each other, each mail once at a time, up to a number at the same time."""

    def __init__(
        self, sender: Sender, outbox: Outbox, clock: SharedClock, *, at_once: int, health: Health, stop: Stop
    ) -> None:
        """`clock` is the sender's too; each sweep sets it, and nothing is sent before the first."""
        self._sender = sender
        self._outbox = outbox
        self._clock = clock
        self._turn = asyncio.Semaphore(at_once)
        self._health = health
        self._stop = stop
        self._running: dict[str, asyncio.Task[None]] = {}

    def start(self, mail_id: str) -> None:
        """Deliver a mail soon; nothing where it is in hand, or where too many are: a sweep finds it then."""
        if mail_id in self._running or len(self._running) >= MOST or self._stop.requested or not self._clock.is_known:
            return
        task = asyncio.ensure_future(self._deliver(mail_id))
        self._running[mail_id] = task
        task.add_done_callback(lambda _task: self._running.pop(mail_id, None))

    async def sweep_until_stop(self, interval_s: float) -> None:
        """Start what is due, again and again; then wait for what is in hand."""
        while not self._stop.requested:
            await self._sweep()
            await self._stop.wait(interval_s)
        await asyncio.gather(*self._running.values())

    async def _sweep(self) -> None:
        try:
            now = await self._outbox.now()
            self._clock.tell(now)
            for mail_id in await self._outbox.due(now, MOST):
                self.start(mail_id)
            waiting = await self._outbox.waiting()
            held_until = (await self._outbox.pasts([EVERYONE]))[EVERYONE].held_until
        except TransientError as error:
            self._health.down("store", str(error))
            log.warning("sweep_failed", error=error)
            return
        self._health.up("store")
        metrics.PENDING.set(waiting.count)
        metrics.OLDEST_AGE.set(max(0.0, (now - waiting.oldest).total_seconds()) if waiting.oldest else 0)
        metrics.BREAKER_OPEN.set(held_until is not None and held_until > now)

    async def _deliver(self, mail_id: str) -> None:
        async with self._turn:
            if self._stop.requested:
                return
            try:
                await self._sender.deliver(mail_id)
            except TransientError as error:
                log.warning("delivery_postponed", mail=mail_id, error=error)
            except Exception:  # a fault of ours, met by this mail: its claim ends, and the others go on
                log.exception("delivery_failed", mail=mail_id)
