"""Publishes the chosen mails to the router's queue without delaying live mail, and receives their
effects.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import Sequence

from schemas.codec import decode_replayed
from schemas.events import ReplayEffect
from services.case_writer.placement.restore import WANTING
from services.cli.replay.archive_reader import ArchivedMail, mails
from services.cli.replay.case_history import CaseHistory
from services.cli.replay.options import ReplayOptions, as_replayed
from services.cli.replay.rate_limiter import POLL_INTERVAL_S, RateLimiter
from services.cli.replay.selection import Choice
from services.cli.terminal.output import printable
from services.cli.terminal.progress import Bar
from services.runtime.broker.connection import Broker, PrivateQueue
from services.runtime.broker.messages import Outgoing
from services.runtime.broker.streams import Start
from services.runtime.broker.topology import ROUTER_MAIL
from services.runtime.errors import TransientError
from services.runtime.process.lifecycle import Stop
from services.runtime.store.collection import Document
from services.runtime.store.mongo import Store

NOT_RECORDED = "not-recorded"
PRINTED_EFFECTS = ("parked", "moved", "differs")
_BATCH = 50  # mails that are published before their confirms are awaited
_DRAIN_TIMEOUT_S = 15.0
_EFFECT_TIMEOUT_S = 120.0


class ReplayPublisher:
    """Publishes in one or more passes over the archive, over as many connections as necessary."""

    def __init__(
        self, store: Store, choice: Choice, options: ReplayOptions, history: CaseHistory, stop: Stop
    ) -> None:
        self._recorded = store.collection("mails")
        self._choice = choice
        self._options = options
        self._history = history
        self._stop = stop
        self._in_flight: dict[str, int] = {}  # mail key → offset
        self._handled: set[bytes] = set()
        self._limiter = RateLimiter(options.rate)
        self._offset = 0
        self.name = options.run
        self.effects: Counter[str] = Counter()  # effect → number of mails

    def begin(self) -> None:
        """Start a pass from the beginning."""
        self._offset = 0

    async def publish_archive(
        self,
        broker: Broker,
        lease: PrivateQueue,
        start: Start,
        end: int | None,
        bar: Bar,
        *,
        openings: bool,
    ) -> None:
        """Publish from `start` on; with `openings`, only mails that opened a case and now have no
        outcome.
        """
        async for batch in mails(broker, start, end):
            if not await self._publish(broker, lease, await self._chosen(batch, openings=openings)):
                break
            self._offset = batch[-1].offset + 1
            bar.show(batch[-1].offset, end or 0, f"({self._limiter.count} sent)")
            if all(entry.mail is not None and self._choice.is_over(entry.mail) for entry in batch):
                break
        await self._drain(lease)

    async def _publish(
        self, broker: Broker, lease: PrivateQueue, chosen: Sequence[ArchivedMail]
    ) -> bool:
        """Returns False if the replay stops before the end of `chosen`."""
        size = max(1, min(_BATCH, round(self._options.rate / 10) if self._options.rate else _BATCH))
        for start in range(0, len(chosen), size):
            group = chosen[start : start + size]
            if not await self._has_room(broker, lease, len(group)):
                return False
            await broker.publish_all([self._message(entry) for entry in group])
            self._offset = group[-1].offset + 1
        return not self._stop.requested

    @property
    def resume_at(self) -> int:
        """The first offset whose effect is not known; 0 if nothing was read yet."""
        return min([self._offset, *self._in_flight.values()])

    @property
    def is_waiting(self) -> bool:
        """Whether the effects of some mails are not known."""
        return bool(self._in_flight)

    async def _chosen(self, batch: Sequence[ArchivedMail], *, openings: bool) -> list[ArchivedMail]:
        """The entries of a batch to publish; the others are counted."""
        fresh: dict[str, ArchivedMail] = {}
        for entry in batch:
            if entry.mail is None:
                self.effects["unreadable"] += not openings
            elif self._choice.has(entry.mail) and _digest(entry.mail.key) not in self._handled:
                fresh.setdefault(entry.mail.key, entry)
        documents = (
            await self._recorded.find({"_id": {"$in": list(fresh)}}, ["outcome", "reason"])
            if fresh
            else []
        )
        recorded = {document["_id"]: document for document in documents}
        chosen = []
        for key, entry in fresh.items():
            if openings and not self._opened(key):
                continue
            effect = self._skip_effect(recorded.get(key))
            if effect is None:
                chosen.append(entry)
                continue
            self._handled.add(_digest(key))
            if effect:
                self.effects[effect] += 1
        return chosen

    def _skip_effect(self, recorded: Document | None) -> str | None:
        """None if the mail must be published; otherwise the effect to count, which is empty if the
        mail is not chosen.
        """
        if not self._choice.has_outcome(recorded["outcome"] if recorded else None):
            return ""
        if self._options.rederive:
            return None if recorded else NOT_RECORDED
        return None if recorded is None or recorded["reason"] in WANTING else "unchanged"

    def _opened(self, key: str) -> bool:
        prior = self._history.of(key)
        return prior is not None and prior.opener == key

    def _message(self, entry: ArchivedMail) -> Outgoing:
        if entry.mail is None:
            raise ValueError(f"the message at offset {entry.offset} is not a mail")
        mail = as_replayed(entry.mail, self._options, self._history)
        self._in_flight[mail.key] = entry.offset
        self._handled.add(_digest(mail.key))
        self._limiter.record_sent()
        return Outgoing.of(mail, mail.key, ROUTER_MAIL)

    async def _has_room(self, broker: Broker, lease: PrivateQueue, mails: int) -> bool:
        """Wait for effects, the rate limit and live mail; returns False if the replay stops."""
        while len(self._in_flight) + mails > self._options.window and not self._stop.requested:
            await self._receive(lease, _EFFECT_TIMEOUT_S)
        await self._stop.wait(self._limiter.pause_s())
        while self._limiter.is_poll_due() and not self._stop.requested:
            if await broker.length(ROUTER_MAIL) <= self._options.max_queue_length:
                break
            await self._stop.wait(POLL_INTERVAL_S)
        return not self._stop.requested

    async def _drain(self, lease: PrivateQueue) -> None:
        while self._in_flight:
            await self._receive(
                lease, _DRAIN_TIMEOUT_S if self._stop.requested else _EFFECT_TIMEOUT_S
            )

    async def _receive(self, lease: PrivateQueue, timeout_s: float) -> None:
        """Receive effects. Raises NoEffectsError if none come in time."""
        receiving = asyncio.ensure_future(lease.deliveries.next_batch(1000))
        stopping = asyncio.ensure_future(self._stop.wait())
        waits = {receiving} if self._stop.requested else {receiving, stopping}
        done, _ = await asyncio.wait(waits, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if receiving not in done:
            receiving.cancel()
            if stopping in done:
                return
            raise NoEffectsError(
                f"no effect of {len(self._in_flight)} mails was reported for {timeout_s:.0f} s"
            )
        for delivery in receiving.result():
            for effect in decode_replayed(delivery.body).effects:
                if self._in_flight.pop(effect.mail_key, None) is not None:
                    self.effects[effect.effect] += 1
                    print_effect(effect)

    async def settle_lost(self) -> None:
        """After a lost connection, count what was recorded in the meantime; the rest is published
        again.
        """
        documents = await self._recorded.find({"_id": {"$in": list(self._in_flight)}}, ["outcome"])
        for document in documents if not self._options.rederive else ():
            del self._in_flight[document["_id"]]
            self.effects[document["outcome"]] += 1
        self._offset = self.resume_at
        self._handled.difference_update(_digest(key) for key in self._in_flight)
        self._in_flight.clear()


class NoEffectsError(TransientError):
    """No service reported an effect of the published mails in time."""


def print_effect(effect: ReplayEffect) -> None:
    """Print an effect that a person may want to check."""
    if effect.effect not in PRINTED_EFFECTS and not effect.detail:
        return
    place = f"case {effect.case}" if effect.case else "no case"
    was = f", was case {effect.was}" if effect.was else ""
    detail = f" ({printable(effect.detail)})" if effect.detail else ""
    print(f"{effect.mail_key[:12]}: {effect.effect}, {place}{was}{detail}", flush=True)


def print_warning(text: str) -> None:
    print(f"mailcase: {text}", file=sys.stderr, flush=True)


def _digest(key: str) -> bytes:
    return bytes.fromhex(key)[:16]
