"""Compares the measurements with the limits that must hold."""

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.report.results import Results

_FLOOR_LIMITS = {"whole path": 0.6, "fetcher": 0.7, "router": 0.6, "case writer": 0.6}
_MEMORY_LIMITS = {"mix": 200.0, "huge": 300.0}
_GROWTH_LIMITS = {("cases in the database", 1_000_000): 0.8, ("mails waiting", 50_000): 0.9}
PEER_TIMES = 10.0
IDLE_P50_MS, IDLE_P99_MS = 100.0, 500.0


@dataclass(frozen=True)
class Check:
    """A limit and the measured value, which must be `at_least` the limit, or else at most."""

    what: str
    measured: float
    limit: float
    at_least: bool = True

    @property
    def holds(self) -> bool:
        return self.measured >= self.limit if self.at_least else self.measured <= self.limit


def checks(results: Results) -> Iterator[Check]:
    """The checks of the sections that were measured."""
    yield from _rates(results)
    for latency in results.latency:
        if latency.load == 0:
            yield Check("idle latency, p50 in ms", latency.p50_ms, IDLE_P50_MS, at_least=False)
            yield Check("idle latency, p99 in ms", latency.p99_ms, IDLE_P99_MS, at_least=False)
    for memory in results.memory:
        limit = _MEMORY_LIMITS[memory.mail_set]
        for service, peak in memory.peak_mb.items():
            yield Check(
                f"peak memory of {service} in MB, {memory.mail_set}", peak, limit, at_least=False
            )
    for figure in results.desk:
        if figure.budget is not None:
            what = f"desk, {figure.cases:,} cases: {figure.what}, p95 in {figure.unit}"
            yield Check(what, figure.p95, figure.budget, at_least=False)


def _rates(results: Results) -> Iterator[Check]:
    for speed in results.speed:
        if speed.mail_set == "text":
            yield Check(
                f"{speed.trial}, 5 kB mails: part of the floor",
                speed.ratio.median,
                _FLOOR_LIMITS[speed.trial],
            )
    for peer in results.peers:
        if peer.ratio is not None:
            yield Check(f"whole path, 5 kB mails: times {peer.name}", peer.ratio.median, PEER_TIMES)
    for growth in results.growth:
        limit = _GROWTH_LIMITS.get((growth.what, growth.size))
        if limit is not None:
            yield Check(
                f"rate with {growth.size:,} {growth.what}: part of the least",
                growth.ratio.median,
                limit,
            )
