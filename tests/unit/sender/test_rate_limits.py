"""Rate limits for automatic mail: per address, in total, and by age."""

from datetime import timedelta
from typing import Any

import pytest

from schemas.reasons import SuppressReason
from schemas.stored import OutgoingMail
from services.sender.ports import DeliveryResult
from services.sender.rate_limits import (
    EVERYONE,
    Go,
    Hold,
    SendingHistory,
    Suppress,
    address_key,
    apply_rate_limits,
)
from services.sender.service import after_attempt, pause_s
from tests.unit.sender.builders import NOW, limits, outgoing

ANNA = address_key("anna@customer.example")
SECOND = timedelta(seconds=1)


def rounds(
    count: int, mails: Any = lambda _number: outgoing(), every: timedelta = SECOND, **more: Any
) -> list[Any]:
    """The verdicts on this many mails, one after another; each is recorded as the sender does."""
    pasts: dict[str, SendingHistory] = {}
    verdicts = []
    for number in range(count):
        now = NOW + number * every
        mail: OutgoingMail = mails(number)
        known = {
            key: pasts.get(key, SendingHistory()) for key in (EVERYONE, address_key(mail.to[0]))
        }
        verdict = apply_rate_limits(mail, now, known, limits(**more))
        verdicts.append(verdict)
        if isinstance(verdict, Go):
            pasts |= verdict.histories
        elif isinstance(verdict, Hold) and verdict.tripped:
            pasts[EVERYONE] = verdict.tripped
    return verdicts


def gone(verdicts: list[Any]) -> int:
    return sum(isinstance(verdict, Go) for verdict in verdicts)


def test_five_acknowledgements_an_hour_go_to_one_address() -> None:
    verdicts = rounds(50)
    assert gone(verdicts) == 5
    assert verdicts[5:] == [Suppress(SuppressReason.TOO_MANY_ACKNOWLEDGEMENTS)] * 45


def test_the_window_moves_on() -> None:
    assert gone(rounds(10, every=timedelta(minutes=12))) == 10
    assert gone(rounds(10, every=timedelta(minutes=11))) < 10


def test_plus_and_capitals_make_no_other_address() -> None:
    assert address_key("Anna+17@Customer.Example") == ANNA
    assert gone(rounds(20, lambda number: outgoing(to=[f"Anna+{number}@customer.example"]))) == 5


def test_no_limit_is_zero() -> None:
    assert gone(rounds(50, max_acknowledgements_per_address=0)) == 50


def test_the_breaker_opens_over_the_number_a_minute_and_holds_everything_automatic() -> None:
    verdicts = rounds(
        400,
        lambda number: outgoing(to=[f"{number}@x.example"]),
        max_automatic_mails_per_minute=30,
        breaker_pause_s=300,
    )
    assert [isinstance(verdict, Go) for verdict in verdicts[:31]] == [True] * 30 + [False]
    opened = verdicts[30]
    assert isinstance(opened, Hold)
    assert opened.until == NOW + 30 * SECOND + timedelta(seconds=300)
    assert verdicts[31:330] == [Hold(opened.until)] * 299
    assert isinstance(verdicts[330], Go)


def test_a_program_s_answer_counts_in_all_but_not_by_address() -> None:
    mail = outgoing(kind="answer", auto_submitted="auto-generated")
    assert gone(rounds(20, lambda _number: mail)) == 20
    assert gone(rounds(20, lambda _number: mail, max_automatic_mails_per_minute=7)) == 7


@pytest.mark.parametrize(("age_s", "verdict"), [(100, Go), (101, Suppress)])
def test_an_automatic_mail_that_is_too_late_never_goes_out(age_s: float, verdict: type) -> None:
    mail = outgoing(created_at=NOW - timedelta(seconds=age_s))
    found = apply_rate_limits(
        mail,
        NOW,
        {EVERYONE: SendingHistory(), ANNA: SendingHistory()},
        limits(automatic_within_s=100.0),
    )
    assert isinstance(found, verdict)
    assert not isinstance(found, Suppress) or found.reason == SuppressReason.TOO_LATE


def test_pauses_double_up_to_the_longest() -> None:
    assert [pause_s(attempts, limits()) for attempts in (1, 2, 3, 7, 100)] == [
        30,
        60,
        120,
        1800,
        1800,
    ]


def test_after_an_attempt_only_those_are_left_who_may_still_get_it() -> None:
    mail = outgoing(
        to=["a@x.example", "b@x.example", "c@x.example"],
        remaining=["a@x.example", "b@x.example", "c@x.example"],
    )
    handed = DeliveryResult(
        ["a@x.example"], {"b@x.example": "550 no"}, {"c@x.example": "451 later"}
    )
    after = after_attempt(mail, handed)
    assert (after.remaining, after.refused, after.failure) == (
        ["c@x.example"],
        ["b@x.example: 550 no"],
        "c@x.example: 451 later",
    )
    done = after_attempt(after, DeliveryResult(["c@x.example"]))
    assert (done.remaining, done.refused, done.failure) == ([], ["b@x.example: 550 no"], None)
