"""What a replay knows of the cases of earlier mails, and how much memory that takes."""

import hashlib
import tracemalloc
from typing import Any

import pytest

from schemas.events import CaseAppended, CaseMoved, CaseOpened
from services.cli.replay.case_history import CaseHistory, PriorCase
from services.cli.replay.case_openers import CaseOpeners


def key(number: int) -> str:
    return hashlib.sha256(b"%d" % number).hexdigest()


def _event(kind: Any, number: int, case: int, **more: Any) -> Any:
    fields = dict.fromkeys(kind.__struct_fields__, "") | {"mail_key": key(number), "case": case}
    return kind(**(fields | more))


def opened(number: int, case: int) -> CaseOpened:
    event: CaseOpened = _event(CaseOpened, number, case)
    return event


def appended(number: int, case: int) -> CaseAppended:
    event: CaseAppended = _event(CaseAppended, number, case)
    return event


@pytest.mark.parametrize("opener", [key(7), "odd", "AB" * 32, "ab" * 31, "", None])
@pytest.mark.parametrize("case", [0, 1, 1_023, 1_024, 10**12])
def test_the_opener_of_a_case_is_known(opener: str | None, case: int) -> None:
    openers = CaseOpeners()
    assert case not in openers
    openers[case] = key(1)
    openers[case] = opener
    assert case in openers
    assert openers.get(case) == opener
    assert case + 1 not in openers
    assert openers.get(case + 1) is None


def test_the_opener_of_mails_is_known_in_any_order() -> None:
    history = CaseHistory()
    for event in (appended(2, 1), appended(3, 1), opened(1, 1), appended(4, 1)):
        history.note(event)
    history.forget([key(3)])
    assert [history.of(key(number)) for number in (1, 2, 4)] == [PriorCase(1, key(1))] * 3
    assert history.of(key(3)) is None
    moved: CaseMoved = _event(CaseMoved, 1, 2, was=1)
    history.note(moved)
    assert history.of(key(2)) == PriorCase(1, None)
    history.note(appended(5, 1))
    assert history.of(key(5)) == PriorCase(1, None)


def test_a_mail_that_was_forgotten_early_is_known_again_with_a_later_event() -> None:
    history = CaseHistory()
    history.note(appended(2, 1))
    history.forget([key(2)])
    history.note(opened(1, 1))
    assert history.of(key(2)) is None
    history.note(appended(2, 1))
    assert history.of(key(2)) == PriorCase(1, key(1))


def test_recorded_mails_leave_little_in_memory() -> None:
    mails, block = 100_000, 1_000
    tracemalloc.start()
    try:
        history = CaseHistory()
        for first in range(0, mails, block):
            for number in range(first, first + block):
                is_opening = number % 2 == 0  # the others belong to cases from before the archive
                history.note(opened(number, number) if is_opening else appended(number, number))
            history.forget(map(key, range(first, first + block)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert history.highest == mails - 1
    assert peak < 60 * mails
