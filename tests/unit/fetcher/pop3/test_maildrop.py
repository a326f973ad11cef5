"""Which mails a POP3 session lists, and which of them it hands out."""

import random
import tracemalloc
from collections.abc import Iterator, Sequence
from io import BytesIO
from types import SimpleNamespace

import pytest

from services.fetcher.pop3.maildrop import Maildrop
from services.fetcher.pop3.session import Pop3Session


def taken(maildrop: Maildrop, limit: int = 1_000_000) -> list[str]:
    return [mail_id for mail_id, _ in maildrop.take(limit)]


def test_mails_are_handed_out_once_in_order() -> None:
    maildrop = Maildrop((number, f"u{number}", 10 * number) for number in range(1, 501))
    assert len(maildrop) == maildrop.count_except([]) == 500
    assert list(maildrop.take(2)) == [("u1/10", 10), ("u2/20", 20)]
    assert maildrop.count_except([]) == 498
    assert taken(maildrop) == [f"u{number}/{10 * number}" for number in range(3, 501)]
    assert taken(maildrop) == []
    assert maildrop.count_except([]) == 0


def test_mails_are_found_by_their_ids() -> None:
    rows = [(number, f"{random.Random(number).random()}", number % 7) for number in range(2_000)]
    maildrop = Maildrop(rows)
    for number, uidl, size in rows:
        assert maildrop[f"{uidl}/{size}"] == (number, size)
        assert f"{uidl}/{size + 1}" not in maildrop
        assert uidl not in maildrop
    with pytest.raises(KeyError):
        maildrop["0/0"]


def test_no_mail_is_found_by_a_part_of_its_id() -> None:
    maildrop = Maildrop([(1, "ab", 1), (2, "b", 1), (3, "b/1", 1)])
    assert [maildrop[mail_id][0] for mail_id in ("ab/1", "b/1", "b/1/1")] == [1, 2, 3]
    assert not any(mail_id in maildrop for mail_id in ("", "a", "ab/", "/1", "ab/1\nb/1"))


def test_a_uidl_that_a_server_reuses_names_several_mails() -> None:
    maildrop = Maildrop([(1, "u", 5), (2, "u", 5), (3, "u", 6), (4, "u", 5)])
    assert [maildrop["u/5/3"], maildrop["u/6"]] == [(4, 5), (3, 6)]
    assert taken(maildrop) == ["u/5", "u/5/2", "u/6", "u/5/3"]


def test_skipped_and_known_mails_are_not_counted() -> None:
    maildrop = Maildrop((number, f"u{number}", 1) for number in range(10))
    first = taken(maildrop, 2)
    maildrop.skip([*first, "u3/1", "u3/1", "u5/1", "unknown"])
    assert maildrop.count_except([]) == 6
    assert maildrop.count_except([*first, "u5/1", "u6/1", "unknown"]) == 5
    assert taken(maildrop) == [f"u{number}/1" for number in (2, 4, 6, 7, 8, 9)]


def test_a_mail_takes_less_than_a_hundred_bytes() -> None:
    mails = 100_000
    rows = ((number, f"{number:08x}6a0c12f3", 5_000) for number in range(1, mails + 1))
    tracemalloc.start()
    try:
        maildrop = Maildrop(rows)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(maildrop) == mails
    assert peak < 120 * mails  # while its table grows


class _Listing(Pop3Session):
    """A session whose server has these responses."""

    def __init__(self, **lines: Sequence[bytes]) -> None:
        self._answers = {
            name: b"".join(line + b"\r\n" for line in of) for name, of in lines.items()
        }

    def _command(self, line: str) -> bytes:
        self._client = SimpleNamespace(file=BytesIO(self._answers[line] + b".\r\n"))  # type: ignore[assignment]
        return b"+OK"


def listed(sizes: Sequence[bytes], uidls: Sequence[bytes]) -> Iterator[tuple[int, str, int]]:
    return _Listing(LIST=sizes, UIDL=uidls).listing()


@pytest.mark.parametrize("numbers", [(1, 2, 3, 4), (4, 3, 2, 1), (1, 3, 4, 2)])
def test_a_listing_is_complete_in_any_order(numbers: Sequence[int]) -> None:
    sizes = [b"%d %d00 more" % (number, number) for number in numbers]
    uidls = [b"%d u%d " % (number, number) for number in reversed(numbers)]
    assert sorted(listed(sizes, uidls)) == [
        (number, f"u{number}", 100 * number) for number in (1, 2, 3, 4)
    ]


def test_a_mail_without_a_size_is_left_out() -> None:
    assert list(listed([b"1 10", b"3 30"], [b"1 a", b"2 b", b"3 c"])) == [
        (1, "a", 10),
        (3, "c", 30),
    ]


@pytest.mark.parametrize("line", [b"", b"1", b"x 1", b"-1 5", b"1 -5"])
def test_an_invalid_listing_is_an_error(line: bytes) -> None:
    with pytest.raises((ValueError, OverflowError)):
        list(listed([line], [b"1 a"]))
