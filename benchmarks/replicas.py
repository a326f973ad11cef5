"""Compares the whole path with different numbers of replicas on the cores of this machine.

`mailcase up` chooses its replicas by the result; see docs/scaling.md.
"""

import statistics
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack

from benchmarks.environment import Ground
from benchmarks.mails import mail_set
from benchmarks.report.results import Figure, ReplicasSpeed
from benchmarks.speed import Feed
from benchmarks.trials import Everything, Round

ONE_EACH = {"router": 1, "case-writer": 1}
CHOICES = (
    ONE_EACH,
    {"router": 1, "case-writer": 2},
    {"router": 2, "case-writer": 2},
)
_SECONDS = 2.0
_MOST_BYTES = 150_000_000  # waiting in a round


async def replicas(
    ground: Ground, sets: Sequence[str], rounds: int
) -> AsyncIterator[ReplicasSpeed]:
    """The rates of each choice, in turns; the first choice is what the others are compared with."""
    async with AsyncExitStack() as stack:
        sides = [
            await stack.enter_async_context(Everything.on(ground.side("mailcase", choice)))
            for choice in CHOICES
        ]
        for name in sets:
            done = await _rounds(sides, name, rounds)
            for choice, own in zip(CHOICES, done, strict=True):
                yield _speed(name, choice, own, done[0])


async def _rounds(sides: Sequence[Everything], name: str, rounds: int) -> list[list[Round]]:
    mails = mail_set(name)
    feed = Feed(mails)
    most = _MOST_BYTES // mails.mean_bytes
    warm = [await side.run(feed.take(min(most, 100))) for side in sides]
    count = min(most, round(warm[0].rate * _SECONDS))
    done: list[list[Round]] = [[] for _ in sides]
    for index in range(rounds):
        order = list(zip(sides, done, strict=True))
        for side, own in order if index % 2 else reversed(order):
            own.append(await side.run(feed.take(count)))
    return done


def _speed(
    name: str, choice: Mapping[str, int], own: Sequence[Round], one_each: Sequence[Round]
) -> ReplicasSpeed:
    ratios = [result.rate / one.rate for result, one in zip(own, one_each, strict=True)]
    return ReplicasSpeed(
        name,
        dict(choice),
        Figure.of([result.rate for result in own]),
        Figure.of(ratios),
        round(statistics.median(result.busy_cores for result in own), 2),
    )
