"""When the fetcher asks for new mail itself."""

import pytest

from services.fetcher.imap.polling import IDLE_LATENCY_S, MIN_POLL_S, next_poll_s


@pytest.mark.parametrize(("silence_s", "pause_s"), [(0.0, MIN_POLL_S), (1.0, MIN_POLL_S), (4.0, 0.1), (10.0, 0.25)])
def test_the_longer_no_mail_came_the_longer_until_the_next_look(silence_s: float, pause_s: float) -> None:
    assert next_poll_s(silence_s) == pause_s


@pytest.mark.parametrize("silence_s", [20.0, 3600.0, float("inf")])
def test_after_a_long_silence_the_server_tells_as_soon(silence_s: float) -> None:
    assert next_poll_s(silence_s) is None


def test_a_lone_mail_is_followed_by_few_looks() -> None:
    silence_s, looks = 0.0, 0
    while (pause_s := next_poll_s(silence_s)) is not None:
        assert pause_s < IDLE_LATENCY_S
        silence_s, looks = silence_s + pause_s, looks + 1

    assert looks < 160
