"""Compares the measurements with the limits that must hold."""

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.report.results import Results

# The least shares of the rates of the baseline and of the necessary work, by trial and mail set.
_OF_THE_BASELINE = {
    ("whole path", "text"): 0.6,
    ("whole path", "mix"): 0.75,
    ("fetcher", "text"): 0.7,
    ("router", "text"): 0.75,
    ("router", "mix"): 0.75,
    ("case writer", "text"): 0.75,
    ("case writer", "mix"): 0.6,
}
_OF_THE_NECESSARY_WORK = {
    ("case writer", mail_set): 0.7 for mail_set in ("text", "html", "mix", "pdf")
}
# The most that a percentile may be in ms, by the share of the highest rate; 0 is idle. The first
# limits are those beyond the mail server's own notice.
_BEYOND_NOTICE_LIMITS: dict[float, dict[str, float]] = {0: {"p50": 30.0}}
_LATENCY_LIMITS: dict[float, dict[str, float]] = {
    0: {"p99": 100.0},
    0.5: {"p50": 60.0, "p95": 150.0},
}
_MEMORY_LIMITS = {"mix": 200.0, "huge": 300.0}
_GROWTH_LIMITS = {
    ("cases in the database", 1_000_000): 0.8,
    ("mails waiting", 50_000): 0.9,
    ("mails in the mailbox", 100_000): 0.5,
}
# How many times the rate of another program Mailcase must have, by its name.
_PEER_TIMES = {"django-helpdesk get_email": 20.0}
_OTHER_PEER_TIMES = 10.0


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
    yield from _latencies(results)
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
        measured = (speed.trial, speed.mail_set)
        for limits, baseline, ratio in (
            (_OF_THE_BASELINE, "the baseline", speed.ratio),
            (_OF_THE_NECESSARY_WORK, "the necessary work", speed.work_ratio),
        ):
            if (limit := limits.get(measured)) is not None:
                yield Check(f"{', '.join(measured)}: part of {baseline}", ratio.median, limit)
    for peer in results.peers:
        if peer.ratio is not None:
            limit = _PEER_TIMES.get(peer.name, _OTHER_PEER_TIMES)
            yield Check(f"whole path, 5 kB mails: times {peer.name}", peer.ratio.median, limit)
    for growth in results.growth:
        if (limit := _GROWTH_LIMITS.get((growth.what, growth.size))) is not None:
            what = f"rate with {growth.size:,} {growth.what}: part of the least"
            yield Check(what, growth.ratio.median, limit)


def _latencies(results: Results) -> Iterator[Check]:
    for latency in results.latency:
        load = (
            f"latency at {latency.load:.0%} of the highest rate" if latency.load else "idle latency"
        )
        for what, limits, measured in (
            (f"{load} beyond the notice", _BEYOND_NOTICE_LIMITS, latency.beyond_notice),
            (load, _LATENCY_LIMITS, latency.total),
        ):
            for percentile, limit in limits.get(latency.load, {}).items():
                value = getattr(measured, percentile)
                yield Check(f"{what}, {percentile} in ms", value, limit, at_least=False)
