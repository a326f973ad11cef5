"""The audit finds nothing in a correct database, and every kind of damage in a damaged one."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest

from deploy.local import PrivateServers
from schemas.cases import Command, ParkMail
from schemas.stored import OutgoingMail, to_document
from services.case_writer.housekeeping.blob_sweep import Sweeper
from services.cli.audit.checks import Auditor
from services.runtime.store.blobs import Blobs
from services.runtime.store.collection import Session
from services.runtime.store.errors import ConflictError
from services.runtime.store.mongo import Store
from services.sender.comments import comment_of
from services.sender.outbox import MongoOutbox
from services.sender.ports import Ending
from tests.builders import appending, ignoring, opening, parking, raw_bytes
from tests.integration.case_writer.test_case_writer import handle_in_batches
from tests.unit.sender.builders import outgoing

T = TypeVar("T")

FILE = (
    'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n\r\ntext\r\n'
    '--b\r\nContent-Type: image/png; name="a.png"\r\n\r\n{}\r\n--b--\r\n'
)


def with_file(name: str) -> Command:
    return opening(
        name,
        raw=raw_bytes(headers=f"Message-ID: <{name}@x.example>\r\n" + FILE.format(name)),
        key=name * 64,
    )


@pytest.fixture(scope="module")
async def store(servers: PrivateServers) -> AsyncIterator[Store]:
    """Three cases with a file each, one of them answered, and a case without files; a parked and an
    ignored mail.
    """
    database = f"test_{uuid.uuid4().hex[:12]}"
    async with Store.opened(servers.store.url, database) as opened:
        await Blobs(opened).ensure_indexes()
        await Sweeper(opened).ensure_indexes()
        commands = [with_file(name) for name in "abc"]
        commands += [
            appending("d", 1, thread_ids=["<a@x.example>"]),
            appending("e", 2),
            parking("f"),
            ignoring("g"),
        ]
        assert isinstance(commands[-2], ParkMail)
        await handle_in_batches(servers.store.url, database, commands)
        await send(opened, 1, caused_by=commands[0].mail.key)
        await opened.collection("outbox").insert(
            [to_document(waiting(2, caused_by=commands[1].mail.key))]
        )
        yield opened


def waiting(case: int, **more: Any) -> OutgoingMail:
    now = datetime.now(UTC)
    fields: dict[str, Any] = {
        "id": f"ack {case}",
        "case": case,
        "state": "pending",
        "created_at": now,
        "due_at": now,
    }
    return outgoing(**(fields | {"message_id": f"<ack.{case}@office.example>"} | more))


async def send(store: Store, case: int, **more: Any) -> None:
    """An acknowledgement that was sent."""
    outbox = MongoOutbox(store)
    await store.collection("outbox").insert([to_document(waiting(case, **more))])
    now = datetime.now(UTC)  # after the mail's due time, which is stored in whole milliseconds
    mail = await outbox.claim(f"ack {case}", "claim", now, now)
    assert mail is not None
    ending = Ending("sent", now, None, comment_of(mail, now, sent=True, failure=None))
    assert await outbox.end(mail, "claim", ending)


async def findings(store: Store, *, deep: bool = False) -> list[str]:
    return sorted(
        {
            finding.check
            async for finding in Auditor(store, deep=deep).findings()
            if not finding.harmless
        }
    )


async def test_nothing_is_wrong_and_the_sums_add_up(store: Store) -> None:
    auditor = Auditor(store, deep=True)
    assert [finding async for finding in auditor.findings()] == []
    assert {
        name: auditor.sums[name] for name in ("mails", "opened", "appended", "parked", "ignored")
    } == {
        "mails": 7,
        "opened": 4,
        "appended": 1,
        "parked": 1,
        "ignored": 1,
    }


Change = dict[str, Any] | None

FIELD = {
    "value": "1.00 PLN",
    "source": "invoice",
    "evidence": "invoice.xml",
    "at": datetime(2026, 11, 29, tzinfo=UTC),
    "rule": None,
}

# collection, which document, what is done to it (None: it is gone), what is found
DAMAGES: dict[str, tuple[str, dict[str, Any], Change, str]] = {
    "a lost outcome": ("mails", {"outcome": "appended"}, None, "comment-without-mail"),
    "a lost comment": (
        "comments",
        {"_id": "c" * 64},
        None,
        "attachment-count case-openers comment-count mail-without-comment",
    ),
    "a comment elsewhere": (
        "comments",
        {"_id": "c" * 64},
        {"$set": {"case": 1}},
        "attachment-count case-openers comment-count mail-in-two-cases",
    ),
    "a lost case": (
        "cases",
        {"_id": 2},
        None,
        "change-without-case comment-without-case number-gap outgoing-without-case thread-without-case",
    ),
    "a lost entry of a history": ("changes", {"_id": "1.2"}, None, "history-gap"),
    "a case changed past its history": (
        "cases",
        {"_id": 1},
        {"$set": {"title": "other"}},
        "history-differs",
    ),
    "a merge into nothing": (
        "cases",
        {"_id": 1},
        {"$set": {"merged_into": 99}},
        "history-differs merged-case-open merged-into-nothing",
    ),
    "a reference to nothing": (
        "cases",
        {"_id": 1},
        {"$set": {"refers_to": 99}},
        "refers-to-nothing",
    ),
    "a link to nothing": (
        "cases",
        {"_id": 1},
        {"$set": {"links": [{"case": 99, "kind": "corrects", "by": "fields"}]}},
        "history-differs linked-to-nothing",
    ),
    "a field of no mail": (
        "cases",
        {"_id": 1},
        {"$set": {"fields": {"amount": FIELD | {"by": "z" * 64}}}},
        "field-without-mail history-differs",
    ),
    "a wrong count": ("cases", {"_id": 1}, {"$inc": {"comment_count": 1}}, "comment-count"),
    "a second opener": (
        "mails",
        {"outcome": "appended"},
        {"$set": {"outcome": "opened"}},
        "case-openers",
    ),
    "a thread to nowhere": (
        "threads",
        {"claimed_by": "a" * 64},
        {"$set": {"case": 99}},
        "thread-in-another-case thread-without-case",
    ),
    "a thread of nobody": (
        "threads",
        {"claimed_by": "a" * 64},
        {"$set": {"claimed_by": "z" * 64}},
        "thread-of-no-mail",
    ),
    "a lost content": (
        "mails",
        {"outcome": "parked"},
        {"$set": {"raw": None}},
        "aside-mail-without-content",
    ),
    "a lost file": ("blobs.files", {"length": 1}, None, "blob-missing"),
    "a lost chunk": ("blobs.chunks", {"data": b"a"}, None, "blob-torn"),
    "an outgoing mail of no case": (
        "outbox",
        {"_id": "ack 2"},
        {"$set": {"case": 99}},
        "outgoing-twice outgoing-without-case",
    ),
    "a second acknowledgement": (
        "outbox",
        {"_id": "ack 2"},
        {"$set": {"case": 1}},
        "outgoing-twice",
    ),
    "an acknowledgement of nothing": (
        "outbox",
        {"_id": "ack 2"},
        {"$set": {"caused_by": "x"}},
        "outgoing-without-cause",
    ),
    "a mail that nobody sends": (
        "outbox",
        {"_id": "ack 2"},
        {"$set": {"due_at": datetime(2026, 1, 1, tzinfo=UTC)}},
        "outgoing-stuck",
    ),
    "a mail that is stuck in sending": (
        "outbox",
        {"_id": "ack 2"},
        {"$set": {"due_at": datetime(2026, 1, 1, tzinfo=UTC), "state": "claimed"}},
        "outgoing-stuck",
    ),
    "a mail about to go out again": (
        "outbox",
        {"_id": "ack 1"},
        {"$set": {"state": "pending"}},
        "outgoing-again",
    ),
    "an end that is not shown": (
        "outbox",
        {"_id": "ack 2"},
        {"$set": {"state": "refused"}},
        "outgoing-without-comment",
    ),
    "a sent mail in another case": (
        "comments",
        {"kind": "sent"},
        {"$set": {"case": 3}},
        "comment-count outgoing-in-two-cases thread-in-another-case",
    ),
    "a counter set back": ("counters", {}, {"$set": {"value": 2}}, "number-beyond-counter"),
}


@pytest.mark.parametrize("damage", DAMAGES)
async def test_each_kind_of_damage_is_found(store: Store, damage: str) -> None:
    collection, query, change, found = DAMAGES[damage]
    async with damaged(store, collection, query, change):
        assert await findings(store) == found.split()
    assert await findings(store) == []


async def test_a_bit_that_flipped_is_found_by_reading_everything(store: Store) -> None:
    async with damaged(store, "blobs.chunks", {"data": b"a"}, {"$set": {"data": b"b"}}):
        assert await findings(store) == []
        assert await findings(store, deep=True) == ["blob-torn"]


@asynccontextmanager
async def damaged(
    store: Store, collection: str, query: dict[str, Any], change: Change
) -> AsyncIterator[None]:
    """Change or remove one document, and restore it at the end."""
    documents = store.collection(collection)
    [one, *_] = await documents.find(query)
    if change is None:
        await documents.delete({"_id": one["_id"]})
    else:
        await documents.update({"_id": one["_id"]}, change)
    try:
        yield
    finally:
        await documents.delete({"_id": one["_id"]})
        await documents.insert([one])


async def test_a_case_too_large_for_one_transaction_is_counted_too(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.cli.audit.checks.COMMENTS_AT_ONCE", 1)
    assert [
        finding async for finding in Auditor(store).findings() if finding.check == "comment-count"
    ] == []
    cases = store.collection("cases")
    await cases.update({"_id": 1}, {"$inc": {"comment_count": 1}})
    try:
        found = [
            finding.what
            async for finding in Auditor(store).findings()
            if finding.check == "comment-count"
        ]
    finally:
        await cases.update({"_id": 1}, {"$inc": {"comment_count": -1}})
    assert [what.partition(" has")[0] for what in found] == ["case 1"]


async def test_a_page_is_read_again_if_its_snapshot_is_refused(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As while a service that starts creates an index."""
    transaction, refused = store.transaction, list[int]()

    async def refusing(body: Callable[[Session], Awaitable[T]]) -> T:
        refused.append(len(refused))
        if len(refused) % 3 != 0:
            raise ConflictError("the database: Unable to acquire IX lock")
        return await transaction(body)

    monkeypatch.setattr(store, "transaction", refusing)
    auditor = Auditor(store)
    assert [finding async for finding in auditor.findings()] == []
    assert auditor.sums["mails"] == 7
    assert len(refused) > 10
