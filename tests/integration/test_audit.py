"""The audit finds nothing where all is well, and each kind of damage that is done to a database."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from deploy.local import PrivateServers
from schemas.cases import Command, ParkMail
from services.case_writer.sweeping import Sweeper
from services.cli.auditing.checks import Auditor
from services.runtime.blobs import Blobs
from services.runtime.store import Store
from tests.builders import appending, ignoring, opening, parking, raw_bytes
from tests.integration.test_case_writer import handle_in_batches

FILE = (
    'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n\r\ntext\r\n'
    '--b\r\nContent-Type: image/png; name="a.png"\r\n\r\n{}\r\n--b--\r\n'
)


def with_file(name: str) -> Command:
    return opening(
        name, raw=raw_bytes(headers=f"Message-ID: <{name}@x.example>\r\n" + FILE.format(name)), key=name * 64
    )


@pytest.fixture(scope="module")
async def store(servers: PrivateServers) -> AsyncIterator[Store]:
    """Three cases with a file each, one of them answered, a case without; a parked and an ignored mail."""
    database = f"test_{uuid.uuid4().hex[:12]}"
    async with Store.opened(servers.store.url, database) as opened:
        await Blobs(opened).ensure_indexes()
        await Sweeper(opened).ensure_indexes()
        commands = [with_file(name) for name in "abc"]
        commands += [appending("d", 1, thread_ids=["<a@x.example>"]), appending("e", 2), parking("f"), ignoring("g")]
        assert isinstance(commands[-2], ParkMail)
        await handle_in_batches(servers.store.url, database, commands)
        yield opened


async def findings(store: Store, *, deep: bool = False) -> list[str]:
    return sorted({one.check async for one in Auditor(store, deep=deep).findings() if not one.harmless})


async def test_nothing_is_wrong_and_the_sums_add_up(store: Store) -> None:
    auditor = Auditor(store, deep=True)
    assert [finding async for finding in auditor.findings()] == []
    assert {name: auditor.sums[name] for name in ("mails", "opened", "appended", "parked", "ignored")} == {
        "mails": 7,
        "opened": 4,
        "appended": 1,
        "parked": 1,
        "ignored": 1,
    }


Change = dict[str, Any] | None

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
    "a lost case": ("cases", {"_id": 2}, None, "comment-without-case number-gap thread-without-case"),
    "a wrong count": ("cases", {"_id": 1}, {"$inc": {"comment_count": 1}}, "comment-count"),
    "a second opener": ("mails", {"outcome": "appended"}, {"$set": {"outcome": "opened"}}, "case-openers"),
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
    "a lost content": ("mails", {"outcome": "parked"}, {"$set": {"raw": None}}, "aside-mail-without-content"),
    "a lost file": ("blobs.files", {"length": 1}, None, "blob-missing"),
    "a lost chunk": ("blobs.chunks", {"data": b"a"}, None, "blob-torn"),
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
async def damaged(store: Store, collection: str, query: dict[str, Any], change: Change) -> AsyncIterator[None]:
    """One document changed, or gone, and as it was at the end."""
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
