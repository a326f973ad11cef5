"""Publishing what is chosen to the router's queue, never more at once than live mail can stand, and hearing of it."""

import asyncio
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from msgspec import structs

from schemas.codec import decode_replayed
from schemas.events import ReplayEffect
from schemas.mails import RawMail, Replay
from services.case_writer.placement.restore import WANTING
from services.cli.replay.archive_reader import ArchivedMail, mails
from services.cli.replay.case_history import CaseHistory
from services.cli.replay.selection import Choice
from services.cli.terminal.output import printable
from services.cli.terminal.progress import Bar
from services.runtime.broker.connection import Broker, PrivateQueue
from services.runtime.broker.messages import Outgoing
from services.runtime.broker.streams import Start
from services.runtime.broker.topology import ROUTER_MAIL
from services.runtime.errors import TransientError
from services.runtime.process.lifecycle import Stop
from services.runtime.store.mongo import Document, Store

NOT_RECORDED = "not-recorded"
LISTED = ("parked", "moved", "differs")
_NEXT_LOOK_S = 1.0
_TOGETHER = 50  # publishing one by one waits for each confirm
_DRAIN_S = 15.0
_GIVE_UP_S = 120.0


@dataclass(frozen=True)
class ReplayOptions:
    """`rate` is mails a second at most, `window` how many may be under way, `patience` the longest the router's queue
    may be before the replay lets live mail go first.
    """

    run: str
    rederive: bool = False
    move: bool = False
    rate: float = 500.0
    window: int = 200
    patience: int = 1000


class ReplayPublisher:
    """One pass over the archive or more, over as many connections as it takes."""

    def __init__(self, store: Store, choice: Choice, how: ReplayOptions, past: CaseHistory, stop: Stop) -> None:
        self._recorded = store.collection("mails")
        self._choice = choice
        self._how = how
        self._past = past
        self._stop = stop
        self._under_way: dict[str, int] = {}  # mail key → offset
        self._dealt_with: set[bytes] = set()
        self._pace = Pace(how.rate)
        self._offset = 0
        self.name = how.run
        self.effects: Counter[str] = Counter()  # how many mails had each

    def begin(self) -> None:
        """A pass from the start."""
        self._offset = 0

    async def over(
        self, broker: Broker, lease: PrivateQueue, start: Start, end: int | None, bar: Bar, *, openings: bool
    ) -> None:
        """Read on from `start`; with `openings`, take only mails that opened a case and have no outcome now."""
        async for batch in mails(broker, start, end):
            if not await self._publish(broker, lease, await self._chosen(batch, openings=openings)):
                break
            self._offset = batch[-1].offset + 1
            bar.show(batch[-1].offset, end or 0, f"({self._pace.count} sent)")
            if all(one.mail is not None and self._choice.is_over(one.mail) for one in batch):
                break
        await self._drain(lease)

    async def _publish(self, broker: Broker, lease: PrivateQueue, chosen: Sequence[ArchivedMail]) -> bool:
        """False where the replay shall stop before the end of them."""
        together = max(1, min(_TOGETHER, round(self._how.rate / 10) if self._how.rate else _TOGETHER))
        for start in range(0, len(chosen), together):
            group = chosen[start : start + together]
            if not await self._has_room(broker, lease, len(group)):
                return False
            await broker.publish_all([self._message(one) for one in group])
            self._offset = group[-1].offset + 1
        return not self._stop.requested

    @property
    def resume_at(self) -> int:
        """The first offset that is not known to have had its effect; 0 where nothing was read yet."""
        return min([self._offset, *self._under_way.values()])

    @property
    def is_waiting(self) -> bool:
        """Whether the effects of some mails are not known."""
        return bool(self._under_way)

    async def _chosen(self, batch: Sequence[ArchivedMail], *, openings: bool) -> list[ArchivedMail]:
        """What of a batch is to be published; the rest is counted."""
        fresh: dict[str, ArchivedMail] = {}
        for one in batch:
            if one.mail is None:
                self.effects["unreadable"] += not openings
            elif self._choice.has(one.mail) and _digest(one.mail.key) not in self._dealt_with:
                fresh.setdefault(one.mail.key, one)
        documents = await self._recorded.find({"_id": {"$in": list(fresh)}}, ["outcome", "reason"]) if fresh else []
        recorded = {document["_id"]: document for document in documents}
        chosen = []
        for key, one in fresh.items():
            if openings and not self._opened(key):
                continue
            word = self._skipped(recorded.get(key))
            if word is None:
                chosen.append(one)
                continue
            self._dealt_with.add(_digest(key))
            if word:
                self.effects[word] += 1
        return chosen

    def _skipped(self, recorded: Document | None) -> str | None:
        """None where the mail is to be published; else the word to count it by, empty where it is none of ours."""
        if not self._choice.has_outcome(recorded["outcome"] if recorded else None):
            return ""
        if self._how.rederive:
            return None if recorded else NOT_RECORDED
        return None if recorded is None or recorded["reason"] in WANTING else "unchanged"

    def _opened(self, key: str) -> bool:
        was = self._past.of(key)
        return was is not None and was.opener == key

    def _message(self, one: ArchivedMail) -> Outgoing:
        if one.mail is None:
            raise ValueError(f"the message at offset {one.offset} is no mail")
        mail = as_replayed(one.mail, self._how, self._past)
        self._under_way[mail.key] = one.offset
        self._dealt_with.add(_digest(mail.key))
        self._pace.sent()
        return Outgoing.of(mail, mail.key, ROUTER_MAIL)

    async def _has_room(self, broker: Broker, lease: PrivateQueue, mails: int) -> bool:
        """Wait for effects, for the rate, and for live mail; False where the replay shall stop."""
        while len(self._under_way) + mails > self._how.window and not self._stop.requested:
            await self._hear(lease, _GIVE_UP_S)
        await self._stop.wait(self._pace.pause_s())
        while self._pace.looks_again() and not self._stop.requested:
            if await broker.length(ROUTER_MAIL) <= self._how.patience:
                break
            await self._stop.wait(_NEXT_LOOK_S)
        return not self._stop.requested

    async def _drain(self, lease: PrivateQueue) -> None:
        while self._under_way:
            await self._hear(lease, _DRAIN_S if self._stop.requested else _GIVE_UP_S)

    async def _hear(self, lease: PrivateQueue, patience_s: float) -> None:
        """Take effects in. Raises TransientError where none come: then what is under way has to be looked up."""
        hearing = asyncio.ensure_future(lease.deliveries.next_batch(1000))
        stopping = asyncio.ensure_future(self._stop.wait())
        waits = {hearing} if self._stop.requested else {hearing, stopping}
        done, _ = await asyncio.wait(waits, timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if hearing not in done:
            hearing.cancel()
            if stopping in done:
                return
            raise NobodyAnswersError(f"no effect of {len(self._under_way)} mails was told for {patience_s:.0f} s")
        for delivery in hearing.result():
            for effect in decode_replayed(delivery.body).effects:
                if self._under_way.pop(effect.mail_key, None) is not None:
                    self.effects[effect.effect] += 1
                    tell(effect)

    async def settle_lost(self) -> None:
        """After a broken connection: count what was recorded meanwhile; the rest is published again."""
        documents = await self._recorded.find({"_id": {"$in": list(self._under_way)}}, ["outcome"])
        for document in documents if not self._how.rederive else ():
            del self._under_way[document["_id"]]
            self.effects[document["outcome"]] += 1
        self._offset = self.resume_at
        self._dealt_with.difference_update(_digest(key) for key in self._under_way)
        self._under_way.clear()


class NobodyAnswersError(TransientError):
    """The stages do not take what was published, or died over it."""


class Pace:
    """So many a second; asks for a look at the queue once a second."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._loop = asyncio.get_running_loop()
        self._next_s = self._loop.time()
        self._looked_s = 0.0
        self.count = 0

    def sent(self) -> None:
        self.count += 1
        if self._rate > 0:
            # What was not used is not saved up: after a pause the rate holds too.
            self._next_s = max(self._next_s, self._loop.time() - 0.1) + 1 / self._rate

    def pause_s(self) -> float:
        return max(0.0, self._next_s - self._loop.time())

    def looks_again(self) -> bool:
        now_s = self._loop.time()
        if now_s - self._looked_s < _NEXT_LOOK_S:
            return False
        self._looked_s = now_s
        return True


def as_replayed(mail: RawMail, how: ReplayOptions, past: CaseHistory) -> RawMail:
    """The archived mail as a replay publishes it."""
    was = past.of(mail.key)
    replay = Replay(
        run=how.run,
        case=was.case if was else None,
        opener=was.opener if was else None,
        rederive=how.rederive,
        move=how.move,
    )
    return structs.replace(mail, origin="replay", replay=replay)


def tell(effect: ReplayEffect) -> None:
    """Print what a person may want to look at."""
    if effect.effect not in LISTED and not effect.detail:
        return
    where = f"case {effect.case}" if effect.case else "no case"
    was = f", was case {effect.was}" if effect.was else ""
    detail = f" ({printable(effect.detail)})" if effect.detail else ""
    print(f"{effect.mail_key[:12]}: {effect.effect}, {where}{was}{detail}", flush=True)


def complain(text: str) -> None:
    print(f"mailcase: {text}", file=sys.stderr, flush=True)


def _digest(key: str) -> bytes:
    return bytes.fromhex(key)[:16]
