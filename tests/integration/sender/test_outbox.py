"""The outbox on a real replica set: one sender at a time has a mail, and limits hold across
senders.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from deploy.local import PrivateServers
from schemas.stored import OutgoingMail, to_document
from services.runtime.process.lifecycle import Stop
from services.runtime.settings import Settings
from services.runtime.store.blobs import Blobs
from services.runtime.store.mongo import Store
from services.sender.clock import SharedClock
from services.sender.outbox import MongoOutbox
from services.sender.ports import DeliveryResult
from services.sender.service import Sender
from services.sender.templates import Templates
from tests.contract.outbox_contract import OutboxContract, Put, Stored
from tests.unit.sender.builders import outgoing, settings


class CountingTransport:
    """Implements the port `Transport`: accepts everything, after a moment."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, bytes]] = []

    async def send(self, sender: str, recipients: Sequence[str], message: bytes) -> DeliveryResult:
        await asyncio.sleep(0)
        self.taken += [(recipient, message) for recipient in recipients]
        return DeliveryResult(list(recipients))


@pytest.fixture
async def store(servers: PrivateServers) -> AsyncIterator[Store]:
    """A database that only this test uses."""
    async with Store.opened(servers.store.url, f"test_{uuid.uuid4().hex[:12]}") as store:
        await MongoOutbox(store).ensure_indexes()
        yield store


class TestMongoOutbox(OutboxContract):
    @pytest.fixture
    def outbox(self, store: Store) -> MongoOutbox:
        return MongoOutbox(store)

    @pytest.fixture
    def put(self, store: Store) -> Put:
        async def put(mails: list[OutgoingMail]) -> None:
            await written(store, mails)

        return put

    @pytest.fixture
    def stored(self, store: Store) -> Stored:
        async def stored(mail_id: str) -> OutgoingMail:
            return (await read(store))[mail_id]

        return stored


def sender(store: Store, transport: CountingTransport, chosen: Settings, **more: Any) -> Sender:
    transports = {"relay": transport}
    return Sender(
        MongoOutbox(store), Blobs(store), transports, Templates(chosen), chosen, stop=Stop(), **more
    )


def pending(number: int, **more: Any) -> OutgoingMail:
    now = datetime.now(UTC)
    fields: dict[str, Any] = {
        "id": f"ack {number}",
        "case": number,
        "state": "pending",
        "attempts": 0,
    }
    fields |= {"message_id": f"<{number}@office.example>", "created_at": now, "due_at": now}
    return outgoing(**(fields | {"to": (to := [f"c{number}@x.example"]), "remaining": to} | more))


async def test_a_sender_whose_clock_is_behind_claims_by_the_databases_time(store: Store) -> None:
    """By its own clock, the claim would have expired for all others before it began."""
    outbox, clock = MongoOutbox(store), SharedClock()
    clock.report(datetime.now(UTC) - timedelta(minutes=10))
    clock.report(await outbox.now())
    await written(store, [pending(1)])
    assert (
        await outbox.claim("ack 1", "slow clock", clock(), clock() + timedelta(seconds=60))
        is not None
    )
    assert await outbox.due(datetime.now(UTC), 10) == []


async def written(store: Store, mails: Sequence[OutgoingMail]) -> None:
    await store.collection("outbox").insert([to_document(mail) for mail in mails])


async def read(store: Store) -> dict[str, OutgoingMail]:
    return {
        document["_id"]: msgspec.convert(document, OutgoingMail)
        for document in await store.collection("outbox").find({})
    }


async def test_many_senders_at_once_send_each_mail_once(store: Store, tmp_path: Path) -> None:
    chosen, transport = settings(tmp_path), CountingTransport()
    mails = [pending(number) for number in range(1, 21)]
    await written(store, mails)
    senders = [sender(store, transport, chosen) for _ in range(4)]
    await asyncio.gather(*(sender.deliver(mail.id) for sender in senders for mail in mails))
    assert sorted(recipient for recipient, _ in transport.taken) == sorted(
        mail.to[0] for mail in mails
    )
    assert {delivery.state for delivery in (await read(store)).values()} == {"sent"}
    assert len(await store.collection("comments").find({})) == 20


async def test_after_a_claim_expired_only_the_next_sender_counts(
    store: Store, tmp_path: Path
) -> None:
    outbox, now = MongoOutbox(store), datetime.now(UTC)
    await written(store, [pending(1)])
    later = now + timedelta(seconds=60)
    claimed = await outbox.claim("ack 1", "first", later, later + timedelta(seconds=1))
    assert claimed is not None
    assert await outbox.claim("ack 1", "second", later, later + timedelta(seconds=60)) is None
    assert await outbox.due(later, 10) == []
    after = later + timedelta(seconds=2)
    assert await outbox.due(after, 10) == ["ack 1"]
    taken_over = await outbox.claim("ack 1", "second", after, after + timedelta(seconds=60))
    assert taken_over is not None
    assert taken_over.attempts == 2
    assert not await outbox.release(claimed, "first")
    assert not await outbox.extend("ack 1", "first", after)
    assert (await read(store))["ack 1"].claimed_by == "second"


async def test_a_customer_who_answers_before_we_wrote_it_down_finds_the_same_case(
    store: Store, tmp_path: Path
) -> None:
    """The customer's mail reserved the id of our mail, in the case that it joined."""
    await written(store, [mail := pending(1)])
    thread = {"_id": f"invoices {mail.message_id}", "case": 1, "claimed_by": None}
    await store.collection("threads").insert([thread])
    await sender(store, CountingTransport(), settings(tmp_path)).deliver(mail.id)
    assert await store.collection("threads").find({}) == [thread | {"claimed_by": "ack 1"}]


async def test_a_delivery_report_that_is_quicker_than_our_word_marks_the_comment(
    store: Store, tmp_path: Path
) -> None:
    class Bouncing(CountingTransport):
        async def send(
            self, sender: str, recipients: Sequence[str], message: bytes
        ) -> DeliveryResult:
            await store.collection("outbox").update(
                {"_id": "ack 1"}, {"$set": {"bounced_by": "1e" * 32}}
            )
            return await super().send(sender, recipients, message)

    await written(store, [pending(1)])
    await sender(store, Bouncing(), settings(tmp_path)).deliver("ack 1")
    [comment] = await store.collection("comments").find({})
    assert comment["flags"] == ["automatic", "undeliverable"]
    assert comment["failure"] == f"a delivery report came, see comment {'1e' * 32}"


async def test_the_breaker_stops_automatic_mail_across_senders(
    store: Store, tmp_path: Path
) -> None:
    limits = "[sender]\nmax_automatic_mails_per_minute = 6\nbreaker_pause_s = 600\n"
    chosen, transport = settings(tmp_path, more=limits), CountingTransport()
    mails = [pending(number) for number in range(1, 21)]
    person = pending(21, id="answer 21", kind="answer", auto_submitted=None)
    await written(store, [*mails, person])
    senders = [sender(store, transport, chosen) for _ in range(3)]
    work = [senders[number % 3].deliver(mail.id) for number, mail in enumerate([*mails, person])]
    await asyncio.gather(*work)
    found = await read(store)
    states = [found[mail.id].state for mail in mails]
    assert (states.count("sent"), states.count("pending")) == (6, 14)
    assert found["answer 21"].state == "sent"  # what a person writes is not held
    assert len(transport.taken) == 7
    everyone = (await MongoOutbox(store).histories(["all"]))["all"]
    assert everyone.held_until is not None
    held = [item for item in found.values() if item.state == "pending"]
    assert {mail.due_at for mail in held} == {everyone.held_until}
    senders = [
        sender(store, transport, chosen, clock=lambda: datetime.now(UTC) + timedelta(seconds=601))
    ]
    await asyncio.gather(*(senders[0].deliver(mail.id) for mail in held[:3]))
    assert len(transport.taken) == 10


async def test_five_acknowledgements_per_hour_and_address_across_senders(
    store: Store, tmp_path: Path
) -> None:
    chosen, transport = settings(tmp_path), CountingTransport()
    to = ["anna@customer.example"]
    mails = [pending(number, to=to, remaining=to) for number in range(1, 21)]
    await written(store, mails)
    senders = [sender(store, transport, chosen) for _ in range(4)]
    await asyncio.gather(
        *(senders[number % 4].deliver(mail.id) for number, mail in enumerate(mails))
    )
    assert len(transport.taken) == 5
    assert (
        sorted(delivery.state for delivery in (await read(store)).values())
        == ["sent"] * 5 + ["suppressed"] * 15
    )
