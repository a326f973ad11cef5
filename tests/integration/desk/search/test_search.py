"""The search index on a real replica set, fed through a real broker."""

import asyncio
import threading
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import BSON
from msgspec import structs

from deploy.local import PrivateServers
from schemas.stored import Case, Comment, Person, to_document
from schemas.stored.search import SearchEntry, case_entry_id
from services.casework import actions
from services.casework.erasure.eraser import Eraser
from services.casework.persistence.repository import CaseRepository
from services.casework.publisher import ChangePublisher
from services.desk.activity import Activity
from services.desk.event_consumer import EventConsumer
from services.desk.search import index as index_module
from services.desk.search import matching
from services.desk.search.documents import build_entries
from services.desk.search.index import UPDATED_TOGETHER, SearchIndex
from services.desk.search.query import CaseSearch, InvalidSearchError
from services.desk.search.selection import Selection
from services.desk.webhooks.repository import Webhooks
from services.runtime.broker.connection import Broker
from services.runtime.broker.messages import Outgoing
from services.runtime.broker.topology import (
    DESK_INDEX,
    EVENT,
    Topology,
    dead_name,
    mailcase_topology,
)
from services.runtime.process.lifecycle import Stop
from services.runtime.store.mongo import Store
from tests.integration.brokers import connected, waiting
from tests.integration.casework.test_casework import comment, mail_key, open_case
from tests.unit.casework.builders import ANNA, OPERATOR, PROCESSES

PATIENCE_S = 20.0
OVER_64_BITS = "Wzk5OTk5OTk5OTk5OTk5OTk5OTk5LFtdXQ"
BOTH = ("help", "invoices")
JAN = "Jan.Kowalski@customer.example"
NAME = "Janisław Kowalski"
PHRASE = "Kolano boli mnie od marcowego wypadku."


@pytest.fixture
async def store(servers: PrivateServers) -> AsyncIterator[Store]:
    async with Store.opened(servers.store.url, f"test_{uuid.uuid4().hex[:12]}") as store:
        await CaseRepository(store, PROCESSES).ensure_indexes()
        await SearchIndex(store).ensure_indexes()
        yield store


@pytest.fixture
def repository(store: Store) -> CaseRepository:
    return CaseRepository(store, PROCESSES)


@pytest.fixture
def search(store: Store) -> CaseSearch:
    return CaseSearch(store)


@pytest.fixture
async def broker(servers: PrivateServers, no_settling: None) -> AsyncIterator[Broker]:
    """A broker whose `desk.index` has no messages from other tests."""
    async with connected(servers) as broker:
        topology = mailcase_topology(archive_max_age_days=1, archive_max_bytes=1 << 20)
        queues = tuple(queue for queue in topology.queues if queue.name.startswith(DESK_INDEX))
        await broker.declare(Topology((EVENT,), queues))
        servers.broker.ctl("purge_queue", DESK_INDEX)
        yield broker


async def write(store: Store, key: str, **fields: Any) -> None:
    """Change a comment, as the case writer would."""
    await store.collection(Comment.COLLECTION).update({"_id": key}, {"$set": fields})


async def index_all(store: Store) -> None:
    await SearchIndex(store).rebuild(lambda _done, _total: None)


async def found(search: CaseSearch, text: str, processes: Sequence[str] = BOTH) -> list[Any]:
    """The hits as (case, comment); a hit in the case itself is (case, None)."""
    return [(hit.case, hit.comment) for hit in (await search.search(text, processes)).hits]


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for an effect of another process, the broker or the database."""
    async with asyncio.timeout(PATIENCE_S):
        while not await condition():  # noqa: ASYNC110 - nothing signals it
            await asyncio.sleep(0.05)


async def until_found(
    search: CaseSearch, text: str, expected: list[Any], processes: Sequence[str] = BOTH
) -> None:
    async def is_found() -> bool:
        return await found(search, text, processes) == expected

    await until(is_found)


@asynccontextmanager
async def indexing(store: Store, broker: Broker, desks: int = 1) -> AsyncIterator[None]:
    """Desks that index events; all events of this database are published first."""
    stop = Stop()
    running = [
        asyncio.create_task(
            EventConsumer(SearchIndex(store), Webhooks(store), broker, lambda: None).run(stop)
        )
        for _ in range(desks)
    ]
    try:
        await published(store, broker)
        yield
    finally:
        stop.request()
        await asyncio.wait_for(asyncio.gather(*running), PATIENCE_S)


async def published(store: Store, broker: Broker) -> None:
    await ChangePublisher(store, broker).sweep(timedelta(0))


async def entries(store: Store) -> dict[str, dict[str, Any]]:
    documents = await store.collection(SearchEntry.COLLECTION).find({})
    return {document["_id"]: document for document in documents}


async def test_events_bring_what_was_written_into_the_index(
    store: Store, repository: CaseRepository, search: CaseSearch, broker: Broker
) -> None:
    await open_case(store, 1, title="Reklamacja butów")
    await write(store, mail_key(1, "a"), text="W fakturze FV/12/2026 jest błąd.")
    async with indexing(store, broker, desks=2):
        await until_found(search, "faktura fv 12/2026", [(1, mail_key(1, "a"))])
        done = await repository.act(1, actions.AddNote(text="Called the warehouse"), OPERATOR)
        await published(store, broker)
        await until_found(search, "warehouses", [(1, done.comment)])
        await repository.act(
            1, actions.SetFields(fields={"invoice_number": "FS 77/2026"}), OPERATOR
        )
        await published(store, broker)
        await until_found(search, "fs/77/2026", [(1, None)])
        await repository.act(1, actions.SetTitle(title="Skarga"), OPERATOR)
        await published(store, broker)
        await until_found(search, "skargi", [(1, None)])
        assert await found(search, "reklamacja") == []


async def test_a_message_that_is_not_an_event_is_dead_lettered_and_delays_nothing(
    store: Store, search: CaseSearch, broker: Broker, servers: PrivateServers
) -> None:
    servers.broker.ctl("purge_queue", dead_name(DESK_INDEX))
    await open_case(store, 1)
    for body in (b"\xff", b"{}", b'{"type":"mailcase.case.split.v1"}'):
        await broker.publish(Outgoing("", DESK_INDEX, body, "x", "x"))
    split = (
        b'{"id":"1.9","type":"mailcase.case.split.v1","time":"2026-11-29T10:00:00Z",'
        b'"data":{"case":1,"revision":9,"process":"invoices","actor":"person","details":{}}}'
    )
    await broker.publish(Outgoing("", DESK_INDEX, split, "x", "x"))
    async with indexing(store, broker):
        await until_found(search, "hello", [(1, mail_key(1, "a"))])

    async def all_are_dead() -> bool:
        return await waiting(broker, dead_name(DESK_INDEX)) == 4

    await until(all_are_dead)
    servers.broker.ctl("purge_queue", dead_name(DESK_INDEX))


async def test_only_cases_of_the_given_processes_are_found(
    store: Store, search: CaseSearch
) -> None:
    await open_case(store, 1)
    await open_case(store, 2, process="help", stage="new")
    await index_all(store)
    assert {case for case, _ in await found(search, "hello")} == {1, 2}
    assert {case for case, _ in await found(search, "hello", ["help"])} == {2}
    assert await found(search, "hello", []) == []
    assert (await search.search("#1", BOTH)).jump == 1
    assert (await search.search("#1", ["help"])).jump is None
    assert (await search.search("#1", [])).jump is None
    assert (await search.search("[Case #2]", ["help"])).jump == 2
    assert (await search.search("3", BOTH)).jump is None


async def test_an_index_that_lags_behind_shows_nothing_of_a_process_that_is_closed_to_the_reader(
    store: Store, repository: CaseRepository, search: CaseSearch, broker: Broker
) -> None:
    await open_case(store, 1, mails=("a", "b"))
    await index_all(store)
    await repository.act(1, actions.Move(stage="new", process="help"), OPERATOR)
    assert await found(search, "hello", ["invoices"]) == []
    async with indexing(store, broker):
        expected = [(1, mail_key(1, "b")), (1, mail_key(1, "a"))]
        await until_found(search, "hello", expected, ["help"])
    assert await found(search, "hello", ["invoices"]) == []
    assert {entry["process"] for entry in (await entries(store)).values()} == {"help"}


async def test_comments_that_are_split_off_or_merged_are_found_in_their_case(
    store: Store, repository: CaseRepository, search: CaseSearch, broker: Broker
) -> None:
    await open_case(store, 1, mails=("a", "b"))
    await open_case(store, 5)
    await write(store, mail_key(1, "b"), text="a second matter")
    await index_all(store)
    done = await repository.act(1, actions.SplitOff(comments=[mail_key(1, "b")]), OPERATOR)
    async with indexing(store, broker):
        await until_found(search, "second matter", [(done.new_case, mail_key(1, "b"))])
        await repository.act(1, actions.MergeInto(target=5), OPERATOR)
        await published(store, broker)
    [first, *_] = (await search.search("Subject", ["invoices"])).hits
    merged = {hit.case: hit.merged_into for hit in (await search.search("hello", BOTH)).hits}
    assert merged == {1: 5, 5: None}
    assert first.title


async def test_indexing_again_gives_the_same_documents(store: Store) -> None:
    await open_case(store, 1, mails=("a", "b"))
    await index_all(store)
    before = await entries(store)
    assert set(before) == {"case 1", mail_key(1, "a"), mail_key(1, "b")}
    everything = Selection({mail_key(1, "a"), "unknown"}, {1, 77}, {1, 78})
    await asyncio.gather(*(SearchIndex(store).update(everything) for _ in range(8)))
    assert await entries(store) == before


async def test_a_rebuild_while_mail_arrives_leaves_every_entry_and_no_orphan(
    store: Store, repository: CaseRepository, broker: Broker
) -> None:
    for number in range(1, 31):
        await open_case(store, number)
    await index_all(store)
    orphans = [
        structs.replace(SearchEntry(**_fields()), id=key, terms=["hello"])
        for key in ("gone", "case 999")
    ]
    await store.collection(SearchEntry.COLLECTION).put_each([to_document(o) for o in orphans])
    shown: list[tuple[int, int]] = []

    async def working() -> None:
        for number in range(31, 41):
            await open_case(store, number)
            await repository.act(number - 30, actions.AddNote(text="A note"), OPERATOR)
            await published(store, broker)

    async with indexing(store, broker):
        await asyncio.gather(
            working(),
            SearchIndex(store).rebuild(lambda *at: shown.append(at)),
            working_titles(repository),
        )
        expected = {f"case {number}" for number in range(1, 41)}
        expected |= {c["_id"] for c in await store.collection(Comment.COLLECTION).find({})}

        async def all_are_indexed() -> bool:
            return set(await entries(store)) == expected

        await until(all_are_indexed)
    assert shown[-1][0] >= 60
    before = await entries(store)
    await index_all(store)
    after = await entries(store)
    assert {k: v["terms"] for k, v in after.items()} == {k: v["terms"] for k, v in before.items()}


async def working_titles(repository: CaseRepository) -> None:
    for number in range(11, 21):
        await repository.act(number, actions.SetTitle(title=f"Title {number}"), OPERATOR)


def _fields() -> dict[str, Any]:
    now = datetime(2026, 11, 29, tzinfo=UTC)
    return {
        "id": "x", "case": 1, "process": "invoices", "time": now, "rank": 1, "revision": 1, "terms": []
    }  # fmt: skip


async def test_pages_give_every_hit_once_even_when_all_are_of_one_time(
    store: Store, search: CaseSearch
) -> None:
    at = datetime(2026, 11, 29, 10, 0, tzinfo=UTC)
    await open_case(store, 1)
    comments = [to_document(comment(mail_key(1, f"x{n}"), 1, at)) for n in range(25)]
    await store.collection(Comment.COLLECTION).insert(comments)
    await index_all(store)
    seen, cursor = [], None
    for _ in range(20):
        page = await search.search("hello", BOTH, limit=4, cursor=cursor)
        seen += [hit.comment for hit in page.hits]
        cursor = page.next
        if cursor is None:
            break
    assert len(seen) == 26
    assert len(set(seen)) == 26


async def test_the_latest_hit_comes_first_with_its_snippet(
    store: Store, search: CaseSearch
) -> None:
    await open_case(store, 1, mails=("a", "b"))
    await write(store, mail_key(1, "a"), text="Proszę o kopię umowy najmu.")
    await write(store, mail_key(1, "b"), text="Umowa w załączniku.")
    await index_all(store)
    first, second = (await search.search("umowie", BOTH)).hits
    assert (first.comment, second.comment) == (mail_key(1, "b"), mail_key(1, "a"))
    assert second.snippet.text == "Proszę o kopię umowy najmu."
    assert [second.snippet.text[a:b] for a, b in second.snippet.marks] == ["umowy"]
    assert (first.author, first.title, first.status) == ("Jan", "Invoice 12/2026", "open")


@pytest.mark.parametrize("text", ["", "a", "?", "  "])
async def test_a_search_for_nothing_is_refused(search: CaseSearch, text: str) -> None:
    with pytest.raises(InvalidSearchError, match="give a word"):
        await search.search(text, BOTH)


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "W10", "e30", "WzEsWzFdXQ", OVER_64_BITS, "ą", "!" * 10_000],
)
async def test_a_cursor_of_someone_else_is_refused(search: CaseSearch, cursor: str) -> None:
    with pytest.raises(InvalidSearchError, match="cursor"):
        await search.search("hello", BOTH, cursor=cursor)


async def test_a_search_that_takes_too_long_is_refused_with_a_way_out(
    store: Store, search: CaseSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    await open_case(store, 1)
    await index_all(store)
    slowly = {"$where": "sleep(60000) || true"}  # the database ends it at the limit
    query = matching._query
    monkeypatch.setattr(matching, "_query", lambda *given: {"$and": [query(*given), slowly]})
    monkeypatch.setattr(matching, "MAX_QUERY_MS", 20)
    with pytest.raises(InvalidSearchError, match="rarer word"):
        await search.search("hello", BOTH)


@pytest.fixture
async def of_jan(store: Store) -> Store:
    """A mail from Jan, and a case of someone else that quotes Jan, both in the index."""
    await open_case(store, 1, opened_by=Person(NAME, JAN), participants=[JAN], title=f"Od: {NAME}")
    author = {"name": NAME, "address": JAN}
    await write(store, mail_key(1, "a"), author=author, text=PHRASE, full_text=PHRASE)
    await open_case(store, 2)
    quoting = f"Dear {NAME}, you wrote: {PHRASE} See {JAN}."
    await write(store, mail_key(2, "a"), text=quoting, full_text=quoting)
    await index_all(store)
    return store


TRACES = (b"kolano", b"marcow", b"janislaw", b"kowalski@customer", b"kowalsk")


async def every_byte(store: Store) -> bytes:
    documents = await store.collection(SearchEntry.COLLECTION).find({})
    return b"\n".join(BSON.encode(document) for document in documents)


async def test_an_erasure_leaves_no_term_of_the_person(
    of_jan: Store, search: CaseSearch, broker: Broker
) -> None:
    before = await every_byte(of_jan)
    assert all(trace in before for trace in TRACES)
    await Eraser(of_jan, PROCESSES).erase(JAN, ANNA)
    assert [trace for trace in TRACES if trace in await every_byte(of_jan)] == []
    async with indexing(of_jan, broker):
        await until_found(search, "you wrote", [(2, mail_key(2, "a"))])
    await index_all(of_jan)
    assert [trace for trace in TRACES if trace in await every_byte(of_jan)] == []
    assert await found(search, "kolano") == []


async def test_a_retired_case_leaves_no_term(of_jan: Store) -> None:
    await CaseRepository(of_jan, PROCESSES).act(1, actions.Close(), OPERATOR)
    await index_all(of_jan)
    keeping = {"invoices": structs.replace(PROCESSES["invoices"], retention_days=1)}
    await Eraser(of_jan, keeping).retire(datetime.now(UTC) + timedelta(days=2), ANNA)
    of_case = await of_jan.collection(SearchEntry.COLLECTION).find({"case": 1})
    assert {entry["_id"]: entry["terms"] for entry in of_case} == {
        "case 1": [],
        mail_key(1, "a"): [],
    }


@pytest.mark.parametrize("indexed_before", [True, False])
async def test_an_indexer_that_read_a_text_before_its_erasure_writes_nothing_of_it(
    of_jan: Store, monkeypatch: pytest.MonkeyPatch, *, indexed_before: bool
) -> None:
    """The indexer is paused between reading and writing while the erasure commits."""
    if not indexed_before:
        await of_jan.collection(SearchEntry.COLLECTION).delete({})
    was_read, go_on, builds = threading.Event(), threading.Event(), []

    def held(*arguments: Any) -> Iterator[SearchEntry]:
        builds.append(arguments)
        if len(builds) == 1:
            was_read.set()
            assert go_on.wait(PATIENCE_S)
        return build_entries(*arguments)

    monkeypatch.setattr(index_module, "build_entries", held)
    late = asyncio.create_task(SearchIndex(of_jan).update(Selection({mail_key(1, "a")})))
    assert await asyncio.to_thread(was_read.wait, PATIENCE_S)
    await Eraser(of_jan, PROCESSES).erase(JAN, ANNA)
    go_on.set()
    await asyncio.wait_for(late, PATIENCE_S)
    # An entry as the indexer found it is not written; any other meets the erasure's write.
    assert len(builds) == (1 if indexed_before else 2)
    terms = (await entries(of_jan))[mail_key(1, "a")]["terms"]
    assert terms == ([] if indexed_before else ["eras", "erased"])
    assert [trace for trace in TRACES if trace in await every_byte(of_jan)] == []


async def test_everything_is_indexed_although_there_is_always_a_request(store: Store) -> None:
    numbers = range(1, UPDATED_TOGETHER + 2)
    for number in numbers:
        await open_case(store, number)
    activity = Activity()
    activity.begin()
    comments = {mail_key(number, "a") for number in numbers}
    await SearchIndex(store, activity).update(Selection(comments, own=set(numbers)))
    assert (await entries(store)).keys() == comments | set(map(case_entry_id, numbers))


async def test_a_comment_whose_case_is_gone_has_no_entry(store: Store) -> None:
    await open_case(store, 1)
    await index_all(store)
    await store.collection(Case.COLLECTION).delete({"_id": 1})
    await SearchIndex(store).update(Selection(whole={1}))
    assert await entries(store) == {}
