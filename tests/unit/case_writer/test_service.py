"""The case writer's use case on fakes: it waits through outages, parks only poisonous mails, and
publishes after writing.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from prometheus_client import REGISTRY

from schemas import codec
from schemas.archived_events import decode_archived_events
from schemas.cases import Command, Decision, OpenCase
from schemas.cloud_events import CloudEvent
from schemas.codec import decode_receipt, decode_replayed
from schemas.events import (
    CaseAppended,
    CaseOpened,
    MailboxLimited,
    MailIgnored,
    MailParked,
    SenderLimited,
)
from schemas.mails import BlobRef, Replay
from schemas.reasons import ParkReason
from services.case_writer import notifier, read_ahead
from services.case_writer.batch import GROUP_BYTES, ReceivedCommand
from services.case_writer.notifier import Notifier
from services.case_writer.originals import Originals
from services.case_writer.placement.plan import Plan
from services.case_writer.placement.snapshot import Snapshot, SnapshotQuery
from services.case_writer.ports import UnreadableMailError
from services.case_writer.preparation import MailPreparer
from services.case_writer.read_ahead import ReadAhead
from services.case_writer.reading import MailReading, read_mail
from services.case_writer.recording.document_builder import OpeningRules
from services.case_writer.service import CONFLICTS_TOGETHER, MAX_FAULT_ATTEMPTS, CaseWriter
from services.runtime.broker.messages import Outgoing
from services.runtime.broker.topology import EVENT
from services.runtime.errors import CommandRefusedError, PermanentError, TransientError
from services.runtime.process.health import Health
from services.runtime.process.lifecycle import Stop
from services.runtime.retry import Backoff
from services.runtime.settings.schema.processes import Rules
from services.runtime.store.errors import ConflictError
from tests.builders import DATE, STAGES, appending, ignoring, opening, parking, raw_bytes, raw_mail
from tests.fakes import FakeBlobs, FakeCases, FakeOutlet, FakePublisher, InProcessReader
from tests.writers import handle

OUTAGE = TransientError("no primary")


class Writer:
    """A case writer on fakes; waiting for the end of an outage takes no time."""

    def __init__(
        self,
        rules: Mapping[str, Rules] | None = None,
        read: Callable[[bytes], MailReading] = read_mail,
    ) -> None:
        self.cases = FakeCases()
        self.blobs = FakeBlobs()
        self.outlet = FakeOutlet()
        self.stop = Stop()
        self.health = Health("store")
        self.reader = InProcessReader(read)
        self.service = CaseWriter(
            self.cases,
            ReadAhead(MailPreparer(self.blobs, self.reader)),
            Originals(self.blobs),
            Notifier(self.outlet, FakePublisher(self.cases, self.outlet)),
            OpeningRules(STAGES),
            rules=rules,
            health=self.health,
            stop=self.stop,
            new_backoff=lambda: Backoff(0.0, 0.0),
        )

    async def handle(self, *commands: Command, redelivered: bool = False) -> list[str | None]:
        """Handle commands; returns the mail keys of the refused ones."""
        arrived = [ReceivedCommand(command, redelivered) for command in commands]
        return [error.mail_key for error in await self.handle_received(arrived)]

    async def handle_received(self, received: list[ReceivedCommand]) -> list[CommandRefusedError]:
        return await handle(self.service, received)

    @property
    def outcomes(self) -> dict[str, str]:
        return {key: mail.outcome for key, mail in self.cases.mails.items()}

    @property
    def events(self) -> list[object]:
        messages = [
            message
            for message in self.outlet.published
            if not message.routing_key.startswith("mail.recorded.")
        ]
        return [event for message in messages for event in decode_archived_events(message.body)]

    @property
    def receipts(self) -> dict[str, list[str]]:
        messages = [
            message
            for message in self.outlet.published
            if message.routing_key.startswith("mail.recorded.")
        ]
        read = [
            (message.routing_key.removeprefix("mail.recorded."), decode_receipt(message.body))
            for message in messages
        ]
        assert all(mailbox == receipt.mailbox for mailbox, receipt in read)
        return {mailbox: receipt.keys for mailbox, receipt in read}

    def poison(self, *texts: str, also_parked: bool = False) -> None:
        """Make mails with these texts fail when they are written to a case; `also_parked` fail even
        when parked.
        """

        def check(plan: Plan) -> None:
            items = [placement.mail for placement in plan.placed] + [
                mail.mail for mail in plan.unassigned if also_parked
            ]
            for item in items:
                if any(text.encode() in (item.command.mail.raw or b"") for text in texts):
                    raise PermanentError("the document is too large")

        self.cases.poison = check


@pytest.fixture
def writer() -> Writer:
    return Writer()


def routed(relay: str, **mail: Any) -> OpenCase:
    """The same mail by another route; the router does not see what it answers."""
    received = f"Received: from {relay}.example by mx.office.example; {DATE[6:]}\r\n"
    raw = received.encode() + raw_bytes(headers="Message-ID: <m@customer.example>\r\n")
    return OpenCase(mail=raw_mail(raw, **mail), decision=Decision(rule="new-case"))


def keys(commands: Iterable[Command]) -> list[str]:
    return [command.mail.key for command in commands]


class TestPublishing:
    async def test_events_go_out_before_receipts_and_receipts_by_mailbox(
        self, writer: Writer
    ) -> None:
        here: list[Command] = [opening("one"), parking("two"), ignoring("three")]
        there = opening("four", mailbox="invoices-pl")
        assert await writer.handle(*here, there) == []
        routing = [message.routing_key for message in writer.outlet.published]
        assert sorted(routing[:4]) == [
            "case.opened.invoices",
            "case.opened.invoices",
            "mail.ignored.invoices",
            "mail.parked.invoices",
        ]
        assert sorted(routing[4:]) == ["mail.recorded.invoices", "mail.recorded.invoices-pl"]
        assert writer.receipts == {"invoices": keys(here), "invoices-pl": [there.mail.key]}

    async def test_what_is_published_is_labelled_for_its_readers(self, writer: Writer) -> None:
        command = opening("one")
        await writer.handle(command)
        event, receipt = writer.outlet.published
        assert (event.exchange, event.tag, event.message_id) == (
            EVENT,
            "mailcase.case.opened.v1",
            "1.1",
        )
        assert (receipt.exchange, receipt.tag, receipt.content_type) == (
            EVENT,
            "MailsRecorded.v1",
            "application/json",
        )
        assert not event.mandatory
        assert not receipt.mandatory

    async def test_an_appended_mail_is_published_under_the_process_of_its_case(
        self, writer: Writer
    ) -> None:
        await writer.handle(opening("one", process="claims", mailbox="claims"))
        await writer.handle(appending("two", 1))
        assert writer.outlet.published[-2].routing_key == "case.appended.claims"

    async def test_nothing_is_published_before_the_batch_is_written(self, writer: Writer) -> None:
        writer.cases.fails(OUTAGE, 3)
        writer.cases.poison = lambda _plan: _assert_nothing(writer.outlet)
        await writer.handle(opening("one"), opening("two"))
        assert len(writer.events) == 2

    async def test_a_broker_that_takes_no_events_leaves_no_receipt(self, writer: Writer) -> None:
        writer.outlet.failures = [TransientError("gone")] * 2  # history, events
        with pytest.raises(TransientError):
            await writer.handle(parking("one"))
        assert writer.outlet.published == []

    async def test_a_receipt_does_not_wait_for_the_history_which_the_database_keeps(
        self, writer: Writer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        publish_all = writer.outlet.publish_all
        confirmed, receipted = asyncio.Event(), asyncio.Event()

        async def confirm_history_late(messages: list[Outgoing]) -> None:
            await publish_all(messages)
            if any(message.routing_key.startswith("case.") for message in messages):
                await confirmed.wait()
            if any(message.routing_key.startswith("mail.recorded.") for message in messages):
                receipted.set()

        monkeypatch.setattr(writer.outlet, "publish_all", confirm_history_late)
        command = opening("one")
        handling = asyncio.create_task(writer.handle(command))
        async with asyncio.timeout(5):
            await receipted.wait()
        assert writer.receipts == {"invoices": [command.mail.key]}
        assert not handling.done()
        confirmed.set()
        assert await handling == []

    async def test_a_redelivered_mail_has_its_event_published_again(self, writer: Writer) -> None:
        command = opening("one")
        writer.outlet.failures = [TransientError("died before publishing")]
        with pytest.raises(TransientError):
            await writer.handle(command)
        await writer.handle(command, redelivered=True)
        [event] = writer.events
        assert isinstance(event, CaseOpened)
        assert (event.mail_key, event.case) == (command.mail.key, 1)
        assert writer.receipts == {"invoices": [command.mail.key]}
        assert len(writer.cases.cases) == 1

    async def test_the_event_of_a_mail_that_reopened_a_case_says_so_even_if_its_writer_died(
        self, writer: Writer
    ) -> None:
        await writer.handle(opening("one"))
        writer.cases.cases[1] = replace(writer.cases.cases[1], status="closed")
        writer.outlet.failures = [TransientError("died before publishing")]
        with pytest.raises(TransientError):
            await writer.handle(appending("two", 1))
        await writer.handle(appending("two", 1), redelivered=True)
        assert isinstance(event := writer.events[-1], CaseAppended)
        assert event.reopened

    @pytest.mark.parametrize(
        ("rules", "expected"),
        [
            (Rules(max_new_cases_per_sender=1), (SenderLimited, "alert.sender-limited.invoices")),
            (
                Rules(max_new_cases_per_mailbox=1),
                (MailboxLimited, "alert.mailbox-limited.invoices"),
            ),
        ],
    )
    async def test_an_alert_is_published_even_if_its_writer_died(
        self, rules: Rules, expected: tuple[type, str]
    ) -> None:
        writer = Writer({"invoices": rules})
        await writer.handle(opening("one"))
        mails = opening("two"), opening("three")
        writer.outlet.failures = [TransientError("died before publishing")] * 2  # history, events
        with pytest.raises(TransientError):
            await writer.handle(*mails)
        await writer.handle(*mails, redelivered=True)
        kind, key = expected
        [alert] = [
            event for event in writer.events if isinstance(event, SenderLimited | MailboxLimited)
        ]
        assert (type(alert), alert.mail_key) == (kind, mails[0].mail.key)
        assert key in [message.routing_key for message in writer.outlet.published]

    async def test_a_copy_by_another_route_is_published_with_its_case_and_leaves_its_mailbox(
        self, writer: Writer
    ) -> None:
        first, copy = routed("mx1"), routed("mx2", mailbox="invoices-pl")
        await writer.handle(first)
        writer.outlet.published.clear()
        await writer.handle(copy)
        [event] = writer.events
        assert isinstance(event, MailIgnored)
        assert (event.reason, event.case, event.mail_key) == ("copy", 1, copy.mail.key)
        assert writer.receipts == {"invoices-pl": [copy.mail.key]}
        assert (len(writer.cases.cases), list(writer.cases.comments)) == (1, [first.mail.key])
        assert writer.cases.mails[copy.mail.key].raw is not None

    async def test_a_duplicate_gets_a_receipt_and_no_event(self, writer: Writer) -> None:
        command = opening("one")
        await writer.handle(command)
        writer.outlet.published.clear()
        await writer.handle(command)
        assert writer.events == []
        assert writer.receipts == {"invoices": [command.mail.key]}
        assert writer.cases.mails[command.mail.key].deliveries == 2

    async def test_a_replay_of_a_recorded_mail_is_silent(self, writer: Writer) -> None:
        await writer.handle(opening("one"))
        writer.outlet.published.clear()
        await writer.handle(opening("one", origin="replay"))
        assert writer.outlet.published == []

    async def test_a_mail_whose_content_is_gone_does_not_leave_its_mailbox(
        self, writer: Writer
    ) -> None:
        """A replay may have only a reference to it, while the mail itself is still in
        its mailbox.
        """
        more: dict[str, Any] = {"origin": "replay", "replay": Replay(run="r")}
        gone = opening("one", raw=None, blob=BlobRef(sha256="0" * 64, size=7), **more)
        writer.cases.fails_unclearly(written=True)
        assert await writer.handle(gone) == []
        assert writer.cases.mails[gone.mail.key].reason == "content-missing"
        assert await writer.handle(replace(gone, mail=replace(gone.mail, key="other"))) == []
        assert [
            sent.tag
            for sent in writer.outlet.published
            if sent.routing_key.startswith("mail.recorded")
        ] == []


class TestMeasuring:
    AGE = "mailcase_mail_arrival_to_recorded_seconds"

    async def test_the_age_counts_from_the_arrival_in_the_mailbox(self, writer: Writer) -> None:
        arrived = datetime.now(UTC) - timedelta(seconds=100)
        measured = Rise(f"{self.AGE}_sum", process="claims")
        within_a_minute = Rise(f"{self.AGE}_bucket", process="claims", le="60.0")
        within_five = Rise(f"{self.AGE}_bucket", process="claims", le="300.0")
        await writer.handle(
            opening("late", received_at=arrived, fetched_at=datetime.now(UTC), process="claims")
        )
        assert 100 <= measured.so_far < 160
        assert (within_a_minute.so_far, within_five.so_far) == (0, 1)

    async def test_only_fetched_mail_counts_for_the_objective(self, writer: Writer) -> None:
        for_the_objective = Rise(f"{self.AGE}_count", process="claims")
        all_of_it = Rise("mailcase_mail_end_to_end_seconds_count", process="claims")
        for origin in ("ingest", "retry", "replay"):
            await writer.handle(opening(origin, origin=origin, process="claims"))
        assert (for_the_objective.so_far, all_of_it.so_far) == (0, 2)

    async def test_outcomes_are_counted_with_their_reason(self, writer: Writer) -> None:
        opened = Rise(
            "mailcase_mails_recorded_total", process="claims", outcome="opened", reason=""
        )
        parked = Rise(
            "mailcase_mails_recorded_total", process="claims", outcome="parked", reason="spam"
        )
        duplicate = Rise("mailcase_mails_duplicate_total", process="claims")
        await writer.handle(
            opening("a", process="claims"), parking("b", reason="spam", process="claims")
        )
        await writer.handle(opening("a", process="claims"))
        assert (opened.so_far, parked.so_far, duplicate.so_far) == (1, 1, 1)


class Rise:
    """How much a sample has grown since the object was created."""

    def __init__(self, name: str, **labels: str) -> None:
        self._name, self._labels = name, labels
        self._before = self._now()

    @property
    def so_far(self) -> float:
        return self._now() - self._before

    def _now(self) -> float:
        return REGISTRY.get_sample_value(self._name, self._labels) or 0.0


def _assert_nothing(outlet: FakeOutlet) -> None:
    assert outlet.published == []


class TestPoison:
    async def test_a_poisonous_mail_is_parked_and_the_others_are_written(
        self, writer: Writer
    ) -> None:
        writer.poison("poison")
        commands = [opening("one"), opening("poison"), opening("three")]
        assert await writer.handle(*commands) == []
        assert list(writer.outcomes.items()) == list(
            zip(keys(commands), ["opened", "parked", "opened"], strict=True)
        )
        parked = writer.cases.mails[commands[1].mail.key]
        assert parked.reason == "cannot-be-written"
        assert parked.raw is not None
        assert await writer.blobs.get(parked.raw) == commands[1].mail.raw
        assert writer.receipts.keys() == {"invoices"}
        assert [type(event) for event in writer.events] == [CaseOpened, MailParked, CaseOpened]

    async def test_a_mail_that_cannot_even_be_parked_is_refused_alone(self, writer: Writer) -> None:
        writer.poison("poison", also_parked=True)
        commands = [opening("one"), opening("poison")]
        assert await writer.handle(*commands) == [commands[1].mail.key]
        assert writer.outcomes == {commands[0].mail.key: "opened"}

    async def test_a_refusal_says_how_often_the_mail_was_tried(self, writer: Writer) -> None:
        writer.cases.fails(ZeroDivisionError(), MAX_FAULT_ATTEMPTS + 1)
        [refused] = await writer.handle_received([ReceivedCommand(opening("one"), False)])
        assert str(refused).startswith(f"after {MAX_FAULT_ATTEMPTS} attempts, the mail")
        assert str(refused).endswith("ZeroDivisionError()")

    async def test_a_replay_hears_of_each_mail_of_a_split_batch_what_became_of_that_mail(
        self, writer: Writer
    ) -> None:
        writer.poison("poison", also_parked=True)
        more: dict[str, Any] = {"origin": "replay", "replay": Replay(run="r")}
        one, poison, three = [opening(name, **more) for name in ("one", "poison", "three")]
        assert await writer.handle(one, poison, three) == [poison.mail.key]
        published = [
            decode_replayed(sent.body)
            for sent in writer.outlet.published
            if sent.tag == "MailsReplayed.v1"
        ]
        effects = [
            (effect.mail_key, effect.effect) for each in published for effect in each.effects
        ]
        assert effects == [(one.mail.key, "opened"), (three.mail.key, "opened")]

    async def test_a_mail_without_its_bytes_is_refused(self, writer: Writer) -> None:
        command = opening("one", raw=None)
        assert await writer.handle(command, opening("two")) == [command.mail.key]
        assert len(writer.cases.mails) == 1

    async def test_a_programming_error_on_one_mail_parks_that_mail(self, writer: Writer) -> None:
        def check(plan: Plan) -> None:
            if any(b"odd" in (placement.mail.command.mail.raw or b"") for placement in plan.placed):
                raise ZeroDivisionError

        writer.cases.poison = check
        odd = opening("odd")
        await writer.handle(odd, opening("two"))
        assert sorted(writer.outcomes.values()) == ["opened", "parked"]
        alone = [
            plan
            for plan in writer.cases.plans
            if [placement.mail.key for placement in plan.placed] == [odd.mail.key]
        ]
        assert len(alone) == MAX_FAULT_ATTEMPTS
        assert (
            writer.cases.mails[odd.mail.key].decision.evidence[-1]
            == "unexpected: ZeroDivisionError()"
        )

    async def test_a_temporary_programming_error_parks_nothing(self, writer: Writer) -> None:
        writer.cases.fails(ZeroDivisionError(), MAX_FAULT_ATTEMPTS - 1)
        await writer.handle(opening("one"))
        assert list(writer.outcomes.values()) == ["opened"]

    @pytest.mark.parametrize(
        ("error", "reason"),
        [
            (UnreadableMailError(ParkReason.READING_FAILED, "KeyError()"), "reading-failed"),
            (RecursionError(), "cannot-be-written"),
        ],
    )
    async def test_a_mail_that_breaks_the_reader_is_parked_alone(
        self, error: Exception, reason: str
    ) -> None:
        def broken(raw: bytes) -> MailReading:
            if b"bad" in raw:
                raise error
            return read_mail(raw)

        writer = Writer(read=broken)
        good, bad = opening("one"), opening("bad")
        await writer.handle(good, bad)
        assert writer.outcomes == {good.mail.key: "opened", bad.mail.key: "parked"}
        assert writer.cases.mails[bad.mail.key].reason == reason

    async def test_a_process_that_left_the_settings_parks_its_mails_only(
        self, writer: Writer
    ) -> None:
        await writer.handle(opening("one"), opening("two", process="gone", mailbox="gone"))
        assert sorted(writer.outcomes.values()) == ["opened", "parked"]


class TestOutage:
    async def test_the_writer_waits_during_an_outage_and_parks_nothing(
        self, writer: Writer
    ) -> None:
        writer.cases.fails(OUTAGE, 20)
        assert await writer.handle(opening("one"), opening("two")) == []
        assert set(writer.outcomes.values()) == {"opened"}
        assert len(writer.cases.plans) == 21
        assert all(len(plan.placed) == 2 for plan in writer.cases.plans)
        assert writer.health.ready

    async def test_mails_prepared_before_a_long_outage_are_prepared_again(
        self, writer: Writer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nothing refers to their attachments yet, and the blob sweep removes such after a day."""
        hours = 0.0
        monkeypatch.setattr(read_ahead, "monotonic", lambda: hours * 3600)
        look_up = writer.cases.snapshot

        async def slow(query: SnapshotQuery) -> Snapshot:
            for _ in range(20):  # meanwhile, the next mail is read
                await asyncio.sleep(0)
            return await look_up(query)

        def outage(_plan: Plan) -> None:
            nonlocal hours
            hours += 2

        monkeypatch.setattr(writer.cases, "snapshot", slow)
        writer.cases.poison = outage
        commands = opening("small"), opening("large", size=GROUP_BYTES)
        received = [ReceivedCommand(command, redelivered=False) for command in commands]
        writer.service.expect(received)
        assert await writer.handle_received(received) == []
        assert set(writer.outcomes.values()) == {"opened"}
        assert writer.reader.questions == [1, 1, 1]  # the second mail once more

    async def test_an_outage_of_the_blobs_is_an_outage_too(self, writer: Writer) -> None:
        writer.blobs.failures = [TransientError("no primary")] * 3
        await writer.handle(opening("one"))
        assert list(writer.outcomes.values()) == ["opened"]

    async def test_during_an_outage_the_service_is_not_ready(self, writer: Writer) -> None:
        writer.cases.fails(OUTAGE)
        seen: list[bool] = []
        writer.cases.poison = lambda _plan: seen.append(writer.health.ready)
        await writer.handle(opening("one"))
        assert (seen, writer.health.ready) == ([False], True)

    async def test_a_stop_during_an_outage_gives_the_mails_back(self, writer: Writer) -> None:
        def stop(_plan: Plan) -> None:
            writer.stop.request()
            raise OUTAGE

        writer.cases.poison = stop
        with pytest.raises(TransientError, match="no primary"):
            await writer.handle(opening("one"))
        assert (writer.cases.mails, writer.outlet.published) == ({}, [])

    async def test_a_stop_does_not_keep_a_batch_from_being_finished(self, writer: Writer) -> None:
        writer.stop.request()
        await writer.handle(opening("one"))
        assert len(writer.events) == 1


class TestUnclearCommit:
    async def test_an_unclear_commit_that_was_written_is_recognized_and_published(
        self, writer: Writer
    ) -> None:
        writer.cases.fails_unclearly(written=True)
        one, two = opening("one"), opening("two")
        await writer.handle(one, two, one)
        assert {key: mail.deliveries for key, mail in writer.cases.mails.items()} == {
            one.mail.key: 2,
            two.mail.key: 1,
        }
        assert [type(event) for event in writer.events if event] == [CaseOpened] * 2
        assert set(writer.receipts["invoices"]) == {one.mail.key, two.mail.key}
        assert sorted(writer.cases.cases) == [1, 2]

    async def test_an_unclear_commit_is_published_even_if_the_batch_is_split_after_it(
        self, writer: Writer
    ) -> None:
        writer.cases.fails_unclearly(written=True)
        writer.cases.fails(ZeroDivisionError())
        commands = [opening("one"), opening("two")]
        await writer.handle(*commands)
        assert [type(event) for event in writer.events] == [CaseOpened] * 2
        assert sum(message.tag == "MailsRecorded.v1" for message in writer.outlet.published) == len(
            commands
        )

    async def test_a_commit_that_was_not_written_is_repeated(self, writer: Writer) -> None:
        writer.cases.fails_unclearly(written=False)
        await writer.handle(opening("one"))
        assert (len(writer.events), sorted(writer.cases.cases)) == (1, [1])

    async def test_own_work_that_is_not_visible_yet_is_waited_for(self, writer: Writer) -> None:
        """The primary committed it, but no majority has: the keys are taken, and nothing can be
        read yet.
        """
        writer.cases.fails_unclearly(written=False)
        writer.cases.fails(ConflictError("taken"), 2 * CONFLICTS_TOGETHER)
        await writer.handle(opening("one"), opening("two"))
        assert all(len(plan.placed) == 2 for plan in writer.cases.plans)
        assert len({mail.written_by for mail in writer.cases.mails.values()}) == 1


class TestConflicts:
    async def test_the_loser_of_a_race_plans_again_with_what_the_winner_wrote(
        self, writer: Writer
    ) -> None:
        first, reply = (
            opening("one", thread_ids=["<t@x.example>"]),
            opening("two", thread_ids=["<t@x.example>"]),
        )

        rival = Writer()
        await rival.handle(first)
        writer.cases.meanwhile = lambda: _copy(rival.cases, writer.cases)
        await writer.handle(reply)
        assert sorted(writer.cases.cases) == [1]
        assert [type(event) for event in writer.events] == [CaseAppended]

    async def test_of_two_copies_that_race_one_opens_the_case(self, writer: Writer) -> None:
        rival = Writer()
        await rival.handle(routed("mx1"))
        writer.cases.meanwhile = lambda: _copy(rival.cases, writer.cases)
        await writer.handle(routed("mx2"))
        assert sorted(writer.cases.cases) == [1]
        assert sorted(writer.outcomes.values()) == ["ignored", "opened"]

    async def test_a_batch_that_keeps_losing_is_written_mail_by_mail(self, writer: Writer) -> None:
        writer.cases.fails(ConflictError("taken"), CONFLICTS_TOGETHER)
        await writer.handle(opening("one"), opening("two"))
        assert [len(plan.placed) for plan in writer.cases.plans] == [2] * CONFLICTS_TOGETHER + [
            1,
            1,
        ]
        assert set(writer.outcomes.values()) == {"opened"}

    async def test_a_single_mail_that_keeps_losing_is_never_parked(self, writer: Writer) -> None:
        writer.cases.fails(ConflictError("taken"), 2 * CONFLICTS_TOGETHER)
        await writer.handle(opening("one"))
        assert list(writer.outcomes.values()) == ["opened"]

    async def test_a_mail_that_another_writer_recorded_meanwhile_is_a_duplicate(
        self, writer: Writer
    ) -> None:
        rival = Writer()
        await rival.handle(opening("one"))
        writer.cases.meanwhile = lambda: _copy(rival.cases, writer.cases)
        await writer.handle(opening("one"), opening("two"))
        assert sorted(mail.deliveries for mail in writer.cases.mails.values()) == [1, 2]
        assert sorted(writer.cases.cases) == [1, 2]


def _copy(source: FakeCases, target: FakeCases) -> None:
    for name in ("cases", "changes", "comments", "mails", "threads"):
        getattr(target, name).update(getattr(source, name))


class TestGroups:
    async def test_large_mails_are_written_in_transactions_of_bounded_size(
        self, writer: Writer
    ) -> None:
        commands = [opening(str(number), size=4 * 1024 * 1024) for number in range(5)]
        await writer.handle(*commands)
        assert [len(plan.placed) for plan in writer.cases.plans] == [2, 2, 1]

    async def test_a_mail_larger_than_the_bound_goes_alone(self, writer: Writer) -> None:
        await writer.handle(opening("one"), opening("two", size=90 * 1024 * 1024), opening("three"))
        assert [len(plan.placed) for plan in writer.cases.plans] == [1, 1, 1]

    async def test_nothing_to_do_writes_nothing(self, writer: Writer) -> None:
        assert await writer.handle() == []
        assert (writer.cases.plans, writer.outlet.published) == ([], [])

    async def test_a_group_is_written_while_the_one_before_is_published(
        self, writer: Writer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        commands = [opening(text, size=16 * 1024 * 1024) for text in ("one", "two")]
        publish_all, both_written = writer.outlet.publish_all, asyncio.Event()

        def note(_: Plan) -> None:
            if len(writer.cases.plans) == 2:
                both_written.set()

        async def publishing(messages: list[Outgoing]) -> None:
            async with asyncio.timeout(5):
                await both_written.wait()
            await publish_all(messages)

        writer.cases.poison = note
        monkeypatch.setattr(writer.outlet, "publish_all", publishing)
        assert await writer.handle(*commands) == []
        opened = [event.mail_key for event in writer.events if isinstance(event, CaseOpened)]
        assert opened == [command.mail.key for command in commands]

    async def test_an_earlier_group_keeps_its_outcome_when_a_later_one_fails(
        self, writer: Writer
    ) -> None:
        first = opening("one", size=16 * 1024 * 1024)

        def stop(plan: Plan) -> None:
            if first.mail.key not in {placement.mail.key for placement in plan.placed}:
                writer.stop.request()
                raise OUTAGE

        writer.cases.poison = stop
        with pytest.raises(TransientError):
            await writer.handle(first, opening("two"))
        assert writer.receipts == {"invoices": [first.mail.key]}


async def test_an_event_that_our_own_code_fails_on_holds_up_no_other_and_no_receipt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    odd, even = opening("odd"), opening("even")
    encode_json = codec.encode_json

    def failing(message: Any) -> bytes:
        if isinstance(message, CloudEvent) and message.data.mail_key == odd.mail.key:
            raise ZeroDivisionError
        return encode_json(message)

    monkeypatch.setattr(codec, "encode_json", failing)
    writer = Writer()
    assert await writer.handle(odd, even) == []
    assert [event.mail_key for event in writer.events if isinstance(event, CaseOpened)] == [
        even.mail.key
    ]
    assert writer.receipts == {"invoices": [odd.mail.key, even.mail.key]}


async def test_an_event_that_cannot_be_published_holds_up_no_other_and_no_receipt() -> None:
    odd, even = opening("odd"), opening("even")
    writer = Writer()
    publish_all = writer.outlet.publish_all

    async def failing(messages: list[Outgoing]) -> None:
        if any(
            odd.mail.key.encode() in message.body and "opened" in message.tag
            for message in messages
        ):
            raise ValueError("the routing key is too long")
        await publish_all(messages)

    writer.outlet.publish_all = failing  # type: ignore[method-assign] # the broker's driver, for this one message
    assert await writer.handle(odd, even) == []
    assert [event.mail_key for event in writer.events if isinstance(event, CaseOpened)] == [
        even.mail.key
    ]
    assert writer.receipts == {"invoices": [odd.mail.key, even.mail.key]}


@pytest.mark.parametrize("refused", [False, True])
async def test_a_receipt_that_is_refused_or_never_confirmed_does_not_hold_up_the_next_mails(
    writer: Writer, monkeypatch: pytest.MonkeyPatch, refused: bool
) -> None:
    """The broker node of a fetcher is silent or dead. The fetcher publishes again, and the others
    continue.
    """
    never_confirmed = asyncio.Event()

    async def publish_all(messages: list[Outgoing]) -> None:
        writer.outlet.published += messages
        if any(message.routing_key.startswith("mail.recorded.") for message in messages):
            if refused:
                raise TransientError("Basic.Nack")
            await never_confirmed.wait()

    monkeypatch.setattr(writer.outlet, "publish_all", publish_all)
    monkeypatch.setattr(notifier, "RECEIPT_PATIENCE_S", 0.01)
    first, second = opening("first"), opening("second")
    await asyncio.wait_for(writer.handle(first), 5)
    await asyncio.wait_for(writer.handle(second), 5)
    assert writer.outcomes == {first.mail.key: "opened", second.mail.key: "opened"}
