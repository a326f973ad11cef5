"""Compares Mailcase with its baselines: each service alone and the whole path, with the three sides
in turns.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from statistics import median

from benchmarks.environment import Ground
from benchmarks.mails import MailSet, mail_set, names
from benchmarks.report.results import Figure, SideSpeed, Speed
from benchmarks.trials import Everything, Fetching, Round, Routing, Trial, Writing

TRIALS: dict[str, type[Trial]] = {
    "fetcher": Fetching,
    "router": Routing,
    "case writer": Writing,
    "whole path": Everything,
}
_MOST_BYTES = 150_000_000  # waiting in a round
_LEAST_MAILS = 8


async def speeds(
    ground: Ground, trial: str, sets: Sequence[str], rounds: int, round_s: float
) -> AsyncIterator[Speed]:
    """One trial with several mail sets. A round takes Mailcase about `round_s` seconds."""
    async with AsyncExitStack() as stack:
        sides = [
            await stack.enter_async_context(TRIALS[trial].on(ground.side(name)))
            for name in ("mailcase", "floor", "work")
        ]
        for name in sets:
            yield await _speed(trial, mail_set(name), sides, rounds, round_s)


async def _speed(
    trial: str, mails: MailSet, sides: Sequence[Trial], rounds: int, round_s: float
) -> Speed:
    feed = Feed(mails)
    count = max(_LEAST_MAILS, 100_000 // mails.mean_bytes)
    for _ in range(2):  # the first warms up, the second shows how many mails a round takes
        ours, *_ = [await side.run(feed.take(count)) for side in sides]
        count = _mails_for(round_s, ours.rate, mails.mean_bytes)
    done: dict[Trial, list[Round]] = {side: [] for side in sides}
    for index in range(rounds):
        for side in sides if index % 2 else reversed(sides):
            done[side].append(await side.run(feed.take(count)))
    mailcase, floor, work = (done[side] for side in sides)
    return Speed(
        trial,
        mails.name,
        count,
        _side(mailcase),
        _side(floor),
        _ratio(mailcase, floor),
        _side(work),
        _ratio(mailcase, work),
    )


def _ratio(ours: Sequence[Round], baseline: Sequence[Round]) -> Figure:
    return Figure.of([own.rate / bare.rate for own, bare in zip(ours, baseline, strict=True)])


class Feed:
    """Unused mails of a set."""

    def __init__(self, mails: MailSet) -> None:
        self._mails = mails
        self._next = names().index(mails.name) * 10**8  # a token is unique over all sets

    def take(self, count: int) -> list[bytes]:
        taken = list(self._mails.mails(count, first=self._next))
        self._next += count
        return taken


def _mails_for(round_s: float, rate: float, mean_bytes: int) -> int:
    return max(_LEAST_MAILS, min(round(rate * round_s), _MOST_BYTES // mean_bytes))


def _side(rounds: Sequence[Round]) -> SideSpeed:
    def medians(of: Sequence[dict[str, float]]) -> dict[str, float]:
        return {name: round(median(figures[name] for figures in of), 3) for name in of[0]}

    peaks = {
        name: round(max(result.peak_mb[name] for result in rounds), 1) for name in rounds[0].peak_mb
    }
    return SideSpeed(
        Figure.of([result.rate for result in rounds]),
        medians([result.cpu_ms for result in rounds]),
        peaks,
        round(median(result.busy_cores for result in rounds), 2),
    )
