"""What an audit finds, without a database."""

from typing import Any

import pytest

from services.cli.audit.findings import gaps, of_case, of_gap, of_mail, of_thread


@pytest.mark.parametrize(
    ("numbers", "last", "found"),
    [
        ([], 0, []),
        ([], 3, [(1, 3)]),
        ([1, 2, 3], 3, []),
        ([2, 3, 6], 7, [(1, 1), (4, 5), (7, 7)]),
        ([1, 2, 9], 8, [(3, 8)]),
    ],
)
def test_numbers_without_a_case_are_found_as_ranges(
    numbers: list[int], last: int, found: list[tuple[int, int]]
) -> None:
    assert list(gaps(numbers, last)) == found


def test_numbers_skipped_after_a_restore_are_not_a_fault() -> None:
    raised = [{"after": 10, "to": 20}]
    assert of_gap(11, 20, raised).harmless
    assert not of_gap(10, 20, raised).harmless
    assert not of_gap(15, 15, []).harmless


def mail(**more: Any) -> dict[str, Any]:
    return {"_id": "m", "outcome": "opened", "case": 1, "reason": None, "raw": None, **more}


@pytest.mark.parametrize(
    ("stored", "comment", "checks"),
    [
        (mail(), {"case": 1}, []),
        (mail(), None, ["mail-without-comment"]),
        (mail(outcome="appended"), {"case": 2}, ["mail-in-two-cases"]),
        (mail(outcome="parked", case=None, raw="b"), None, []),
        (mail(outcome="ignored", case=None), None, ["aside-mail-without-content"]),
        (mail(outcome="parked", case=None, raw="b"), {"case": 2}, ["comment-of-aside-mail"]),
    ],
)
def test_a_mail_has_what_belongs_to_its_outcome(
    stored: Any, comment: Any, checks: list[str]
) -> None:
    assert [finding.check for finding in of_mail(stored, comment)] == checks


def test_a_case_counts_what_it_has_and_was_opened_once() -> None:
    case = {"_id": 1, "comment_count": 2, "attachment_count": 1}
    assert list(of_case(case, 2, 1, 2, 1)) == []
    assert list(of_case(case, 2, 1, 0, 0)) == []  # its last mail was moved away; notes are left
    found = [finding.check for finding in of_case(case, 3, 0, 2, 2)]
    assert found == ["comment-count", "attachment-count", "case-openers"]


def test_a_thread_leads_to_the_case_of_the_mail_that_claimed_it() -> None:
    thread = {"_id": "p <1@x.example>", "case": 1, "claimed_by": "m"}
    assert list(of_thread(thread, {"m": 1})) == []
    assert list(of_thread(thread | {"claimed_by": None}, {})) == []
    assert [finding.check for finding in of_thread(thread, {"m": 2})] == ["thread-in-another-case"]
    assert [finding.check for finding in of_thread(thread, {})] == ["thread-of-no-mail"]
