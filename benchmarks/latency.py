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
"""

import asyncio
import random
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from benchmarks.baseline.mails import BENCH
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
            yield await _latency(trial, feed, load, load * highest or IDLE_RATE, seconds)


async def _latency(
    trial: Everything, feed: Feed, load: float, rate: float, seconds: float
) -> Latency:
    mails = feed.take(max(20, round(rate * seconds)))
    async with trial.side.noticing() as client:
        delivered = await _deliver(trial, client, mails, load, rate)
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
    times = (Percentiles.of(each) for each in (totals, notices, beyond))
    return Latency(load, round(rate, 1), len(mails), *times)


@dataclass(frozen=True)
class _Delivered:
    """When a mail and its copy, if there is one, were delivered, in seconds since 1970."""

    at: float
    copy_at: float | None


async def _deliver(
    trial: Everything, client: NoticeClient, mails: Sequence[bytes], load: float, rate: float
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
    return delivered


async def _until_seen(
    trial: Everything, client: NoticeClient, mails: Sequence[bytes], copies: int, rate: float
) -> None:
    """Wait until all mails are recorded, and all copies were noticed."""
    keys = {mail_key(BENCH, raw) for raw in mails}
    deadline = time.monotonic() + _PATIENCE_S
    while not trial.seen.keys() >= keys or len(client.times(copies)) < copies:
        if time.monotonic() > deadline:
            raise TimeoutError(f"mails are not recorded or noticed at {rate:.0f} mails a second")
        await asyncio.sleep(0.01)
