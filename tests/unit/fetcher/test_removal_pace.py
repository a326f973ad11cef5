"""Removals while other mails wait: the longer one takes, the later the next one."""

import pytest

from services.fetcher.removal_pace import MAX_PAUSE_S, RemovalPace


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.mark.parametrize(
    ("takes_s", "pause_s"), [(0.001, 0.004), (0.5, 2.0), (4.0, 16.0), (60.0, MAX_PAUSE_S)]
)
def test_the_next_removal_is_due_after_four_times_as_long(takes_s: float, pause_s: float) -> None:
    clock = Clock()
    pace = RemovalPace(clock)
    assert pace.is_due()
    with pace.removing():
        clock.now_s += takes_s
    clock.now_s += 0.9 * pause_s
    assert not pace.is_due()
    clock.now_s += 0.2 * pause_s
    assert pace.is_due()


def test_a_removal_that_fails_is_paced_too() -> None:
    clock = Clock()
    pace = RemovalPace(clock)

    def fail() -> None:
        with pace.removing():
            clock.now_s += 1
            raise OSError

    with pytest.raises(OSError):  # noqa: PT011 - raised above
        fail()
    assert not pace.is_due()
