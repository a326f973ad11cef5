"""Schedules outgoing mail: on wake-ups from the broker, and by sweeps that find due mails."""

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
from services.sender.lanes import LANE_LIMIT, Lane
from services.sender.ports import Outbox, Share
from services.sender.rate_limits import EVERYONE
from services.sender.service import Sender

log = get_logger(__name__)

NO_SERVER = ""  # the lane of processes that have no server or are not in the settings
EXPIRED_PER_SWEEP = 100  # mails given up in one sweep because their server is down


class Scheduler:
    """Queues each mail in the lane of its server, so that a dead server delays only its own
    mail.
    """

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
        """`clock` is shared with the sender. Each sweep sets it; nothing is sent before the first
        sweep.

        The keys of `circuits` are the names of `[smtp.NAME]`.
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
            name: Lane(circuit, self._deliver, at_once=at_once, stop=stop)
            for name, circuit in lanes.items()
        }

    async def wake(self, mail_ids: Sequence[str]) -> None:
        """Queue mails for delivery. A sweep finds those that cannot be looked up now."""
        if self._stop.requested or not self._clock.is_known:
            return
        try:
            found = await self._outbox.addressed(mail_ids)
        except TransientError as error:
            log.warning("wake_postponed", mails=len(mail_ids), error=error)
            return
        for mail in found:
            self._lanes[self._server_of.get(mail.process, NO_SERVER)].add(
                mail.id, answer=mail.is_answer
            )

    async def sweep_until_stop(self, interval_s: float) -> None:
        """Queue what is due at intervals until stopped, then wait for running deliveries."""
        while not self._stop.requested:
            await self._sweep()
            await self._stop.wait(interval_s)
        await asyncio.gather(*(lane.drained() for lane in self._lanes.values()))

    async def _sweep(self) -> None:
        try:
            now = await self._outbox.now()
            self._clock.report(now)
            for name, lane in self._lanes.items():
                await self._sweep_lane(name, lane, now)
            backlog = await self._outbox.backlog()
            held_until = (await self._outbox.histories([EVERYONE]))[EVERYONE].held_until
        except TransientError as error:
            self._health.down("store", str(error))
            log.warning("sweep_failed", error=error)
            return
        metrics.PENDING.set(backlog.count)
        metrics.OLDEST_AGE.set(
            max(0.0, (now - backlog.oldest).total_seconds()) if backlog.oldest else 0
        )
        metrics.BREAKER_OPEN.set(held_until is not None and held_until > now)

    async def _sweep_lane(self, name: str, lane: Lane, now: datetime) -> None:
        for answers in (True, False):
            for mail_id in await self._outbox.due(
                now, LANE_LIMIT, self._share(name, answers=answers)
            ):
                lane.add(mail_id, answer=answers)
        lane.start()  # a probe may be due by now
        if (failure := lane.circuit.failure) is not None:
            # The server gets one probe at a time, so these mails may have to wait for long.
            expired = Share(self._share(name).processes, created_before=now - self._give_up_after)
            for mail_id in await self._outbox.due(now, EXPIRED_PER_SWEEP, expired):
                await self._deliver(mail_id, failure)

    def _share(self, name: str, *, answers: bool | None = None) -> Share:
        if name == NO_SERVER:
            return Share(tuple(self._server_of), others=True, answers=answers)
        return Share(
            tuple(process for process, server in self._server_of.items() if server == name),
            answers=answers,
        )

    async def _deliver(self, mail_id: str, unreachable: str | None = None) -> None:
        try:
            await self._sender.deliver(mail_id, unreachable)
        except TransientError as error:
            log.warning("delivery_postponed", mail=mail_id, error=error)
        except Exception:  # a bug: the mail's claim expires, and the others continue
            log.exception("delivery_failed", mail=mail_id)
