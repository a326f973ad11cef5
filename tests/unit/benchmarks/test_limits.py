"""The report of `make bench` compares each measurement with the limit that it must keep."""

import pytest

from benchmarks.report.limits import checks
from benchmarks.report.results import (
    Figure,
    Latency,
    Peer,
    Percentiles,
    Results,
    SideSpeed,
    Speed,
    empty_results,
)

SIDE = SideSpeed(Figure.of([100.0]), {}, {})
BASELINE, WORK = "the baseline", "the necessary work"


def measured(**sections: object) -> Results:
    results = empty_results()
    for name, section in sections.items():
        setattr(results, name, section)
    return results


def speed(trial: str, mail_set: str) -> Speed:
    """0.5 of the baseline, and 0.6 of the necessary work."""
    ratio, work_ratio = Figure.of([0.5]), Figure.of([0.6])
    return Speed(trial, mail_set, 10, SIDE, SIDE, ratio, SIDE, work_ratio)


@pytest.mark.parametrize(
    ("trial", "mail_set", "limits"),
    [
        ("case writer", "text", {BASELINE: 0.75, WORK: 0.7}),
        ("case writer", "html", {WORK: 0.7}),
        ("case writer", "mix", {BASELINE: 0.6, WORK: 0.7}),
        ("case writer", "pdf", {WORK: 0.7}),
        ("router", "text", {BASELINE: 0.75}),
        ("router", "mix", {BASELINE: 0.75}),
        ("fetcher", "text", {BASELINE: 0.7}),
        ("whole path", "text", {BASELINE: 0.6}),
        ("whole path", "mix", {BASELINE: 0.75}),
        ("fetcher", "pdf", {}),
    ],
)
def test_a_rate_is_compared_with_both_baselines(
    trial: str, mail_set: str, limits: dict[str, float]
) -> None:
    found = {check.what: check for check in checks(measured(speed=[speed(trial, mail_set)]))}
    wanted = {f"{trial}, {mail_set}: part of {of}": limit for of, limit in limits.items()}
    assert {what: check.limit for what, check in found.items()} == wanted
    shares = {what: 0.6 if what.endswith(WORK) else 0.5 for what in wanted}
    assert {what: check.measured for what, check in found.items()} == shares
    assert not any(check.holds for check in found.values())


@pytest.mark.parametrize(
    ("load", "limits"), [(0, [30, 100]), (0.1, []), (0.5, [60, 150]), (0.9, [])]
)
def test_a_latency_must_not_exceed_the_limit_of_its_load(load: float, limits: list[float]) -> None:
    for ms, holds in ((30.0, True), (151.0, False)):
        times = Percentiles(ms, ms, ms)
        results = measured(latency=[Latency(load, 3.0, 30, times, times, times)])
        assert [check.limit for check in checks(results)] == limits
        assert {check.holds for check in checks(results)} <= {holds}


def test_the_idle_median_is_counted_beyond_the_notice_of_the_mail_server() -> None:
    total, notice = Percentiles(40.0, 60.0, 61.0), Percentiles(15.0, 20.0, 21.0)
    beyond = Percentiles(25.0, 45.0, 46.0)
    measurement = Latency(0, 3.0, 30, total, notice, beyond)
    assert [check.measured for check in checks(measured(latency=[measurement]))] == [25.0, 61.0]


@pytest.mark.parametrize(
    ("name", "times"), [("django-helpdesk get_email", 20), ("another program", 10)]
)
def test_another_program_is_exceeded_by_a_factor(name: str, times: float) -> None:
    rate = Figure.of([40.0])
    for ratio, holds in ((times, True), (times - 0.1, False)):
        (check,) = checks(measured(peers=[Peer(name, rate, Figure.of([ratio]))]))
        assert (check.limit, check.holds) == (times, holds)
    assert list(checks(measured(peers=[Peer(name, missing="it is not installed")]))) == []
