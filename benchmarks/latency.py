"""Measures how long a mail takes from its delivery into the mailbox until it is recorded, idle and
under load.

Mails are delivered at times drawn in advance (a Poisson process), whether or not the services keep
up, so that a service that falls behind is noticed. A mail counts as recorded when its receipt
arrives here. The case writer sends receipts after the majority write, so the figure is slightly too
high.

The mail server's own notice is measured in the same run: a copy of a mail is delivered right after
it into a second mailbox, in which a bare IMAP client waits (`baseline.notice`). What Mailcase takes
beyond the notice is the difference for each such mail. Both poll on their own, so that a single
difference may be off by the time between two polls, in both directions. When idle, each mail has a
copy; under load, one in so many that the copies take little of the servers' time. The client's
polls make Mailcase's own times slightly too high.

When idle, each mail is followed by one for the baseline, which shows how long the servers' own
operations take.
"""

import asyncio
import random
import statistics
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from benchmarks.baseline.mails import BENCH, mark_of
from benchmarks.contenders import NoticeClient
from benchmarks.environment import Ground
from benchmarks.mails import mail_set
from benchmarks.report.results import Latency, Percentiles
from benchmarks.speed import Feed
from benchmarks.trials import Everything
from schemas.mails import mail_key

MAX_COPIES_PER_S = 20.0
IDLE_RATE = 3.0  # mails per second; each finds all services idle
_PATIENCE_S = 60.0


async def latencies(
    ground: Ground, loads: Sequence[float], seconds: float
) -> AsyncIterator[Latency]:
    """The latencies of 5 kB mails. `loads` are shares of the highest rate, which is measured first;
    0 is idle.
    """
    feed = Feed(mail_set("text"))
    async with Everything.on(ground.side("mailcase")) as trial:
        await trial.run(feed.take(100))
        highest = statistics.median([(await trial.run(feed.take(400))).rate for _ in range(3)])
        for load in loads:
            rate = load * highest or IDLE_RATE
            if load:
                yield await _latency(trial, feed, load, rate, seconds)
                continue
            async with Everything.on(ground.side("floor")) as baseline:
                await baseline.run(feed.take(100))
                yield await _latency(trial, feed, load, rate, seconds, baseline=baseline)


async def _latency(
    trial: Everything,
    feed: Feed,
    load: float,
    rate: float,
    seconds: float,
    *,
    baseline: Everything | None = None,
) -> Latency:
    """The latency at a load, and that of the baseline if it gets mails, too."""
    mails = feed.take(max(20, round(rate * seconds)))
    compared = _Compared(baseline, feed.take(len(mails))) if baseline else None
    async with trial.side.noticing() as client:
        delivered = await _deliver(trial, client, mails, load, rate, compared=compared)
        copied_at = [mail.copy_at for mail in delivered if mail.copy_at is not None]
        await _until_seen(trial, client, mails, len(copied_at), rate)
        noticed = client.times(len(copied_at))
    recorded = [trial.seen[mail_key(BENCH, raw)] for raw in mails]
    await trial.clear()
    totals = [(at - mail.at) * 1000 for at, mail in zip(recorded, delivered, strict=True)]
    notices = [(at - copy_at) * 1000 for at, copy_at in zip(noticed, copied_at, strict=True)]
    copied = [
        total for total, mail in zip(totals, delivered, strict=True) if mail.copy_at is not None
    ]
    beyond = [total - notice for total, notice in zip(copied, notices, strict=True)]
    total, notice, beyond_notice = map(Percentiles.of, (totals, notices, beyond))
    baseline_total = Percentiles.of(await compared.times()) if compared else None
    return Latency(
        load, round(rate, 1), len(mails), total, notice, beyond_notice, baseline=baseline_total
    )


class _Compared:
    """The baseline, and as many mails for it as Mailcase gets."""

    def __init__(self, trial: Everything, mails: Sequence[bytes]) -> None:
        self._trial = trial
        self._mails = iter(mails)
        self._delivered: dict[str, float] = {}  # when, by the receipt's key

    def deliver_next(self) -> None:
        raw = next(self._mails)
        self._delivered[mark_of(raw)[1].decode()] = time.time()
        self._trial.side.deliver(raw)

    async def times(self) -> list[float]:
        """How long each mail took, in ms. Waits for the last receipt."""
        seen = self._trial.seen
        await _until(
            lambda: seen.keys() >= self._delivered.keys(), "the baseline's mails are not recorded"
        )
        return [(seen[key] - at) * 1000 for key, at in self._delivered.items()]


@dataclass(frozen=True)
class _Delivered:
    """When a mail and its copy, if there is one, were delivered, in seconds since 1970."""

    at: float
    copy_at: float | None


async def _deliver(
    trial: Everything,
    client: NoticeClient,
    mails: Sequence[bytes],
    load: float,
    rate: float,
    *,
    compared: _Compared | None,
) -> list[_Delivered]:
    """Deliver the mails and their copies. Under load, both count from when they were due."""
    chance = random.Random(f"{load}")
    copied_each = max(1, round(rate / MAX_COPIES_PER_S))
    due = time.time() + 0.5
    delivered = []
    for number, raw in enumerate(mails):
        due += chance.expovariate(rate)
        if (pause_s := due - time.time()) > 0:
            await asyncio.sleep(pause_s)
        at = due if load else time.time()
        trial.side.deliver(raw)
        copy_at = None
        if number % copied_each == 0:
            copy_at = due if load else time.time()
            client.deliver(raw)
        delivered.append(_Delivered(at, copy_at))
        if compared is not None:
            await asyncio.sleep(chance.expovariate(rate))
            compared.deliver_next()
            due = time.time()
    return delivered


async def _until_seen(
    trial: Everything, client: NoticeClient, mails: Sequence[bytes], copies: int, rate: float
) -> None:
    """Wait until all mails are recorded, and all copies were noticed."""
    keys = {mail_key(BENCH, raw) for raw in mails}
    await _until(
        lambda: trial.seen.keys() >= keys and len(client.times(copies)) >= copies,
        f"mails are not recorded or noticed at {rate:.0f} mails a second",
    )


async def _until(condition: Callable[[], bool], failure: str) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(failure)
        await asyncio.sleep(0.01)
