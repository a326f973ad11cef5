"""A mail at which sessions break holds up no other."""

from services.fetcher.ports import ListedMail
from services.fetcher.quarantine import LONE_FAILURES, QUARANTINE_S, Quarantine

MAILS = [ListedMail(name, 1) for name in "abc"]


def order(suspects: Quarantine, now_s: float = 0.0) -> str:
    return "".join(mail.id for mail in suspects.prioritize(MAILS, now_s))


def test_where_a_session_broke_the_others_come_first_and_the_suspects_alone() -> None:
    suspects = Quarantine()
    assert not suspects.record_failure(["a", "b"], 0.0)
    assert order(suspects) == "cab"
    assert [suspects.must_fetch_alone(mail_id) for mail_id in "abc"] == [True, True, False]


def test_the_one_that_fails_alone_comes_last_and_at_length_is_left_aside() -> None:
    suspects = Quarantine()
    assert not suspects.record_failure(["a", "b"], 0.0)
    broke = [suspects.record_failure(["a"], 0.0) for _ in range(LONE_FAILURES)]
    assert broke == [False] * (LONE_FAILURES - 1) + [True]
    assert order(suspects) == "cb"
    assert order(suspects, QUARANTINE_S + 1) == "acb"


def test_an_outage_leaves_no_mail_aside_that_was_among_others() -> None:
    suspects = Quarantine()
    assert not any(suspects.record_failure(["a", "b", "c"], 0.0) for _ in range(10 * LONE_FAILURES))
    assert order(suspects) == "abc"


def test_what_came_is_no_suspect_any_more() -> None:
    suspects = Quarantine()
    assert not suspects.record_failure(["a"], 0.0)
    suspects.clear(["a"])
    assert order(suspects) == "abc"
    assert not suspects.must_fetch_alone("a")
