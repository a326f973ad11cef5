"""Pauses between attempts: doubling, bounded, with jitter."""

import pytest

from services.runtime.retry import Backoff


def test_pauses_double_up_to_the_maximum() -> None:
    backoff = Backoff(1.0, 10.0, chance=lambda: 1.0)
    assert [backoff.next_s() for _ in range(6)] == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


def test_each_pause_is_drawn_from_the_upper_half() -> None:
    assert Backoff(8.0, chance=lambda: 0.0).next_s() == 4.0
    assert Backoff(8.0, chance=lambda: 0.5).next_s() == 6.0


def test_after_a_success_the_next_pause_is_the_shortest() -> None:
    backoff = Backoff(1.0, 10.0, chance=lambda: 1.0)
    for _ in range(5):
        backoff.next_s()
    backoff.reset()
    assert backoff.next_s() == 1.0


def test_a_long_outage_overflows_nothing() -> None:
    backoff = Backoff(0.5, 30.0, chance=lambda: 1.0)
    assert {backoff.next_s() for _ in range(5000)} >= {0.5, 30.0}
    assert backoff.next_s() == 30.0


@pytest.mark.parametrize("failures", [1, 3, 20])
def test_replicas_do_not_come_back_together(failures: int) -> None:
    pauses = set()
    for _ in range(50):
        backoff = Backoff(0.5, 30.0)
        pauses.add([backoff.next_s() for _ in range(failures)][-1])
    assert len(pauses) == 50
