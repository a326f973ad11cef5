"""Which mails a replay selects, and where they were before."""

from datetime import UTC, datetime, timedelta

import pytest

from schemas.events import CaseAppended, CaseMoved, CaseOpened, MailParked
from services.cli.replay.case_history import CaseHistory, PriorCase
from services.cli.replay.selection import Choice, bracketed, check_selection
from services.cli.terminal.options import moment
from services.runtime.errors import SettingsError
from tests.builders import NOW, raw_bytes, raw_mail

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("90s", NOW - timedelta(seconds=90)),
        ("2h", NOW - 2 * HOUR),
        ("7d", NOW - timedelta(days=7)),
        (" 2 w ", NOW - timedelta(weeks=2)),
        ("2026-11-23", datetime(2026, 11, 23, tzinfo=UTC)),
        ("2026-11-23T08:15", datetime(2026, 11, 23, 8, 15, tzinfo=UTC)),
        ("2026-11-23T08:15+02:00", datetime(2026, 11, 23, 6, 15, tzinfo=UTC)),
    ],
)
def test_a_time_is_utc_and_an_age_counts_back_from_now(text: str, time: datetime) -> None:
    assert moment(text, "--since", NOW) == time


@pytest.mark.parametrize("text", ["", "yesterday", "2 fortnights", "-2h", "2026-13-01"])
def test_anything_else_is_a_mistake_that_names_the_option(text: str) -> None:
    with pytest.raises(SettingsError, match="--until"):
        moment(text, "--until", NOW)


@pytest.mark.parametrize(
    ("choice", "has"),
    [
        (Choice(), True),
        (Choice(since=NOW), True),
        (Choice(since=NOW + HOUR), False),
        (Choice(until=NOW), False),
        (Choice(until=NOW + HOUR), True),
        (Choice(process="invoices", mailbox="invoices"), True),
        (Choice(process="claims"), False),
        (Choice(mailbox="claims"), False),
        (Choice(mail_key="0f0f"), True),
        (Choice(mail_key="0e"), False),
        (Choice(message_id="<7@x.example>"), True),
        (Choice(message_id="<8@x.example>"), False),
    ],
)
def test_a_mail_matches_if_all_conditions_hold(choice: Choice, has: bool) -> None:
    raw = raw_bytes(headers="Message-ID: <7@x.example>\r\n")
    assert choice.has(raw_mail(raw, key="0f" * 32)) is has


def test_a_selection_may_require_an_outcome_or_none() -> None:
    assert [Choice(outcome="none").has_outcome(outcome) for outcome in (None, "parked")] == [
        True,
        False,
    ]
    parked = Choice(outcome="parked")
    assert [parked.has_outcome(outcome) for outcome in (None, "parked", "opened")] == [
        False,
        True,
        False,
    ]
    assert Choice().has_outcome(None)


def test_the_end_is_past_only_when_late_mail_can_no_longer_come() -> None:
    mail = raw_mail()
    assert not Choice(until=NOW - HOUR / 2).is_over(mail)
    assert Choice(until=NOW - 2 * HOUR).is_over(mail)
    assert not Choice().is_over(mail)


def test_a_wrong_outcome_and_a_mailbox_of_another_process_are_reported_together() -> None:
    with pytest.raises(SettingsError) as caught:
        check_selection({"claims-en": "claims"}, "invoices", "claims-en", "lost")
    assert [mistake.path for mistake in caught.value.mistakes] == ["--outcome", "--mailbox"]
    check_selection({"claims-en": "claims"}, "gone-since", "gone-too", "none")


def test_a_message_id_may_come_without_its_brackets() -> None:
    assert [bracketed(text) for text in ("a@b", "<a@b>", None)] == ["<a@b>", "<a@b>", None]


def opened(key: str, case: int) -> CaseOpened:
    return CaseOpened(
        mail_key=key, process="p", mailbox="p", at=NOW, case=case, stage="s", title="t"
    )


def appended(key: str, case: int) -> CaseAppended:
    return CaseAppended(mail_key=key, process="p", mailbox="p", at=NOW, case=case)


def test_a_reply_is_remembered_with_the_mail_that_opened_its_case() -> None:
    past = CaseHistory()
    for event in (opened("a", 7), appended("b", 7), appended("c", 3)):
        past.note(event)
    assert [past.of(key) for key in "abcd"] == [
        PriorCase(7, "a"),
        PriorCase(7, "a"),
        PriorCase(3, None),
        None,
    ]
    assert (past.highest, past.openings) == (7, 1)


def test_a_number_given_twice_stays_apart_by_the_mails_that_opened_its_cases() -> None:
    """As after a restore: another mail opened case 7, which now belongs to someone else."""
    past = CaseHistory()
    for event in (opened("a", 7), appended("b", 7), opened("x", 7), appended("y", 7)):
        past.note(event)
    assert [past.of(key) for key in "aby"] == [
        PriorCase(7, "a"),
        PriorCase(7, "a"),
        PriorCase(7, "x"),
    ]


def test_a_reply_reported_before_its_case_belongs_to_the_mail_that_opened_it() -> None:
    """Otherwise a number assigned twice after a restore would lead the reply into a stranger's
    case.
    """
    past = CaseHistory()
    for event in (appended("b", 7), opened("a", 7), opened("x", 7), appended("y", 7)):
        past.note(event)
    assert [past.of(key) for key in "by"] == [PriorCase(7, "a"), PriorCase(7, "x")]


def test_the_last_report_about_a_mail_counts() -> None:
    past = CaseHistory()
    parked = MailParked(mail_key="a", process="p", mailbox="p", at=NOW, reason="spam")
    past.note(parked)
    past.note(opened("a", 1))
    assert past.of("a") == PriorCase(1, "a")
    past.note(parked)
    assert past.of("a") is None


def test_if_the_opening_mail_moved_away_the_others_follow_the_number() -> None:
    past = CaseHistory()
    moved = CaseMoved(mail_key="a", process="p", mailbox="p", at=NOW, case=2, was=7)
    for event in (
        opened("z", 2),
        opened("a", 7),
        appended("b", 7),
        moved,
        appended("c", 7),
        opened("x", 7),
    ):
        past.note(event)
    assert [past.of(key) for key in "abc"] == [
        PriorCase(2, "z"),
        PriorCase(7, None),
        PriorCase(7, None),
    ]


def test_what_the_database_knows_is_forgotten_and_its_number_is_not() -> None:
    past = CaseHistory()
    past.note(opened("a", 7))
    past.forget(["a", "unheard-of"])
    past.note(appended("b", 7))
    assert (past.of("a"), past.of("b"), past.highest, past.openings) == (
        None,
        PriorCase(7, "a"),
        7,
        0,
    )
