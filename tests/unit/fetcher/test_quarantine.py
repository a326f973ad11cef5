"""A mail that ends sessions does not block the others."""

from services.fetcher.ports import ListedMail
from services.fetcher.quarantine import LONE_FAILURES, QUARANTINE_S, Quarantine

MAILS = [ListedMail(name, 1) for name in "abc"]


def order(quarantine: Quarantine, now_s: float = 0.0) -> str:
    return "".join(mail.id for mail in quarantine.prioritize(MAILS, now_s))


def test_after_a_broken_session_the_others_come_first_and_the_suspects_alone() -> None:
    quarantine = Quarantine()
    assert not quarantine.record_failure(["a", "b"], 0.0)
    assert order(quarantine) == "cab"
    assert [quarantine.must_fetch_alone(mail_id) for mail_id in "abc"] == [True, True, False]


def test_a_mail_that_fails_alone_comes_last_and_is_quarantined_in_the_end() -> None:
    quarantine = Quarantine()
    assert not quarantine.record_failure(["a", "b"], 0.0)
    broke = [quarantine.record_failure(["a"], 0.0) for _ in range(LONE_FAILURES)]
    assert broke == [False] * (LONE_FAILURES - 1) + [True]
    assert order(quarantine) == "cb"
    assert order(quarantine, QUARANTINE_S + 1) == "acb"


def test_an_outage_quarantines_no_mail_that_was_fetched_with_others() -> None:
    quarantine = Quarantine()
    assert not any(
        quarantine.record_failure(["a", "b", "c"], 0.0) for _ in range(10 * LONE_FAILURES)
    )
    assert order(quarantine) == "abc"


def test_a_fetched_mail_is_no_longer_a_suspect() -> None:
    quarantine = Quarantine()
    assert not quarantine.record_failure(["a"], 0.0)
    quarantine.clear(["a"])
    assert order(quarantine) == "abc"
    assert not quarantine.must_fetch_alone("a")
