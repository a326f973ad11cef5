"""Parsing of the different forms in which IMAP servers write responses."""

from datetime import UTC, datetime

import pytest

from services.fetcher.imap.responses import (
    Item,
    bodies,
    numbers,
    sequence_set,
    short_sets,
    sizes,
)

AT = b'INTERNALDATE "01-Mar-2026 10:30:00 +0100"'
WHEN = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ([(b"1 (UID 7 " + AT + b" BODY[] {3}", b"abc"), b")"], [(7, b"abc", WHEN)]),
        ([(b"1 (BODY[] {3}", b"abc"), b" UID 7 " + AT + b")"], [(7, b"abc", WHEN)]),
        ([(b"1 (UID 7 BODY[] {3}", b"abc"), b")"], [(7, b"abc", None)]),
        ([b"1 (UID 7 " + AT + b' BODY[] "")'], [(7, b"", WHEN)]),
        ([b"1 (UID 7 BODY[] NIL)"], []),
        ([b"1 (UID 7 FLAGS (\\Seen))"], []),
        ([(b"1 (BODY[] {3}", b"abc"), b")"], []),
        ([(b"1 (UID 7 BODY[] {9}", b"UID 8 abc"), b")"], [(7, b"UID 8 abc", None)]),
        (
            [(b"1 (UID 7 BODY[] {1}", b"a"), b")", (b"2 (UID 8 BODY[] {1}", b"b"), b")"],
            [(7, b"a", None), (8, b"b", None)],
        ),
        (
            [(b'1 (UID 7 INTERNALDATE "31-Feb-2026 10:30:00 +0100" BODY[] {1}', b"a"), b")"],
            [(7, b"a", None)],
        ),
    ],
)
def test_mails_are_read_in_every_order_of_their_attributes(
    data: list[Item], expected: list[object]
) -> None:
    assert list(bodies(data)) == expected


def test_sizes_come_with_their_uids_and_times() -> None:
    lines: list[Item] = [
        b"1 (UID 7 RFC822.SIZE 12 " + AT + b")",
        b"2 (RFC822.SIZE 5 UID 8)",
        b"3 (FLAGS ())",
    ]
    assert list(sizes(lines)) == [(7, 12, WHEN), (8, 5, None)]


def test_the_numbers_of_a_search_may_come_on_several_lines() -> None:
    assert numbers([b"3 1", b"", b"2"]) == [1, 2, 3]


@pytest.mark.parametrize(
    ("uids", "expected"), [([1], "1"), ([3, 1, 2], "1:3"), ([1, 2, 4, 9, 10], "1:2,4,9:10")]
)
def test_consecutive_uids_are_written_as_ranges(uids: list[int], expected: str) -> None:
    assert sequence_set(uids) == expected


def test_uids_far_apart_are_split_into_sets_that_every_server_accepts() -> None:
    uids = list(range(4_000_000_000, 4_000_003_000, 3)) + list(range(1, 100_000))
    groups = list(short_sets(uids))
    assert sorted(uid for group in groups for uid in group) == sorted(uids)
    assert max(len(sequence_set(group)) for group in groups) < 7000
    assert len(groups) == 4
    assert list(short_sets([])) == []
