"""Which UIDs the fetcher keeps of a folder, and in which order it hands them out."""

import random
import tracemalloc
from collections.abc import Iterator

import pytest

from services.fetcher.imap import uid_listing
from services.fetcher.imap.uid_listing import UidListing


class _Folder:
    """A folder of which each search is recorded."""

    def __init__(self, uids: range | list[int], window: int) -> None:
        self.uids = list(uids)
        self.searches: list[tuple[int, int | None]] = []
        self._window = window
        self._divided = 0

    def search(self, first: int, last: int | None) -> list[int]:
        self.searches.append((first, last))
        found = [uid for uid in self.uids if uid >= first and (last is None or uid <= last)]
        return found or self.uids[-1:]  # as `n:*` does

    def divide(self) -> list[int]:
        arrived = [uid for uid in self.uids if uid > self._divided]
        self._divided = max(self.uids, default=0)
        return arrived[self._window - 1 : -1 : self._window]

    def listing(self) -> UidListing:
        return UidListing(self.search, self.divide)


@pytest.fixture(autouse=True)
def _small_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uid_listing, "WINDOW_MAILS", 10)


def _all(listing: UidListing, limit: int = 3) -> Iterator[int]:
    while uids := listing.take(limit):
        yield from uids


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 35, 100])
def test_each_uid_is_handed_out_once_in_order(count: int) -> None:
    uids = sorted(random.Random(count).sample(range(1, 1_000), count))
    listing = _Folder(uids, 10).listing()
    assert listing.poll() == count == len(listing)
    assert list(_all(listing)) == uids
    assert len(listing) == 0
    assert listing.poll() == 0


def test_removed_mails_are_left_out_and_arriving_ones_come_last() -> None:
    folder = _Folder(range(1, 41), 10)
    listing = folder.listing()
    listing.poll()
    first = listing.take(5)
    folder.uids = [*range(6, 16), *range(36, 41), 50, 51]
    assert listing.poll() == 2
    assert [*first, *_all(listing)] == [*range(1, 16), *range(36, 41), 50, 51]


def test_none_is_handed_out_only_when_none_is_left() -> None:
    folder = _Folder(range(1, 41), 10)
    listing = folder.listing()
    listing.poll()
    assert listing.take(10) == list(range(1, 11))
    folder.uids = [40]
    assert listing.take(10) == [40]


def test_known_mails_are_neither_counted_nor_handed_out() -> None:
    folder = _Folder(range(1, 41), 10)
    listing = folder.listing()
    known = {1, 2, 12, 13, 40}
    assert listing.poll(known) == 35
    assert listing.count_except(known) == 35
    assert listing.count_except({*known, 3, 25}) == 33
    assert list(_all(listing)) == sorted(set(range(1, 41)) - known)


def test_mails_handed_out_are_not_subtracted_from_the_others() -> None:
    listing = _Folder(range(1, 41), 10).listing()
    listing.poll()
    handed_out = listing.take(25)
    assert handed_out == list(range(1, 11))
    assert listing.count_except(handed_out) == 30


def test_a_few_arriving_mails_at_a_time_make_few_ranges() -> None:
    folder = _Folder(range(1, 41), 10)
    listing = folder.listing()
    listing.poll()
    for uid in range(41, 61):
        folder.uids.append(uid)
        assert listing.poll() == 1
    folder.searches.clear()
    assert list(_all(listing)) == list(range(1, 61))
    assert len(folder.searches) == 5


def test_a_new_session_finds_every_mail_again() -> None:
    folder = _Folder(range(1, 41), 10)
    listing = folder.listing()
    listing.poll()
    listing.take(15)
    listing.clear()
    assert len(listing) == 0
    assert listing.poll() == 40


def test_a_million_mails_take_no_more_memory_than_a_window(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mails, window = 1_000_000, 10_000
    monkeypatch.setattr(uid_listing, "WINDOW_MAILS", window)

    def search(first: int, last: int | None) -> list[int]:
        return list(range(first, min(last or mails, mails) + 1))

    listing = UidListing(search, lambda: list(range(window, mails, window)))
    tracemalloc.start()
    try:
        assert listing.poll() == mails
        last, handed_out = 0, 0
        while uids := listing.take(500):
            assert uids[0] == last + 1
            last, handed_out = uids[-1], handed_out + len(uids)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert handed_out == mails
    assert peak < 100 * window
