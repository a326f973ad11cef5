"""Which parked mails a filter selects, and which of them can be retried."""

from datetime import UTC, datetime

import pytest

from schemas.cases import Decision
from schemas.stored import Mail
from services.casework.parked import ParkedFilter, why_not_retryable

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


def mail(reason: str, raw: str | None) -> Mail:
    return Mail(
        id="a" * 64,
        mailbox="invoices",
        process="invoices",
        outcome="parked",
        case=None,
        reason=reason,
        decision=Decision(rule=reason),
        deliveries=1,
        raw=raw,
        received_at=NOW,
        recorded_at=NOW,
        written_by="attempt",
    )


def test_a_filter_selects_parked_mails_unless_ignored_ones_are_requested() -> None:
    assert ParkedFilter().query() == {"outcome": "parked"}
    assert ParkedFilter(ignored=True).query() == {"outcome": "ignored"}


def test_every_criterion_of_a_filter_is_in_the_query() -> None:
    assert ParkedFilter("spam", "invoices", NOW).query() == {
        "outcome": "parked",
        "reason": "spam",
        "process": "invoices",
        "recorded_at": {"$lt": NOW},
    }


@pytest.mark.parametrize(
    ("reason", "raw", "refusal"),
    [
        ("spam", "blob", None),
        ("mail-too-large", "blob", "raise limits.max_mail_bytes"),
        ("content-missing", None, "replay it"),
    ],
)
def test_a_mail_without_its_whole_content_cannot_be_retried(
    reason: str, raw: str | None, refusal: str | None
) -> None:
    found = why_not_retryable(mail(reason, raw))
    assert (found is None) == (refusal is None)
    assert (refusal or "") in (found or "")
