"""How a batch is split into transactions."""

from datetime import UTC, datetime

from schemas.cases import Decision, OpenCase
from schemas.mails import BlobRef, RawMail
from services.case_writer.batch import (
    GROUP_BYTES,
    REFERENCED_MAIL_BYTES,
    ReceivedCommand,
    groups,
)

NOW = datetime(2026, 11, 30, tzinfo=UTC)
FOUR_MB = 4_000_000


def received(size: int, *, referenced: bool = False) -> ReceivedCommand:
    mail = RawMail(
        key="k",
        process="invoices",
        mailbox="invoices",
        size=size,
        fetched_at=NOW,
        raw=None if referenced else b"raw",
        blob=BlobRef(sha256="0" * 64, size=size) if referenced else None,
    )
    return ReceivedCommand(OpenCase(mail=mail, decision=Decision(rule="new-case")), False)


def sizes(*commands: ReceivedCommand) -> list[int]:
    return [len(group) for group in groups(commands)]


def test_a_transaction_has_a_limit_in_bytes() -> None:
    half = received(GROUP_BYTES // 2)
    assert sizes(half, half, half) == [2, 1]
    assert sizes(half, received(GROUP_BYTES), half) == [1, 1, 1]
    assert sizes() == []


def test_large_mails_share_a_transaction_because_only_their_texts_are_in_memory() -> None:
    large = received(FOUR_MB, referenced=True)
    together = GROUP_BYTES // REFERENCED_MAIL_BYTES
    assert sizes(*[large] * (2 * together + 1)) == [together, together, 1]
