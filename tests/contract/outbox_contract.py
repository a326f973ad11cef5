"""The contract of the port `Outbox`, which the adapter and the fake both pass.

A subclass provides the fixtures `outbox`, which is empty, `put`, which stores mails, and `stored`,
which reads one by its id.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from schemas.stored import OutgoingMail
from services.runtime.store.errors import ConflictError
from services.sender.ports import Addressed, Backlog, Ending, Outbox, Share
from services.sender.rate_limits import SendingHistory
from tests.unit.sender.builders import NOW, outgoing

Put = Callable[[list[OutgoingMail]], Awaitable[None]]
Stored = Callable[[str], Awaitable[OutgoingMail]]

LATER = NOW + timedelta(seconds=60)
MUCH_LATER = NOW + timedelta(seconds=120)


def pending(number: int, **more: Any) -> OutgoingMail:
    fields: dict[str, Any] = {"id": f"ack {number}", "case": number, "state": "pending"}
    fields |= {"attempts": 0, "message_id": f"<{number}@office.example>"}
    return outgoing(**(fields | more))


class OutboxContract:
    async def test_unfinished_mails_are_due_the_longest_due_first(
        self, outbox: Outbox, put: Put
    ) -> None:
        newer = pending(1, due_at=NOW)
        older = pending(2, due_at=NOW - timedelta(seconds=5))
        abandoned = pending(3, due_at=NOW - timedelta(seconds=9), state="claimed", claimed_by="x")
        await put([newer, older, abandoned, pending(4, due_at=LATER), pending(5, state="sent")])
        assert await outbox.due(NOW, 10) == ["ack 3", "ack 2", "ack 1"]
        assert await outbox.due(NOW, 2) == ["ack 3", "ack 2"]

    async def test_a_share_selects_by_process_kind_and_age(self, outbox: Outbox, put: Put) -> None:
        answer = pending(2, id="answer 2", kind="answer", due_at=NOW - timedelta(seconds=5))
        old = pending(3, process="orders", created_at=NOW - timedelta(days=9))
        await put([pending(1), answer, old])
        assert await outbox.due(NOW, 10, Share(("invoices",))) == ["answer 2", "ack 1"]
        assert await outbox.due(NOW, 10, Share(("invoices",), others=True)) == ["ack 3"]
        assert await outbox.due(NOW, 10, Share(())) == []
        assert await outbox.due(NOW, 10, Share(("invoices",), answers=True)) == ["answer 2"]
        assert await outbox.due(NOW, 10, Share(("invoices",), answers=False)) == ["ack 1"]
        expired = Share(("orders", "invoices"), created_before=NOW - timedelta(days=1))
        assert await outbox.due(NOW, 10, expired) == ["ack 3"]

    async def test_unfinished_mails_are_looked_up_once_each_in_order(
        self, outbox: Outbox, put: Put
    ) -> None:
        await put([pending(1), pending(2, kind="answer"), pending(3, state="sent")])
        found = await outbox.addressed(["ack 2", "ack 9", "ack 1", "ack 3", "ack 2"])
        assert found == [
            Addressed("ack 2", "invoices", is_answer=True),
            Addressed("ack 1", "invoices", is_answer=False),
        ]

    async def test_one_attempt_at_a_time_has_a_mail(self, outbox: Outbox, put: Put) -> None:
        await put([pending(1)])
        claimed = await outbox.claim("ack 1", "first", NOW, LATER)
        assert claimed is not None
        assert (claimed.state, claimed.attempts, claimed.due_at) == ("claimed", 1, LATER)
        assert await outbox.claim("ack 1", "second", NOW, LATER) is None
        assert await outbox.due(NOW, 10) == []

    async def test_a_mail_that_is_missing_or_not_due_is_not_claimed(
        self, outbox: Outbox, put: Put
    ) -> None:
        await put([pending(1, due_at=LATER), pending(2, state="sent")])
        for mail_id in ("ack 1", "ack 2", "ack 9"):
            assert await outbox.claim(mail_id, "first", NOW, LATER) is None

    async def test_a_lost_claim_changes_nothing(
        self, outbox: Outbox, put: Put, stored: Stored
    ) -> None:
        await put([pending(1)])
        lost = await outbox.claim("ack 1", "first", NOW, LATER)
        assert lost is not None
        assert await outbox.claim("ack 1", "second", LATER, MUCH_LATER) is not None
        before = await stored("ack 1")
        assert not await outbox.extend("ack 1", "first", MUCH_LATER)
        assert not await outbox.store_text("ack 1", "first", "other", "words")
        assert not await outbox.release(lost, "first")
        assert not await outbox.end(lost, "first", Ending("sent", LATER))
        assert await stored("ack 1") == before

    async def test_a_claim_extends_stores_text_and_releases(
        self, outbox: Outbox, put: Put, stored: Stored
    ) -> None:
        await put([pending(1, subject=None, text=None)])
        claimed = await outbox.claim("ack 1", "first", NOW, LATER)
        assert claimed is not None
        assert await outbox.extend("ack 1", "first", MUCH_LATER)
        assert (await stored("ack 1")).due_at == MUCH_LATER
        assert await outbox.store_text("ack 1", "first", "subject", "text")
        changed = outgoing_after_attempt(claimed)
        assert await outbox.release(changed, "first")
        released = await stored("ack 1")
        assert (released.state, released.claimed_by, released.due_at) == ("pending", None, LATER)
        assert (released.subject, released.text) == ("subject", "text")
        assert (released.remaining, released.refused) == ([], ["anna@customer.example: 550 no"])
        assert (released.failure, released.attempts) == ("451 later", 0)

    async def test_an_ended_mail_is_finished(
        self, outbox: Outbox, put: Put, stored: Stored
    ) -> None:
        await put([pending(1)])
        claimed = await outbox.claim("ack 1", "first", NOW, LATER)
        assert claimed is not None
        ending = Ending("refused", LATER, "550 no")
        assert await outbox.end(outgoing_after_attempt(claimed), "first", ending)
        ended = await stored("ack 1")
        assert (ended.state, ended.ended_at, ended.failure) == ("refused", LATER, "550 no")
        assert (ended.remaining, ended.refused) == ([], ["anna@customer.example: 550 no"])
        assert await outbox.due(MUCH_LATER, 10) == []
        assert not await outbox.end(claimed, "first", ending)

    async def test_histories_are_empty_until_they_are_written(self, outbox: Outbox) -> None:
        assert await outbox.histories(["all"]) == {"all": SendingHistory()}
        await outbox.count({"all": SendingHistory((NOW,), LATER)}, NOW, None)
        assert await outbox.histories(["all"]) == {"all": SendingHistory((NOW,), LATER, 1)}

    async def test_counting_marks_the_mail(self, outbox: Outbox, put: Put, stored: Stored) -> None:
        await put([pending(1)])
        await outbox.claim("ack 1", "first", NOW, LATER)
        await outbox.count({"all": SendingHistory((NOW,))}, NOW, ("ack 1", "first"))
        assert (await stored("ack 1")).counted_at == NOW

    async def test_of_two_senders_that_count_at_once_one_has_a_conflict(
        self, outbox: Outbox
    ) -> None:
        for _ in range(2):
            before = await outbox.histories(["all"])
            await outbox.count(before, NOW, None)
            with pytest.raises(ConflictError):
                await outbox.count(before, NOW, None)

    async def test_the_backlog_is_what_is_unfinished(self, outbox: Outbox, put: Put) -> None:
        assert await outbox.backlog() == Backlog(0, None)
        older = NOW - timedelta(hours=1)
        sent = pending(3, created_at=older - timedelta(hours=1), state="sent")
        await put([pending(1), pending(2, created_at=older, state="claimed", due_at=LATER), sent])
        assert await outbox.backlog() == Backlog(2, older)

    async def test_the_majority_is_proven_without_an_outage(self, outbox: Outbox) -> None:
        await outbox.prove_majority()


def outgoing_after_attempt(claimed: OutgoingMail) -> OutgoingMail:
    changes: dict[str, Any] = {
        "due_at": LATER,
        "remaining": [],
        "refused": ["anna@customer.example: 550 no"],
        "failure": "451 later",
        "attempts": 0,
    }
    return OutgoingMail(
        **({name: getattr(claimed, name) for name in claimed.__struct_fields__} | changes)
    )
