"""Which mails come with their listing, and which of them are whole."""

from services.fetcher.imap.prefetch import MAX_BYTES, MAX_MAILS, PAUSE_S, Prefetch


def test_the_bytes_of_all_mails_together_are_limited() -> None:
    asked = {mails: Prefetch().first_bytes(mails) for mails in range(MAX_MAILS + 3)}
    assert asked[0] == asked[MAX_MAILS + 1] == 0
    assert asked[1] == MAX_BYTES
    assert all(0 < mails * asked[mails] <= MAX_BYTES for mails in range(1, MAX_MAILS + 1))


def test_only_whole_mails_are_kept_and_only_once() -> None:
    prefetch = Prefetch()
    prefetch.begin(4)
    first = [(1, b"abc", None), (2, b"abc", None), (3, b"", None), (4, b"abc", None)]
    first.append((5, b"abcd", None))  # may be a part, although its size was said to be 4
    prefetch.keep(first)
    assert prefetch.take({1: 3, 2: 4, 3: 0, 5: 4}) == {1: (b"abc", None)}
    assert prefetch.take({1: 3}) == {}


def test_a_failed_attempt_pauses_the_next() -> None:
    now = 0.0
    prefetch = Prefetch(lambda: now)
    prefetch.begin(1)
    assert prefetch.first_bytes(1) == 0
    now = PAUSE_S
    assert prefetch.first_bytes(1) == MAX_BYTES
    prefetch.begin(1)
    prefetch.keep([])
    assert prefetch.first_bytes(1) == MAX_BYTES
