"""When the fetcher polls in addition to IDLE."""

import pytest

from services.fetcher.imap.polling import IDLE_LATENCY_S, MIN_POLL_S, next_poll_s


@pytest.mark.parametrize(
    ("silence_s", "pause_s"), [(0.0, MIN_POLL_S), (0.4, MIN_POLL_S), (4.0, 0.1), (10.0, 0.25)]
)
def test_the_poll_interval_grows_with_the_silence(silence_s: float, pause_s: float) -> None:
    assert next_poll_s(silence_s) == pause_s


@pytest.mark.parametrize("silence_s", [20.0, 3600.0, float("inf")])
def test_after_a_long_silence_idle_is_as_fast_as_polling(silence_s: float) -> None:
    assert next_poll_s(silence_s) is None


def test_a_lone_mail_is_followed_by_few_polls() -> None:
    silence_s, looks = 0.0, 0
    while (pause_s := next_poll_s(silence_s)) is not None:
        assert pause_s < IDLE_LATENCY_S
        silence_s, looks = silence_s + pause_s, looks + 1

    assert looks < 210
