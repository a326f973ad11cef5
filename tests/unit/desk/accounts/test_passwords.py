"""Passwords are hashed with argon2id, a few at a time, and unknown users take as long as known
ones.
"""

import asyncio
import statistics
import time

import pytest

from services.desk.accounts.credentials import passwords as passwords_module
from services.desk.accounts.credentials.passwords import Passwords
from services.desk.accounts.errors import BusyError

GOOD = "four words are enough"


@pytest.fixture
def passwords() -> Passwords:
    return Passwords(memory_kib=256, passes=1)


async def test_a_password_matches_its_hash_alone(passwords: Passwords) -> None:
    stored = await passwords.hash(GOOD)
    assert stored.startswith("$argon2id$")
    assert stored != await passwords.hash(GOOD)
    assert await passwords.matches(GOOD, stored)
    assert not await passwords.matches(GOOD + " ", stored)
    assert not await passwords.matches("x" * 100_000, stored)
    assert not await passwords.matches("\ud800", stored)


async def test_no_account_and_a_broken_hash_match_nothing(passwords: Passwords) -> None:
    assert not await passwords.matches(GOOD, None)
    assert not await passwords.matches(GOOD, "not a hash")


async def test_a_hash_of_other_parameters_is_outdated(passwords: Passwords) -> None:
    stored = await passwords.hash(GOOD)
    assert not passwords.is_outdated(stored)
    assert Passwords(memory_kib=512, passes=1).is_outdated(stored)


async def test_an_unknown_account_takes_as_long_as_a_wrong_password() -> None:
    passwords = Passwords(memory_kib=4096, passes=2)
    stored = await passwords.hash(GOOD)
    await passwords.matches("warm up the decoy", None)
    taken: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(15):
        for exists in (True, False):
            began = time.perf_counter()
            await passwords.matches("wrong words entirely", stored if exists else None)
            taken[exists].append(time.perf_counter() - began)
    assert 0.5 < statistics.median(taken[True]) / statistics.median(taken[False]) < 2.0


async def test_a_crowd_is_turned_away_and_at_most_two_hash_at_once(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = await passwords.hash(GOOD)
    monkeypatch.setattr(passwords_module, "_MAX_WAITING", 5)
    results = await asyncio.gather(
        *(passwords.matches(GOOD, stored) for _ in range(20)), return_exceptions=True
    )
    assert results.count(True) == 5
    assert sum(isinstance(result, BusyError) for result in results) == 15
    assert await passwords.matches(GOOD, stored)
