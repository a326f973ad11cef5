"""Measures the peak memory of each service while mails of one set pass through the whole path."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from benchmarks.environment import Ground
from benchmarks.mails import mail_set
from benchmarks.meter import held_mb
from benchmarks.report.results import Memory
from benchmarks.speed import Feed
from benchmarks.trials import Everything

_LOOK_S = 0.02


async def memory(ground: Ground, name: str, mails: int) -> Memory:
    """The peak memory of freshly started services, so that other sets do not affect it."""
    async with Everything.on(ground.side("mailcase")) as trial:
        own = {
            process.name: (lambda process=process: process.pids) for process in trial.side.processes
        }
        with watched(own) as held:
            done = await trial.run(Feed(mail_set(name)).take(mails))
        peaks = {service: round(mb, 1) for service, mb in done.peak_mb.items() if service in own}
        return Memory(name, mails, peaks, {service: round(mb, 1) for service, mb in held.items()})


@contextmanager
def watched(groups: Mapping[str, Callable[[], list[int]]]) -> Iterator[dict[str, float]]:
    """The peak memory of each group during the block, in MB, sampled every 20 ms."""
    most = dict.fromkeys(groups, 0.0)

    async def watch() -> None:
        while True:
            for name, pids in groups.items():
                most[name] = max(most[name], held_mb(pids()))
            await asyncio.sleep(_LOOK_S)

    task = asyncio.create_task(watch())
    try:
        yield most
    finally:
        task.cancel()
