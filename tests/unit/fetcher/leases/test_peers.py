"""The surplus of mailboxes, by the announcements of the replicas."""

import pytest

from schemas.events import FetcherPresent
from services.fetcher.leases.peers import PEER_TTL_S, Peers

ALL = [f"box{number}" for number in range(12)]


def peers(**others: tuple[int, int]) -> tuple[Peers, list[str]]:
    """Named fetchers as (mailboxes read, free places), and the first of the mailboxes without a
    reader.
    """
    found = Peers("me")
    rest = list(ALL)
    for name, (count, room) in others.items():
        found.update(FetcherPresent(replica=name, mailboxes=rest[:count], room=room), now_s=0.0)
        rest = rest[count:]
    return found, rest


@pytest.mark.parametrize(
    ("mine", "others", "expected"),
    [
        (4, {}, 0),
        (4, {"a": (0, 9)}, 2),
        (3, {"a": (2, 9)}, 0),
        (12, {"a": (0, 9), "b": (0, 9)}, 8),
        (12, {"a": (0, 3)}, 3),  # no more than there is room for
        (5, {"a": (1, 0)}, 0),  # full already
        (5, {"a": (1, 0), "b": (0, 9)}, 2),
        (2, {"a": (2, 9), "b": (0, 9)}, 1),  # `me` comes last of the equal ones
        (2, {"z": (2, 9), "b": (0, 9)}, 0),  # `z` comes after, and gives one
        (3, {"a": (3, 9), "b": (3, 9), "c": (1, 9)}, 1),
        (1, {"a": (5, 9), "b": (0, 9)}, 0),
    ],
)
def test_the_surplus_is_released(
    mine: int, others: dict[str, tuple[int, int]], expected: int
) -> None:
    known, rest = peers(**others)
    assert known.surplus(rest[:mine], ALL[: 12 - len(rest) + mine], now_s=1.0) == expected


def test_nothing_is_released_while_a_mailbox_has_no_reader() -> None:
    known, rest = peers(a=(0, 9))
    assert known.surplus(rest[:4], rest[:5], now_s=1.0) == 0


def test_a_silent_replica_is_taken_for_dead() -> None:
    known, rest = peers(a=(0, 9), b=(2, 9))
    assert known.has_less_loaded(1, now_s=1.0)
    assert known.reads("box0", now_s=1.0)
    late = PEER_TTL_S + 1
    assert not known.has_less_loaded(1, now_s=late)
    assert not known.reads("box0", now_s=late)
    assert known.surplus(rest[:4], rest[:4], now_s=late) == 0


def test_our_own_announcement_is_ignored() -> None:
    known = Peers("me")
    known.update(FetcherPresent(replica="me", mailboxes=["box0"], room=9), now_s=0.0)
    assert not known.reads("box0", now_s=1.0)


@pytest.mark.parametrize("replicas", [2, 3, 5, 7])
def test_repeated_balancing_ends_in_an_even_spread(replicas: int) -> None:
    """In each round every fetcher hears all others, then gives mailboxes to the one with the
    fewest.
    """
    names = [f"r{number}" for number in range(replicas)]
    reads = {name: list(ALL) if name == "r0" else [] for name in names}
    for now_s in range(20):
        given: list[str] = []
        for name in names:
            known = Peers(name)
            for other in names:
                known.update(
                    FetcherPresent(replica=other, mailboxes=reads[other], room=99), float(now_s)
                )
            count = known.surplus(reads[name], ALL, float(now_s))
            given, reads[name] = given + reads[name][:count], reads[name][count:]
        for mailbox in given:
            min(reads.values(), key=len).append(mailbox)
    counts = [len(mine) for mine in reads.values()]
    assert sum(counts) == len(ALL)
    assert max(counts) - min(counts) <= 1
