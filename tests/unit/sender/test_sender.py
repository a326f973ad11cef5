"""The sender's steps with a fake outbox: what it records, whatever happens in between."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas.reasons import SendProblem
from schemas.stored import Attachment, OutgoingMail
from services.runtime.errors import PermanentError, TransientError
from services.runtime.process.health import Health
from services.runtime.process.lifecycle import Stop
from services.runtime.settings import Settings
from services.runtime.store.errors import ConflictError, TakenError
from services.sender.circuits import Circuit
from services.sender.clock import SharedClock
from services.sender.ports import DeliveryResult
from services.sender.rate_limits import EVERYONE, SendingHistory
from services.sender.scheduler import Scheduler
from services.sender.service import Sender
from services.sender.templates import Templates
from tests.unit.sender.builders import NOW, outgoing, settings
from tests.unit.sender.fakes import FakeOutbox, FakeTransport

ANNA = "anna@customer.example"


class NoFiles:
    async def get(self, sha256: str) -> bytes:
        raise PermanentError(f"no blob {sha256}")


@dataclass
class Bench:
    outbox: FakeOutbox
    transport: FakeTransport
    settings: Settings
    now: datetime = NOW
    stop: Stop = field(default_factory=Stop)

    @property
    def sender(self) -> Sender:
        transports = {"relay": self.transport}
        templates = Templates(self.settings)
        options: dict[str, Any] = {"stop": self.stop, "clock": lambda: self.now, "claim_s": 60.0}
        return Sender(self.outbox, NoFiles(), transports, templates, self.settings, **options)

    def put(self, **more: Any) -> None:
        mail = outgoing(**({"state": "pending", "attempts": 0} | more))
        self.outbox.mails[mail.id] = mail

    @property
    def mail(self) -> OutgoingMail:
        [mail] = self.outbox.mails.values()
        return mail

    async def deliver(self) -> OutgoingMail:
        await self.sender.deliver(self.mail.id)
        return self.mail


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(FakeOutbox(), FakeTransport(), settings(tmp_path))


def again(recipients: Sequence[str]) -> DeliveryResult:
    return DeliveryResult(deferred=dict.fromkeys(recipients, "451 later"))


async def test_the_text_is_stored_before_the_first_attempt_and_stays(
    bench: Bench, tmp_path: Path
) -> None:
    bench.put(subject=None, text=None)
    bench.transport.answer = again
    first = await bench.deliver()
    assert (first.subject, first.state, first.attempts) == ("Case [#235] was opened", "pending", 1)
    assert first.due_at == NOW + timedelta(seconds=30)
    (other := tmp_path / "other").mkdir()
    bench.settings = settings(other, ("enabled = true", "enabled = true\nlanguage = 'de'"))
    bench.now = first.due_at
    await bench.deliver()
    assert bench.transport.messages[0] == bench.transport.messages[1]


async def test_a_mail_that_is_not_due_or_is_someone_else_s_is_left_alone(bench: Bench) -> None:
    bench.put(due_at=NOW + timedelta(seconds=1))
    assert (await bench.deliver()).attempts == 0
    bench.put(state="claimed", claimed_by="another", due_at=NOW + timedelta(seconds=1))
    assert (await bench.deliver()).claimed_by == "another"
    assert bench.transport.messages == []


async def test_an_outage_between_the_server_s_word_and_ours_is_waited_for(bench: Bench) -> None:
    bench.put()
    bench.outbox.known = {EVERYONE: SendingHistory()}
    bench.transport.answer = lambda recipients: _failing_then(bench, recipients)
    mail = await bench.deliver()
    assert (mail.state, len(bench.transport.messages)) == ("sent", 1)
    [ending] = bench.outbox.endings
    assert ending.comment is not None
    assert (ending.comment.kind, ending.comment.sent_at, ending.comment.flags) == (
        "sent",
        NOW,
        ["automatic"],
    )


def _failing_then(bench: Bench, recipients: Sequence[str]) -> DeliveryResult:
    bench.outbox.failures = [
        TransientError("no primary"),
        ConflictError("busy"),
        TransientError("no primary"),
    ]
    return DeliveryResult(list(recipients))


async def test_a_service_that_ends_during_an_outage_leaves_the_mail_to_another(
    bench: Bench,
) -> None:
    bench.put()

    def taken(recipients: Sequence[str]) -> DeliveryResult:
        bench.outbox.failures = [TransientError("no primary")] * 3
        bench.stop.request()
        return DeliveryResult(list(recipients))

    bench.transport.answer = taken
    with pytest.raises(TransientError, match="no primary"):
        await bench.deliver()
    assert bench.mail.state == "claimed"
    bench.outbox.failures = []
    bench.now = bench.mail.due_at
    bench.stop = Stop()
    bench.transport.answer = DeliveryResult
    assert (await bench.deliver()).state == "sent"
    assert bench.transport.messages[0] == bench.transport.messages[1]


@pytest.mark.parametrize(
    "failures",
    [
        [PermanentError("the document is too large")],
        [ZeroDivisionError()],
        [TakenError("a comment is there")] * 5,
    ],
)
async def test_a_mail_whose_comment_cannot_be_written_does_not_go_out_again(
    bench: Bench, failures: list[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.runtime.store.contention.TAKEN_PATIENCE_S", 0.0)
    bench.put()

    def taken(recipients: Sequence[str]) -> DeliveryResult:
        bench.outbox.failures = list(failures)
        return DeliveryResult(list(recipients))

    bench.transport.answer = taken
    assert (await bench.deliver()).state == "sent"
    assert [ending.comment for ending in bench.outbox.endings] == [None]


async def test_a_mail_whose_comment_cannot_even_be_made_does_not_go_out_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.sender.service.comment_of", lambda *_, **__: 1 / 0)
    bench.put()
    assert (await bench.deliver()).state == "sent"
    assert [ending.comment for ending in bench.outbox.endings] == [None]


async def test_a_mail_on_which_our_code_fails_is_retried_and_given_up_in_time(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.sender.service.compose", lambda *_: 1 / 0)
    bench.put(counted_at=NOW)
    first = await bench.deliver()
    assert (first.state, first.due_at) == ("pending", NOW + timedelta(seconds=30))
    bench.now = NOW + timedelta(days=9)
    last = await bench.deliver()
    assert (last.state, last.failure) == (
        "given-up",
        f"{ANNA}: internal error: ZeroDivisionError",
    )


async def test_a_claim_that_expired_before_the_text_was_stored_sends_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.put(subject=None, text=None)

    async def lost(*_args: object) -> bool:
        return False

    monkeypatch.setattr(bench.outbox, "store_text", lost)
    assert (await bench.deliver()).state == "claimed"
    assert bench.transport.messages == []


ENDS: list[tuple[DeliveryResult, str, str | None]] = [
    (DeliveryResult([ANNA]), "sent", None),
    (DeliveryResult(rejected={ANNA: "550 no"}), "refused", f"{ANNA}: 550 no"),
    (DeliveryResult(deferred={ANNA: "451 later"}), "given-up", f"{ANNA}: 451 later"),
]


@pytest.mark.parametrize(("handed", "state", "failure"), ENDS)
async def test_how_a_mail_ends_when_its_time_is_over(
    bench: Bench, handed: DeliveryResult, state: str, failure: str | None
) -> None:
    bench.put(counted_at=NOW, created_at=NOW - timedelta(days=2))
    bench.transport.answer = lambda _recipients: handed
    mail = await bench.deliver()
    assert (mail.state, mail.failure) == (state, failure)
    comment = bench.outbox.endings[0].comment
    assert comment is not None
    assert (comment.failure, "undeliverable" in comment.flags) == (failure, failure is not None)


async def test_a_mail_accepted_for_someone_is_sent_although_others_are_given_up(
    bench: Bench,
) -> None:
    both = [ANNA, "jan@supplier.example"]
    bench.put(counted_at=NOW, created_at=NOW - timedelta(days=2), to=both, remaining=both[1:])
    bench.transport.answer = again
    mail = await bench.deliver()
    assert (mail.state, mail.failure) == ("sent", "jan@supplier.example: 451 later")
    assert bench.transport.recipients == [both[1:]]


async def test_a_process_without_a_server_waits_for_its_settings(bench: Bench) -> None:
    bench.put(process="gone")
    mail = await bench.deliver()
    assert (mail.state, mail.failure) == ("pending", f"{ANNA}: {SendProblem.NO_SERVER}")


async def test_a_mail_that_cannot_be_composed_is_refused(bench: Bench) -> None:
    file = Attachment(
        name="a", content_type="a/b", size=1, sha256="x", inline=False, content_id=None, blob="gone"
    )
    bench.put(attachments=[file])
    mail = await bench.deliver()
    assert (mail.state, mail.failure) == (
        "refused",
        f"{ANNA}: the mail cannot be composed: one of its files is missing",
    )


async def test_a_mail_over_the_limit_of_size_is_refused(bench: Bench, tmp_path: Path) -> None:
    bench.settings = settings(tmp_path, more="[sender]\nmax_mail_bytes = 65536\n")
    bench.put(text="long " * 20_000)
    mail = await bench.deliver()
    assert mail.state == "refused"
    assert "larger than sender.max_mail_bytes allows" in (mail.failure or "")


async def test_another_sender_that_counted_first_is_no_hindrance(bench: Bench) -> None:
    bench.put()
    bench.outbox.failures = [ConflictError("another was first")] * 3
    assert (await bench.deliver()).state == "sent"


async def test_an_attempt_counts_towards_the_limits_once(bench: Bench) -> None:
    bench.put()
    bench.transport.answer = again
    first = await bench.deliver()
    assert first.counted_at == NOW
    bench.now = first.due_at
    await bench.deliver()
    assert len(bench.outbox.known[EVERYONE].times) == 1


async def test_a_hold_by_the_rate_limit_is_no_attempt(bench: Bench) -> None:
    bench.put()
    for _ in range(3):
        bench.outbox.known = {EVERYONE: SendingHistory(held_until=bench.now + timedelta(minutes=5))}
        held = await bench.deliver()
        assert (held.state, held.failure, held.attempts) == ("pending", SendProblem.HELD, 0)
        bench.now = held.due_at
    bench.transport.answer = again
    refused = await bench.deliver()
    assert (refused.failure, refused.attempts) == (f"{ANNA}: 451 later", 1)
    assert refused.due_at == bench.now + timedelta(seconds=30)


async def test_a_claim_is_extended_while_the_server_takes_its_time(bench: Bench) -> None:
    bench.put()

    class Slow(FakeTransport):
        async def send(
            self, sender: str, recipients: Sequence[str], message: bytes
        ) -> DeliveryResult:
            await asyncio.wait_for(bench.outbox.extended.wait(), 60)
            return DeliveryResult(list(recipients))

    bench.transport = Slow()
    options: dict[str, Any] = {"stop": bench.stop, "clock": lambda: NOW, "claim_s": 0.03}
    templates = Templates(bench.settings)
    sender = Sender(
        bench.outbox, NoFiles(), {"relay": bench.transport}, templates, bench.settings, **options
    )
    await sender.deliver(bench.mail.id)
    assert bench.mail.state == "sent"


def scheduler_of(bench: Bench, clock: SharedClock) -> Scheduler:
    circuits = {"relay": Circuit("relay")}
    return Scheduler(
        bench.sender,
        bench.outbox,
        clock,
        circuits,
        bench.settings,
        health=Health("store"),
        stop=bench.stop,
    )


async def test_a_mail_on_which_our_code_fails_delays_no_other(bench: Bench, tmp_path: Path) -> None:
    reached = asyncio.Event()

    class Odd(FakeTransport):
        async def send(
            self, sender: str, recipients: Sequence[str], message: bytes
        ) -> DeliveryResult:
            if recipients[0] == "odd@x.example":
                raise ZeroDivisionError
            reached.set()
            return DeliveryResult(list(recipients))

    bench.transport = Odd()
    for number, name in enumerate(["odd", "even"]):
        to = [f"{name}@x.example"]
        bench.put(id=f"ack {number}", to=to, remaining=to)
    clock = SharedClock()
    clock.report(NOW)
    scheduler = scheduler_of(bench, clock)
    await scheduler.wake([*bench.outbox.mails, "ack 7"])
    sweeping = asyncio.ensure_future(scheduler.sweep_until_stop(60.0))
    await asyncio.wait_for(reached.wait(), 60)
    bench.stop.request()
    await sweeping  # what is in hand is finished
    assert bench.outbox.mails["ack 1"].state == "sent"
    assert bench.outbox.mails["ack 0"].state == "pending"


async def test_nothing_is_claimed_before_the_databases_time_is_known(bench: Bench) -> None:
    bench.put()
    scheduler = scheduler_of(bench, SharedClock())
    await scheduler.wake([bench.mail.id])
    bench.stop.request()
    await scheduler.sweep_until_stop(60.0)
    assert bench.mail.state == "pending"


@pytest.mark.parametrize(
    ("reported", "seems"),
    [([0], 0), ([0, 60], 60), ([60, 0], 0), ([0, -0.5], 0)],
    ids=["once", "ahead", "set back", "a late answer"],
)
def test_senders_use_the_databases_time(reported: list[float], seems: float) -> None:
    clock = SharedClock()
    for seconds in reported:
        clock.report(NOW + timedelta(seconds=seconds))
    assert timedelta(0) <= clock() - (NOW + timedelta(seconds=seems)) < timedelta(seconds=0.4)


async def test_a_mail_behind_a_server_that_is_down_is_given_up_in_its_time_without_an_attempt(
    bench: Bench,
) -> None:
    bench.put(kind="answer", auto_submitted=None)
    bench.now = NOW + timedelta(seconds=bench.settings.sender.give_up_after_s)
    await bench.sender.deliver(bench.mail.id, "connection refused")
    assert (bench.mail.state, bench.transport.messages) == ("given-up", [])
    assert "connection refused" in (bench.mail.failure or "")
