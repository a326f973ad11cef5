"""The window of mails in flight."""

from services.fetcher.in_flight import InFlight


def test_a_window_is_bounded_in_mails_and_in_bytes() -> None:
    window = InFlight(2, 100)
    window.add("1", "a", 60, now_s=0)
    assert window.fits(1, 40)
    assert not window.fits(1, 41)
    assert not window.fits(2, 2)


def test_a_mail_larger_than_the_window_is_let_through_alone() -> None:
    window = InFlight(2, 100)
    assert window.fits(1, 1000)
    assert not window.fits(2, 1000)
    window.add("1", "a", 1000, now_s=0)
    assert not window.fits(1, 1)


def test_one_receipt_takes_out_every_equal_mail() -> None:
    window = InFlight(9, 100)
    for mail_id, key in (("1", "same"), ("2", "same"), ("3", "other")):
        window.add(mail_id, key, 10, now_s=0)
    assert window.take_recorded(["same", "unknown"]) == ["1", "2"]
    assert (len(window), window.bytes) == (1, 10)


def test_patience_doubles_each_time_a_receipt_is_late() -> None:
    window = InFlight(9, 100, patience_s=10, max_patience_s=25)
    window.add("1", "a", 10, now_s=0)
    assert window.overdue(9) == []
    assert window.overdue(10) == ["1"]
    for now_s, due_s in ((10, 30), (30, 55), (55, 80)):
        window.add("1", "a", 10, now_s=now_s)
        assert window.overdue(due_s - 1) == []
        assert window.overdue(due_s) == ["1"]
    assert (len(window), window.bytes) == (1, 10)


def test_a_mail_in_flight_keeps_its_time_when_it_is_published_again() -> None:
    window = InFlight(9, 100)
    assert window.oldest_since_s() is None
    window.add("1", "a", 10, now_s=0, since_s=1000.0)
    window.add("2", "b", 10, now_s=0, since_s=1005.0)
    window.add("1", "a", 10, now_s=300, since_s=1300.0)
    assert window.oldest_since_s() == 1000.0
    window.take_recorded(["a"])
    assert window.oldest_since_s() == 1005.0


def test_forgetting_a_mail_is_idempotent() -> None:
    window = InFlight(9, 100)
    window.add("1", "a", 10, now_s=0)
    window.forget(["1", "1", "2"])
    assert (len(window), window.bytes, window.size_of("1")) == (0, 0, 0)
