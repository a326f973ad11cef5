"""The case writer on a real replica set: numbers without gaps and one case per thread, under any
race.
"""

import asyncio
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from deploy.local import PrivateServers
from schemas.cases import Command
from schemas.mails import mail_key
from schemas.stored import Discard
from services.case_writer.batch import ReceivedCommand
from services.case_writer.housekeeping.mongo import MongoBacklogCounts
from services.case_writer.notifier import Notifier
from services.case_writer.originals import Originals
from services.case_writer.preparation import MailPreparer
from services.case_writer.read_ahead import ReadAhead
from services.case_writer.reading import read_mail
from services.case_writer.recording.document_builder import OpeningRules
from services.case_writer.recording.mongo import MongoCases
from services.case_writer.service import CaseWriter
from services.casework.parked import ParkedFilter, ParkedMailRepository
from services.casework.publisher import ChangePublisher
from services.cli.replay.case_numbers import keep_numbers
from services.runtime.errors import PermanentError
from services.runtime.mail.headers import Address
from services.runtime.process.health import Health
from services.runtime.process.lifecycle import Stop
from services.runtime.settings.schema.processes import Rules
from services.runtime.store.blobs import Blobs
from services.runtime.store.mongo import Store
from tests.builders import STAGES, appending, opening, parking, raw_bytes
from tests.contract.cases_contract import CasesContract
from tests.fakes import FakeOutlet, InProcessReader
from tests.writers import handle

WRITERS = 4
MAILS = 50


class Observed(MongoCases):
    """MongoDB's adapter, and access to what is in the database."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.store = store

    async def all(self, collection: str) -> dict[Any, dict[str, Any]]:
        return {
            document["_id"]: document
            for document in await self.store.collection(collection).find({})
        }


@pytest.fixture
def database() -> str:
    """A database name that only this test uses."""
    return f"test_{uuid.uuid4().hex[:12]}"


@pytest.fixture
async def cases(servers: PrivateServers, database: str) -> AsyncIterator[Observed]:
    async with Store.opened(servers.store.url, database) as store:
        observed = Observed(store)
        await observed.ensure_indexes()
        await Blobs(store).ensure_indexes()
        yield observed


class TestMongoCases(CasesContract):
    pass


@asynccontextmanager
async def case_writer(url: str, database: str) -> AsyncIterator[tuple[CaseWriter, FakeOutlet]]:
    """A writer with its own connection, as in another process."""
    async with Store.opened(url, database) as store:
        outlet = FakeOutlet()
        ahead = ReadAhead(MailPreparer(Blobs(store), InProcessReader()))
        cases = MongoCases(store)
        publisher = ChangePublisher(store, outlet)
        yield (
            CaseWriter(
                cases,
                ahead,
                Originals(Blobs(store)),
                Notifier(outlet, publisher),
                OpeningRules(STAGES),
                health=Health("store"),
                stop=Stop(),
            ),
            outlet,
        )


async def handle_in_batches(
    url: str, database: str, commands: Sequence[Command], batch: int = 10
) -> list[str]:
    """Handle the messages as one writer; returns the routing keys of what it published."""
    async with case_writer(url, database) as (writer, outlet):
        for start in range(0, len(commands), batch):
            refused = await handle(
                writer,
                [ReceivedCommand(command, False) for command in commands[start : start + batch]],
            )
            assert refused == []
        return [message.routing_key for message in outlet.published]


async def together(url: str, database: str, work: Sequence[Sequence[Command]]) -> list[str]:
    published = await asyncio.wait_for(
        asyncio.gather(*(handle_in_batches(url, database, commands) for commands in work)), 60.0
    )
    return [key for keys in published for key in keys]


async def test_four_writers_assign_numbers_without_gaps_or_duplicates(
    servers: PrivateServers, cases: Observed, database: str
) -> None:
    work = [[_from_someone(w * MAILS + m) for m in range(MAILS)] for w in range(WRITERS)]
    published = await together(servers.store.url, database, work)
    written, comments, mails = (
        await cases.all("cases"),
        await cases.all("comments"),
        await cases.all("mails"),
    )
    assert sorted(written) == list(range(1, WRITERS * MAILS + 1))
    assert sorted(comment["case"] for comment in comments.values()) == sorted(written)
    assert {key: (one["outcome"], one["deliveries"]) for key, one in mails.items()} == {
        command.mail.key: ("opened", 1) for commands in work for command in commands
    }
    assert Counter(published)["case.opened.invoices"] == WRITERS * MAILS


def _from_someone(number: int) -> Command:
    """A mail from a sender with no other mail, since the new cases of a sender may be limited."""
    return opening(
        "m",
        raw=(raw := raw_bytes(sender=Address("", f"{number}@x.example"))),
        key=mail_key("invoices", raw),
    )


async def test_the_same_mails_through_four_writers_at_once_have_one_effect(
    servers: PrivateServers, cases: Observed, database: str
) -> None:
    mails = [_from_someone(number) for number in range(20)]
    work = [mails, mails[::-1], mails[10:] + mails[:10], mails]
    await together(servers.store.url, database, work)
    assert sorted(await cases.all("cases")) == list(range(1, 21))
    assert len(await cases.all("comments")) == 20
    assert {case["deliveries"] for case in (await cases.all("mails")).values()} == {4}


async def test_a_mail_that_the_database_contradicts_itself_about_is_parked_and_holds_up_no_other(
    servers: PrivateServers, cases: Observed, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its outcome is missing and its comment exists, as after a manual repair: the key
    stays taken.
    """
    monkeypatch.setattr("services.runtime.store.contention.TAKEN_PATIENCE_S", 0.5)
    odd = opening("odd")
    await handle_in_batches(servers.store.url, database, [odd])
    await cases.store.collection("mails").delete({"_id": odd.mail.key})
    work = handle_in_batches(servers.store.url, database, [odd, opening("even")])
    published = await asyncio.wait_for(work, 30.0)
    mails = await cases.all("mails")
    assert {key == odd.mail.key: one["outcome"] for key, one in mails.items()} == {
        True: "parked",
        False: "opened",
    }
    assert mails[odd.mail.key]["reason"] == "cannot-be-written"
    assert "contradicts itself" in mails[odd.mail.key]["decision"]["evidence"][-1]
    assert published.count("mail.recorded.invoices") == 2


async def test_writers_racing_for_threads_end_with_one_case_a_thread(
    servers: PrivateServers, cases: Observed, database: str
) -> None:
    def mail(thread: int, place: int) -> Command:
        ids = [f"<{thread}.{number}@x.example>" for number in range(WRITERS)]
        raw = raw_bytes(f"thread {thread} place {place}", headers=f"Message-ID: {ids[place]}\r\n")
        return opening(f"{thread} {place}", thread_ids=ids[:place][::-1], raw=raw)

    work = [[mail(thread, place) for thread in range(15)] for place in range(WRITERS)]
    await together(servers.store.url, database, work)
    comments, written = await cases.all("comments"), await cases.all("cases")
    by_case = Counter(comment["case"] for comment in comments.values())
    assert by_case == dict.fromkeys(range(1, 16), WRITERS)
    assert {number: one["comment_count"] for number, one in written.items()} == dict(by_case)
    for number in written:
        threads = {
            comment["message_id"].split(".")[0]
            for comment in comments.values()
            if comment["case"] == number
        }
        assert len(threads) == 1
    assert all(case["claimed_by"] for case in (await cases.all("threads")).values())
    assert [comment["flags"] for comment in comments.values()] == [[]] * len(comments)


async def test_writers_adding_to_one_case_lose_no_comment(
    servers: PrivateServers, cases: Observed, database: str
) -> None:
    await handle_in_batches(servers.store.url, database, [opening("first")])
    work = [[appending(f"writer {w} mail {m}", 1) for m in range(20)] for w in range(WRITERS)]
    await together(servers.store.url, database, work)
    case = (await cases.all("cases"))[1]
    assert case["comment_count"] == 1 + WRITERS * 20 == len(await cases.all("comments"))


async def test_a_sender_has_one_limit_and_one_alert_across_writers(
    servers: PrivateServers, cases: Observed, database: str
) -> None:
    work = [[opening(f"writer {w} mail {m}") for m in range(15)] for w in range(WRITERS)]
    published = Counter(await together(servers.store.url, database, work))
    limit = Rules().max_new_cases_per_sender
    assert (published["case.opened.invoices"], published["mail.parked.invoices"]) == (
        limit,
        WRITERS * 15 - limit,
    )
    assert published["alert.sender-limited.invoices"] == 1
    assert sorted(await cases.all("cases")) == list(range(1, limit + 1))


async def test_parked_mails_are_counted_by_process_and_reason_until_they_are_discarded(
    servers: PrivateServers, cases: Observed, database: str
) -> None:
    commands: list[Command] = [
        parking("one", reason="spam"),
        parking("two", reason="spam"),
        opening("three"),
    ]
    commands.append(parking("four", reason="delivery-report", process="claims"))
    await handle_in_batches(servers.store.url, database, commands)
    counted = {
        (count.process, count.reason): count.mails
        for count in await MongoBacklogCounts(cases.store).parked()
    }
    assert counted == {("invoices", "spam"): 2, ("claims", "delivery-report"): 1}
    mails = cases.store.collection("mails")
    await mails.update({"_id": commands[0].mail.key}, {"$set": {"discarded": {"by": "a person"}}})
    [group] = [
        count
        for count in await MongoBacklogCounts(cases.store).parked()
        if count.process == "invoices"
    ]
    second = await mails.find_one({"_id": commands[1].mail.key})
    assert (group.mails, group.oldest) == (1, (second or {})["recorded_at"])


async def test_a_mail_that_came_into_a_case_meanwhile_is_not_discarded(
    servers: PrivateServers, cases: Observed, database: str
) -> None:
    note = Discard(by="jan", why="a lottery", at=datetime.now(UTC))
    parked, retried = parking("one", reason="spam"), opening("one", origin="retry")
    await handle_in_batches(servers.store.url, database, [parked])
    mails = ParkedMailRepository(cases.store)
    [seen] = await mails.find(ParkedFilter())
    await handle_in_batches(servers.store.url, database, [retried])
    with pytest.raises(PermanentError, match="another outcome"):
        await mails.discard(seen, note)
    [mail] = (await cases.all("mails")).values()
    assert (mail["outcome"], mail["case"]) == ("opened", 1)


async def test_a_counter_that_is_older_than_the_cases_stops_no_mail(
    servers: PrivateServers, cases: Observed, database: str
) -> None:
    await handle_in_batches(
        servers.store.url, database, [_from_someone(number) for number in range(3)]
    )
    await cases.store.collection("counters").update({"_id": "case"}, {"$set": {"value": 1}})
    await cases.ensure_numbers()
    await together(servers.store.url, database, [[_from_someone(4)]])
    assert sorted(await cases.all("cases")) == [1, 2, 3, 4]


async def test_numbers_that_are_left_out_are_noted_once_and_never_given(
    servers: PrivateServers, cases: Observed, database: str
) -> None:
    await keep_numbers(cases.store, 3)
    await asyncio.gather(*(keep_numbers(cases.store, 9) for _ in range(3)))
    await keep_numbers(cases.store, 5)
    await handle_in_batches(servers.store.url, database, [_from_someone(1)])
    [counter] = (await cases.all("counters")).values()
    assert counter["value"] == 10
    assert [(rise["after"], rise["to"]) for rise in counter["raised"]] == [(0, 3), (3, 9)]
    assert sorted(await cases.all("cases")) == [10]


async def test_a_mail_too_large_for_a_document_is_parked_and_its_neighbours_are_written(
    servers: PrivateServers, cases: Observed, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reading over MongoDB's limit of 16 MiB is a bug that must not delay others."""
    real = read_mail

    def oversized(raw: bytes, *more: Any) -> Any:
        read = real(raw, *more)
        return (
            msgspec.structs.replace(read, html="x" * (17 * 1024 * 1024))
            if b"oversized" in raw
            else read
        )

    monkeypatch.setattr("tests.fakes.read_mail", oversized)
    commands = [opening("before"), opening("oversized"), opening("after")]
    await handle_in_batches(servers.store.url, database, commands)
    mails = await cases.all("mails")
    assert [mails[command.mail.key]["outcome"] for command in commands] == [
        "opened",
        "parked",
        "opened",
    ]
    raw = await Blobs(cases.store).get(mails[commands[1].mail.key]["raw"])
    assert raw == commands[1].mail.raw
    assert sorted(await cases.all("cases")) == [1, 2]
