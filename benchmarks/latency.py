"""Measures how long a mail takes from its delivery into the mailbox until it is recorded, idle and
under load.

Mails are delivered at times drawn in advance (a Poisson process), whether or not the services keep
up, so that a service that falls behind is noticed. A mail counts as recorded when its receipt
arrives here. The case writer sends receipts after the majority write, so the figure is slightly too
high.
"""

import asyncio
import random
import statistics
import time
from collections.abc import AsyncIterator, Sequence

from benchmarks.baseline.mails import BENCH
from benchmarks.environment import Ground
from benchmarks.mails import mail_set
from benchmarks.report.results import Latency
from benchmarks.speed import Feed
from benchmarks.trials import Everything
from schemas.mails import mail_key

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
    chance = random.Random(f"{load}")
    mails = feed.take(max(20, round(rate * seconds)))
    due = time.time() + 0.5
    delivered: dict[str, float] = {}
    for raw in mails:
        due += chance.expovariate(rate)
        if (pause_s := due - time.time()) > 0:
            await asyncio.sleep(pause_s)
        delivered[mail_key(BENCH, raw)] = due if load else time.time()
        trial.side.deliver(raw)
    deadline = time.monotonic() + _PATIENCE_S
    while not trial.seen.keys() >= delivered.keys():
        if time.monotonic() > deadline:
            raise TimeoutError(f"mails are not recorded at {rate:.0f} mails a second")
        await asyncio.sleep(0.01)
    times = [(trial.seen[key] - at) * 1000 for key, at in delivered.items()]
    await trial.clear()
    cuts = statistics.quantiles(times, n=100, method="inclusive")
    return Latency(
        load, round(rate, 1), len(mails), *(round(cuts[part - 1], 1) for part in (50, 95, 99))
    )
