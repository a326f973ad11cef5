"""Actions on cases in a real database: only one of several concurrent actions succeeds, and each is
written completely.
"""

import asyncio
import random
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from deploy.local import PrivateServers
from schemas.cases import Decision
from schemas.changes import Change, Opened, Overdue, Titled
from schemas.stored import (
    Case,
    Comment,
    Mail,
    OutgoingMail,
    Person,
    Thread,
    from_document,
    thread_id,
    to_document,
)
from services.case_writer.housekeeping.mongo import MongoBacklogCounts
from services.casework import actions
from services.casework.history import differences, fold
from services.casework.outgoing import OutgoingMailBuilder
from services.casework.overdue import OverdueSweep
from services.casework.persistence.recording import insert_history
from services.casework.persistence.repository import CaseRepository
from services.casework.publisher import ChangePublisher
from services.casework.records import new_change
from services.casework.refusals import ActionRefusedError, StaleRevisionError
from services.runtime.broker.messages import Outgoing
from services.runtime.mail.message_id_keys import message_id_signer
from services.runtime.settings import load_settings
from services.runtime.store.mongo import Store
from tests.fakes import FakeOutlet
from tests.integration.profiler import profiled
from tests.unit.casework.builders import ANNA, OPERATOR, PROCESSES, STRANGER, WORKER, case
from tests.unit.sender.builders import outgoing


@pytest.fixture
async def store(servers: PrivateServers) -> AsyncIterator[Store]:
    """A database that only this test uses."""
    async with Store.opened(servers.store.url, f"test_{uuid.uuid4().hex[:12]}") as store:
        await CaseRepository(store, PROCESSES).ensure_indexes()
        yield store


@pytest.fixture
def repository(store: Store) -> CaseRepository:
    return CaseRepository(store, PROCESSES)


AT_ONCE = timedelta(0)


def mail_key(number: int, name: str) -> str:
    return f"{number:032x}{name:0>32}"


async def open_case(
    store: Store, number: int, mails: Sequence[str] = ("a",), **fields: Any
) -> Case:
    """A case as the case writer leaves it, with its history, mails and threads."""
    now = datetime.now(UTC).replace(microsecond=0)
    subject = case(number, opened_at=now, stage_since=now, comment_count=len(mails), **fields)
    opened = Opened(
        process=subject.process,
        stage=subject.stage,
        title=subject.title,
        mailbox=subject.mailbox,
        opened_at=now,
        comment=mail_key(number, mails[0]),
        due_at=subject.due_at,
    )
    first = new_change(number, 1, opened, actor=ANNA, now=now, process=subject.process)
    await store.collection(Case.COLLECTION).insert([to_document(subject)])
    await store.transaction(lambda session: insert_history(store, [first], session))
    for index, name in enumerate(mails):
        key, message_id = mail_key(number, name), f"<{number}{name}@supplier.example>"
        at = now + timedelta(seconds=index)
        await store.collection(Comment.COLLECTION).insert([to_document(comment(key, number, at))])
        outcome = Mail(
            id=key,
            mailbox="invoices",
            process="invoices",
            outcome="appended" if index else "opened",
            case=number,
            reason=None,
            decision=Decision(rule="new-case"),
            deliveries=1,
            raw=None,
            received_at=at,
            recorded_at=at,
            written_by="test",
        )
        await store.collection(Mail.COLLECTION).insert([to_document(outcome)])
        thread = Thread(id=thread_id("invoices", message_id), case=number, claimed_by=key)
        await store.collection(Thread.COLLECTION).insert([to_document(thread)])
    await store.collection("counters").raise_to("case", "value", number)
    return subject


def comment(key: str, number: int, at: datetime) -> Comment:
    return Comment(
        id=key,
        case=number,
        kind="mail",
        at=at,
        sent_at=at,
        author=Person("Jan", "jan@supplier.example"),
        subject=f"Subject {key[-1]}",
        text="Hello",
        full_text="Hello",
        html=None,
        message_id=f"<{key[-1]}@supplier.example>",
        in_reply_to=None,
        attachments=[],
        original=None,
        flags=[],
    )


async def assert_histories_hold(store: Store) -> None:
    """Assert that every history has no gaps and folds to its case."""
    repository = CaseRepository(store, PROCESSES)
    for document in await store.collection(Case.COLLECTION).find({}):
        stored = from_document(document, Case)
        history = await repository.history(stored.number)
        assert [change.revision for change in history] == list(range(1, stored.revision + 1))
        assert differences(stored, fold(history)) == []


async def test_a_case_that_the_caller_saw_is_read_again_only_if_it_has_changed_since(
    store: Store, repository: CaseRepository
) -> None:
    seen = await open_case(store, 235)
    first = await repository.act(235, actions.SetTitle(title="First"), OPERATOR, seen=seen)
    assert (first.case.revision, first.case.title) == (2, "First")

    second = await repository.act(235, actions.SetTitle(title="Second"), OPERATOR, seen=seen)
    assert second.case.revision == 3
    assert second.changes[0].what == Titled(was="First", to="Second")

    for expected, saw in ((1, seen), (2, first.case), (1, first.case)):
        with pytest.raises(StaleRevisionError) as stale:
            await repository.act(
                235, actions.SetTitle(title="Third"), OPERATOR, expected=expected, seen=saw
            )
        assert stale.value.current == 3
    third = await repository.act(
        235, actions.SetTitle(title="Third"), OPERATOR, expected=3, seen=seen
    )
    assert third.case.revision == 4
    assert differences(third.case, fold(await repository.history(235))) == []


async def test_an_action_writes_the_case_its_history_and_its_note(
    store: Store, repository: CaseRepository
) -> None:
    await open_case(store, 1)
    done = await repository.act(1, actions.AddNote(text="Called them."), WORKER, expected=1)
    assert (done.case.revision, done.changes[-1].actor.id) == (2, "anna@office.example")
    note = await store.collection(Comment.COLLECTION).find_one({"_id": done.comment})
    assert note is not None
    assert (note["kind"], note["text"]) == ("note", "Called them.")
    stored = await repository.case(1)
    assert stored is not None
    assert stored.comment_count == 2
    await assert_histories_hold(store)


async def test_a_stale_revision_is_a_conflict_and_changes_nothing(
    store: Store, repository: CaseRepository
) -> None:
    await open_case(store, 1)
    await repository.act(1, actions.SetTitle(title="One"), WORKER, expected=1)
    with pytest.raises(StaleRevisionError) as caught:
        await repository.act(1, actions.SetTitle(title="Two"), WORKER, expected=1)
    assert (caught.value.expected, caught.value.current) == (1, 2)
    stored = await repository.case(1)
    assert stored is not None
    assert stored.title == "One"


async def test_of_two_who_saw_the_same_revision_exactly_one_succeeds(
    store: Store, repository: CaseRepository
) -> None:
    await open_case(store, 1)

    async def attempt(revision: int, title: str) -> bool:
        try:
            await repository.act(1, actions.SetTitle(title=title), WORKER, expected=revision)
        except StaleRevisionError:
            return False
        return True

    for revision in range(1, 21):
        both = await asyncio.gather(
            attempt(revision, f"left {revision}"), attempt(revision, f"right {revision}")
        )
        assert sorted(both) == [False, True]
    await assert_histories_hold(store)


async def test_a_case_that_is_absent_or_hidden_is_refused_in_the_same_words(
    store: Store, repository: CaseRepository
) -> None:
    await open_case(store, 1)
    with pytest.raises(ActionRefusedError) as absent:
        await repository.act(2, actions.Close(), WORKER)
    assert absent.value.reason == "no-such-case"
    with pytest.raises(ActionRefusedError) as refused:
        await repository.act(1, actions.Close(), STRANGER)
    assert refused.value.reason == "not-allowed"


async def test_a_case_older_than_its_history_begins_one(
    store: Store, repository: CaseRepository
) -> None:
    old = to_document(case(1, revision=0))
    for name in ("revision", "stage_since", "assignee", "due_at", "overdue_at", "fields", "flags"):
        del old[name]
    await store.collection(Case.COLLECTION).insert([old])
    done = await repository.act(1, actions.Close(), WORKER)
    assert [type(change.what).__name__ for change in done.changes] == ["Adopted", "Closed"]
    assert done.case.revision == 2


async def test_a_merge_is_undone_exactly(store: Store, repository: CaseRepository) -> None:
    source = await open_case(
        store, 1, participants=["jan@supplier.example", "ola@supplier.example"]
    )
    target = await open_case(store, 2)
    merged = await repository.act(1, actions.MergeInto(target=2), WORKER)
    assert (merged.case.merged_into, merged.case.status) == (2, "closed")
    joined = await repository.case(2)
    assert joined is not None
    assert joined.participants == ["jan@supplier.example", "ola@supplier.example"]
    await repository.act(1, actions.Unmerge(), WORKER)
    for before in (source, target):
        after = await repository.case(before.number)
        assert after is not None
        assert (after.status, after.merged_into, after.participants) == (
            "open",
            None,
            before.participants,
        )
        assert (after.stage, after.due_at, after.closed_at) == (before.stage, before.due_at, None)
    await assert_histories_hold(store)


async def test_a_split_takes_comments_outcomes_and_threads_along(
    store: Store, repository: CaseRepository
) -> None:
    await open_case(store, 1, mails=("a", "b", "c"))
    going = [mail_key(1, "a"), mail_key(1, "c")]
    done = await repository.act(1, actions.SplitOff(comments=going), WORKER)
    assert done.new_case == 2
    places = {
        document["_id"]: document["case"]
        for document in await store.collection(Mail.COLLECTION).find({})
    }
    assert places == {mail_key(1, "a"): 2, mail_key(1, "b"): 1, mail_key(1, "c"): 2}
    openers = await store.collection(Mail.COLLECTION).find({"outcome": "opened"})
    assert sorted((opener["case"], opener["_id"][-1]) for opener in openers) == [(1, "b"), (2, "a")]
    threads = {
        document["_id"]: document["case"]
        for document in await store.collection(Thread.COLLECTION).find({})
    }
    assert threads[thread_id("invoices", "<1c@supplier.example>")] == 2
    for number, comments in ((1, 1), (2, 2)):
        stored = await repository.case(number)
        assert stored is not None
        assert stored.comment_count == comments
    await assert_histories_hold(store)


async def test_a_refused_split_leaves_no_gap_in_the_numbers(
    store: Store, repository: CaseRepository
) -> None:
    await open_case(store, 1)
    with pytest.raises(ActionRefusedError):
        await repository.act(1, actions.SplitOff(comments=[mail_key(1, "a")]), WORKER)
    counter = await store.collection("counters").find_one({"_id": "case"})
    assert counter is not None
    assert counter["value"] == 1


async def test_many_workers_on_few_cases_leave_gapless_histories(
    store: Store, repository: CaseRepository
) -> None:
    for number in range(1, 6):
        await open_case(store, number, mails=("a", "b"))
    chosen = random.Random(7)
    wishes: list[tuple[int, actions.Action]] = [
        (chosen.randint(1, 5), _wish(chosen)) for _ in range(200)
    ]
    accepted = 0

    async def work(mine: Sequence[tuple[int, actions.Action]]) -> None:
        nonlocal accepted
        for number, action in mine:
            try:
                done = await repository.act(number, action, OPERATOR)
            except ActionRefusedError:
                continue
            accepted += sum(change.actor.kind == "person" for change in done.changes)

    await asyncio.gather(*(work(wishes[index::4]) for index in range(4)))
    assert accepted > 50
    await assert_histories_hold(store)


def _wish(chosen: random.Random) -> actions.Action:
    other = chosen.randint(1, 5)
    wishes: list[actions.Action] = [
        actions.Move(stage=chosen.choice(["registration", "approval", "paid"])),
        actions.Assign(to=chosen.choice([None, "anna@office.example", "group:accounting"])),
        actions.SetTitle(title=f"Title {chosen.random()}"),
        actions.SetFields(fields={"invoice_number": str(chosen.randint(1, 9))}),
        actions.AddNote(text="note"),
        actions.Close(),
        actions.Reopen(),
        actions.MergeInto(target=other),
        actions.Unmerge(),
    ]
    return chosen.choice(wishes)


class TestEvents:
    async def test_every_change_is_published_in_the_order_of_its_revision(
        self, store: Store, repository: CaseRepository
    ) -> None:
        await open_case(store, 1)
        for title in ("One", "Two", "Three"):
            await repository.act(1, actions.SetTitle(title=title), WORKER)
        outlet = FakeOutlet()
        assert await ChangePublisher(store, outlet).sweep(AT_ONCE) == 4
        assert [message.message_id for message in outlet.published] == ["1.1", "1.2", "1.3", "1.4"]
        assert outlet.published[0].routing_key == "case.opened.invoices"
        assert await ChangePublisher(store, outlet).sweep(AT_ONCE) == 0

    async def test_what_another_process_left_behind_goes_out_first(
        self, store: Store, repository: CaseRepository
    ) -> None:
        await open_case(store, 1)
        await repository.act(1, actions.SetTitle(title="One"), WORKER)
        done = await repository.act(1, actions.SetTitle(title="Two"), WORKER)
        outlet = FakeOutlet()
        await ChangePublisher(store, outlet).publish(done.written)
        assert [message.message_id for message in outlet.published] == ["1.1", "1.2", "1.3"]

    async def test_what_a_publisher_published_goes_out_once(
        self, store: Store, repository: CaseRepository
    ) -> None:
        await open_case(store, 1)
        outlet = FakeOutlet()
        publisher = ChangePublisher(store, outlet)
        await publisher.sweep(AT_ONCE)
        for title in ("One", "Two", "Three"):  # before the next sweep
            done = await repository.act(1, actions.SetTitle(title=title), WORKER)
            await publisher.publish(done.written)
        assert [message.message_id for message in outlet.published] == ["1.1", "1.2", "1.3", "1.4"]

    async def test_publishers_at_once_leave_every_first_copy_in_order(
        self, store: Store, repository: CaseRepository
    ) -> None:
        for number in (1, 2):
            await open_case(store, number)
            for title in range(10):
                await repository.act(number, actions.SetTitle(title=str(title)), WORKER)
        outlet = FakeOutlet()
        await asyncio.gather(*(ChangePublisher(store, outlet).sweep(AT_ONCE) for _ in range(3)))
        for number in (1, 2):
            first = dict.fromkeys(
                message.message_id for message in outlet.published if _case_of(message) == number
            )
            assert list(first) == [f"{number}.{revision}" for revision in range(1, 12)]


def _case_of(message: Outgoing) -> int:
    return int(message.message_id.partition(".")[0])


class TestOverdue:
    async def test_replicas_at_once_mark_each_case_once(self, store: Store) -> None:
        past = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
        for number in range(1, 31):
            await open_case(store, number, due_at=past)
        outlets = [FakeOutlet() for _ in range(3)]
        sweeps = [OverdueSweep(store, ChangePublisher(store, outlet)) for outlet in outlets]
        marked = await asyncio.gather(*(sweep.sweep() for sweep in sweeps))
        assert sum(marked) == 30
        changes = await store.collection(Change.COLLECTION).find({"what.type": "overdue"})
        assert Counter(change["case"] for change in changes) == dict.fromkeys(range(1, 31), 1)
        assert [await sweep.sweep() for sweep in sweeps] == [0, 0, 0]
        await assert_histories_hold(store)

    async def test_closed_and_punctual_cases_are_left_alone(self, store: Store) -> None:
        now = datetime.now(UTC).replace(microsecond=0)
        await open_case(store, 1, due_at=now + timedelta(hours=1))
        await open_case(store, 2, due_at=now - timedelta(hours=1), status="closed", closed_at=now)
        assert await OverdueSweep(store, ChangePublisher(store, FakeOutlet())).sweep() == 0

    async def test_other_cases_are_not_read(self, store: Store) -> None:
        now = datetime.now(UTC).replace(microsecond=0)
        past = now - timedelta(hours=1)
        for number in range(1, 31):  # long overdue, not due yet, and closed ones
            await open_case(store, number, due_at=past, overdue_at=past)
            await open_case(store, 100 + number, due_at=now + timedelta(days=1))
            await open_case(store, 200 + number, due_at=past, status="closed", closed_at=now)
            await open_case(store, 300 + number)
        await open_case(store, 1000, due_at=past)
        async with examined_documents(store) as examined:
            assert await OverdueSweep(store, ChangePublisher(store, FakeOutlet())).sweep() == 1
        assert sum(examined) <= 3
        async with examined_documents(store) as examined:
            assert await MongoBacklogCounts(store).overdue() == {"invoices": 31}
        assert sum(examined) == 0  # an index has all that is counted

    async def test_a_new_due_date_may_pass_again(
        self, store: Store, repository: CaseRepository
    ) -> None:
        now = datetime.now(UTC).replace(microsecond=0)
        await open_case(store, 1, due_at=now - timedelta(hours=2))
        sweep = OverdueSweep(store, ChangePublisher(store, FakeOutlet()))
        assert await sweep.sweep() == 1
        await repository.act(1, actions.SetDue(due_at=now - timedelta(hours=1)), WORKER)
        assert await sweep.sweep() == 1
        history = await repository.history(1)
        assert [isinstance(change.what, Overdue) for change in history] == [
            False,
            True,
            False,
            True,
        ]


@asynccontextmanager
async def examined_documents(store: Store) -> AsyncIterator[list[int]]:
    """How many documents each query of cases reads during the block; complete after it."""
    examined: list[int] = []
    async with profiled(store) as entries:
        yield examined
    examined.extend(
        entry["docsExamined"]
        for entry in entries
        if entry["ns"].endswith(f".{Case.COLLECTION}") and "docsExamined" in entry
    )


class TestAnswers:
    async def queue(self, store: Store, **fields: Any) -> None:
        chosen = {
            "id": "answer one",
            "kind": "answer",
            "case": 1,
            "state": "pending",
            "attempts": 0,
        } | fields
        await store.collection(OutgoingMail.COLLECTION).insert([to_document(outgoing(**chosen))])

    async def test_a_held_answer_is_recalled(
        self, store: Store, repository: CaseRepository
    ) -> None:
        await open_case(store, 1)
        await self.queue(store)
        done = await repository.recall("answer one", WORKER)
        assert (done.case.revision, type(done.changes[-1].what).__name__) == (2, "AnswerRecalled")
        mail = await store.collection(OutgoingMail.COLLECTION).find_one({"_id": "answer one"})
        assert mail is not None
        assert mail["state"] == "recalled"
        await assert_histories_hold(store)

    @pytest.mark.parametrize("fields", [{"state": "claimed"}, {"state": "sent"}, {"attempts": 1}])
    async def test_one_that_is_on_its_way_is_not(
        self, store: Store, repository: CaseRepository, fields: dict[str, Any]
    ) -> None:
        await open_case(store, 1)
        await self.queue(store, **fields)
        with pytest.raises(ActionRefusedError) as caught:
            await repository.recall("answer one", WORKER)
        assert caught.value.reason == "too-late"

    async def test_nobody_takes_back_what_they_may_not_see(
        self, store: Store, repository: CaseRepository
    ) -> None:
        await open_case(store, 1)
        await self.queue(store)
        for name, acting in (("answer one", STRANGER), ("answer two", WORKER)):
            with pytest.raises(ActionRefusedError) as caught:
                await repository.recall(name, acting)
            assert caught.value.reason == "no-such-answer"


async def test_entering_a_stage_assigns_and_queues_its_mail(store: Store, tmp_path: Path) -> None:
    await open_case(store, 1)
    file = tmp_path / "mailcase.toml"
    file.write_text(AUTOMATION)
    (tmp_path / "keys").write_text("k" * 40)
    settings = load_settings(file, {})
    builder = OutgoingMailBuilder(settings, message_id_signer(settings))
    repository = CaseRepository(store, settings.processes, compose=builder.notice)
    done = await repository.act(1, actions.Move(stage="approval"), OPERATOR)
    assert done.case.assignee == "group:accounting"
    assert [change.actor.kind for change in done.changes] == ["person", "rule"]
    mail = await store.collection(OutgoingMail.COLLECTION).find_one({"_id": done.outgoing[0]})
    assert mail is not None
    assert (mail["to"], mail["kind"], mail["stage"]) == (
        ["jan@supplier.example"],
        "notice",
        "approval",
    )
    await assert_histories_hold(store)


AUTOMATION = """
[server.corp]
protocol = "imap"
host = "imap.example.com"
[smtp.relay]
host = "smtp.example.com"
[case_reference]
key_file = "keys"
[process.invoices]
[[process.invoices.stage]]
name = "registration"
initial = true
next = ["approval"]
[[process.invoices.stage]]
name = "approval"
[process.invoices.stage.on_enter]
assign = "group:accounting"
send_to = "participants"
text = "Your invoice {{ number }} is being approved."
[[process.invoices.mailbox]]
server = "corp"
address = "invoices@office.example"
password_env = "PASSWORD"
"""
