"""Which mails this sender works on: those that it is woken for, and those that a sweep finds due."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from services.runtime.errors import TransientError
from services.runtime.logs import get_logger
from services.runtime.process.health import Health
from services.runtime.process.lifecycle import Stop
from services.runtime.settings import Settings
from services.sender import metrics
from services.sender.circuits import Circuit
from services.sender.clock import SharedClock
from services.sender.lanes import MOST, Lane
from services.sender.limits import EVERYONE
from services.sender.ports import Outbox, Share
from services.sender.service import Sender

log = get_logger(__name__)

NO_SERVER = ""  # the lane of processes that have no server, or that the settings do not know
GIVEN_UP_AT_ONCE = 100  # of the mails behind a server that is down, in one sweep


class Work:
    """Shares the mails out among the lanes of their servers, so that a dead server delays its own mails only."""

    def __init__(
        self,
        sender: Sender,
        outbox: Outbox,
        clock: SharedClock,
        circuits: Mapping[str, Circuit],
        settings: Settings,
        *,
        health: Health,
        stop: Stop,
    ) -> None:
        """`clock` is the sender's too; each sweep sets it, and nothing is sent before the first.

        `circuits` go by the names of `[smtp.NAME]`.
        """
        self._sender = sender
        self._outbox = outbox
        self._clock = clock
        self._health = health
        self._stop = stop
        self._give_up_after = timedelta(seconds=settings.sender.give_up_after_s)
        self._server_of = {
            name: process.smtp
            for name, process in settings.processes.items()
            if process.smtp is not None and process.smtp in circuits
        }
        lanes = {**circuits, NO_SERVER: Circuit(NO_SERVER)}
        at_once = settings.sender.mails_at_once
        self._lanes = {
            name: Lane(circuit, self._deliver, at_once=at_once, stop=stop) for name, circuit in lanes.items()
        }

    async def wake(self, mail_ids: Sequence[str]) -> None:
        """Deliver mails soon; what cannot be looked up now is found by a sweep."""
        if self._stop.requested or not self._clock.is_known:
            return
        try:
            found = await self._outbox.addressed(mail_ids)
        except TransientError as error:
            log.warning("wake_postponed", mails=len(mail_ids), error=error)
            return
        for one in found:
            self._lanes[self._server_of.get(one.process, NO_SERVER)].add(one.id, answer=one.is_answer)

    async def sweep_until_stop(self, interval_s: float) -> None:
        """Start what is due, again and again; then wait for what is in hand."""
        while not self._stop.requested:
            await self._sweep()
            await self._stop.wait(interval_s)
        await asyncio.gather(*(lane.drained() for lane in self._lanes.values()))

    async def _sweep(self) -> None:
        try:
            now = await self._outbox.now()
            self._clock.tell(now)
            for name, lane in self._lanes.items():
                await self._sweep_lane(name, lane, now)
            waiting = await self._outbox.waiting()
            held_until = (await self._outbox.pasts([EVERYONE]))[EVERYONE].held_until
        except TransientError as error:
            self._health.down("store", str(error))
            log.warning("sweep_failed", error=error)
            return
        metrics.PENDING.set(waiting.count)
        metrics.OLDEST_AGE.set(max(0.0, (now - waiting.oldest).total_seconds()) if waiting.oldest else 0)
        metrics.BREAKER_OPEN.set(held_until is not None and held_until > now)

    async def _sweep_lane(self, name: str, lane: Lane, now: datetime) -> None:
        for answers in (True, False):
            for mail_id in await self._outbox.due(now, MOST, self._share(name, answers=answers)):
                lane.add(mail_id, answer=answers)
        lane.start()  # a probe may be due since
        if (failure := lane.circuit.failure) is not None:
            # Their own attempt may be far away: the server gets one probe at a time.
            expired = Share(self._share(name).processes, created_before=now - self._give_up_after)
            for mail_id in await self._outbox.due(now, GIVEN_UP_AT_ONCE, expired):
                await self._deliver(mail_id, failure)

    def _share(self, name: str, *, answers: bool | None = None) -> Share:
        if name == NO_SERVER:
            return Share(tuple(self._server_of), others=True, answers=answers)
        return Share(tuple(one for one, server in self._server_of.items() if server == name), answers=answers)

    async def _deliver(self, mail_id: str, unreachable: str | None = None) -> None:
        try:
            await self._sender.deliver(mail_id, unreachable)
        except TransientError as error:
            log.warning("delivery_postponed", mail=mail_id, error=error)
        except Exception:  # a fault of ours, met by this mail: its claim ends, and the others go on
            log.exception("delivery_failed", mail=mail_id)
