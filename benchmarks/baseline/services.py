"""The baselines: bare programs with the server operations of a service, optionally with the
necessary work.

    python -m benchmarks.baseline.services fetcher|router|case-writer SETTINGS

Each makes the broker and database operations of a service, with the same bytes and the same client
libraries, but does nothing else: no decisions, no reading, no keys, no logs, no metrics, no
retries. Their cost is what RabbitMQ, MongoDB and Dovecot cost per mail through these libraries. The
fetcher's baseline fetches the next mails while it publishes; those of the router and the writer
prefetch messages. The writer's does not read from the database first. With `works` in the settings,
they also do the work of `baseline.work`.
"""

import asyncio
import itertools
import json
import queue
import ssl
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import uvloop
from imap_tools import MailBox
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorDatabase
from pymongo import ReturnDocument
from pymongo.write_concern import WriteConcern

from benchmarks.baseline.broker import Link
from benchmarks.baseline.mails import (
    BENCH,
    ENVELOPE,
    HEAD_BYTES,
    INLINE_BYTES,
    Filled,
    Shapes,
    blob_documents,
    mark_of,
)
from benchmarks.baseline.work import find_fields, hash_mail
from services.fetcher.imap.polling import MIN_POLL_S
from services.runtime.broker.topology import (
    CASE,
    CASE_WRITER_COMMANDS,
    EVENT,
    MAIL,
    ROUTER_MAIL,
    private_queue_name,
    receipt_key,
)

BATCH = 50
BYTES_AT_ONCE = 8 * 1024 * 1024
IN_FLIGHT = 200
READY = "floor ready"


class Where(msgspec.Struct):
    """The servers, and the mailbox's account."""

    broker: str
    store: str
    database: str
    imaps_port: int
    ca_file: str
    user: str
    password: str
    works: bool = False  # whether the programs do the necessary work on each mail


class Mailbox:
    """Reads literals from an IMAP folder. `recorded` may be called from another thread than the
    rest.
    """

    def __init__(self, where: Where) -> None:
        context = ssl.create_default_context(cafile=where.ca_file)
        self._box = MailBox("localhost", where.imaps_port, ssl_context=context).login(
            where.user, where.password
        )
        self._taken: list[int] = []
        self._news: list[tuple[int, int]] = []
        self._last = 0
        self._recorded: queue.SimpleQueue[int] = queue.SimpleQueue()

    def recorded(self, count: int) -> None:
        self._recorded.put(count)

    def next_literals(self) -> list[bytes]:
        """Delete recorded mails, then fetch up to fifty mails; empty if there are none."""
        self._delete()
        if not self._news:
            self._look()
        if not self._news or len(self._taken) + min(len(self._news), BATCH) > IN_FLIGHT:
            return []
        size = 0
        batch: list[int] = []
        while (
            self._news
            and len(batch) < BATCH
            and (not batch or size + self._news[0][1] <= BYTES_AT_ONCE)
        ):
            uid, length = self._news.pop(0)
            batch.append(uid)
            size += length
        _, data = self._box.client.uid("FETCH", _set(batch), "(UID INTERNALDATE BODY.PEEK[])")
        self._taken += batch
        return [item[1] for item in data if isinstance(item, tuple)]

    def _look(self) -> None:
        self._box.client.noop()  # without it, Dovecot looks for new mail only once a second
        _, data = self._box.client.uid("SEARCH", f"UID {self._last + 1}:* UNDELETED")
        uids = [uid for uid in map(int, data[0].split()) if uid > self._last]
        if uids:
            self._last = uids[-1]
            _, data = self._box.client.uid("FETCH", _set(uids), "(UID RFC822.SIZE INTERNALDATE)")
            sizes = [
                line.partition(b"RFC822.SIZE ")[2].partition(b" ")[0].rstrip(b")") for line in data
            ]
            self._news = list(zip(uids, map(int, sizes), strict=True))

    def _delete(self) -> None:
        count = 0
        while not self._recorded.empty():
            count += self._recorded.get()
        if count:
            uids = _set(self._taken[:count])
            del self._taken[:count]
            self._box.client.uid("STORE", uids, "+FLAGS.SILENT", r"(\Deleted)")
            self._box.client.uid("EXPUNGE", uids)


def _set(uids: Sequence[int]) -> str:
    """A range of UIDs; those of the benchmark's mails are consecutive."""
    return f"{uids[0]}:{uids[-1]}"


async def fetcher(where: Where) -> None:
    """Publish literals to the broker; store large ones in the blob store first, as the fetcher
    does.
    """
    database = _database(where)
    async with Link.opened(where.broker) as link:
        mailbox = Mailbox(where)
        receipts = await link.consume_own(private_queue_name(BENCH), EVENT, receipt_key(BENCH))
        thread = ThreadPoolExecutor(1)
        loop = asyncio.get_running_loop()

        async def count_receipts() -> None:
            async for bodies in receipts.batches(1000):
                mailbox.recorded(sum(body.count(b",") - 1 for body in bodies))

        counting = asyncio.create_task(count_receipts())
        print(READY, flush=True)
        taking = loop.run_in_executor(thread, mailbox.next_literals)
        while not counting.done():
            literals = await taking
            if not literals:
                await asyncio.sleep(MIN_POLL_S)  # as soon as the fetcher does after a mail
            taking = loop.run_in_executor(thread, mailbox.next_literals)
            if where.works:
                for literal in literals:
                    hash_mail(literal)
            for large in (literal for literal in literals if len(literal) > INLINE_BYTES):
                await _put(database, [(mark_of(large)[1].decode(), large)])
            bodies = [
                ENVELOPE + (literal if len(literal) <= INLINE_BYTES else literal[:HEAD_BYTES])
                for literal in literals
            ]
            await link.publish(MAIL, f"raw.{BENCH}.{BENCH}", bodies)


async def router(where: Where) -> None:
    """Move messages from one queue to the next."""
    async with Link.opened(where.broker) as link:
        mails = await link.consume(ROUTER_MAIL, prefetch=2 * BATCH)
        print(READY, flush=True)
        async for bodies in mails.batches(BATCH):
            if where.works:
                for body in bodies:
                    find_fields(body)
            await link.publish(CASE, f"open.{BENCH}", bodies)
            await mails.acknowledge()


async def writer(where: Where) -> None:
    """Write mails from the queue to the database, fifty per transaction; then publish an event per
    mail, and a receipt.
    """
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(where.store)
    database = _database(where, client)
    shapes = Shapes()
    await database["blobs.chunks"].create_index([("files_id", 1), ("n", 1)], unique=True)
    numbers = itertools.count(1)
    async with Link.opened(where.broker) as link:
        commands = await link.consume(CASE_WRITER_COMMANDS, prefetch=2 * BATCH)
        print(READY, flush=True)
        async for bodies in commands.batches(BATCH):
            batch: list[Filled] = []
            for body in bodies:
                filled = shapes.filled(body, next(numbers))
                raw = await _whole(database, filled.blob) if filled.blob else body[len(ENVELOPE) :]
                batch.append(shapes.with_work(filled, raw) if where.works else filled)
            contents = [content for delivery in batch for content in delivery.contents]
            await _put(database, contents)
            await _write(client, database, batch)
            await link.publish(
                EVENT,
                f"case.opened.{BENCH}",
                [delivery.event for delivery in batch],
                mandatory=False,
            )
            receipt = json.dumps(
                {
                    "type": "MailsRecorded.v1",
                    "mailbox": BENCH,
                    "keys": [delivery.key for delivery in batch],
                }
            )
            await link.publish(EVENT, receipt_key(BENCH), [receipt.encode()], mandatory=False)
            await commands.acknowledge()


async def _whole(database: Any, blob: str) -> bytes:
    chunks = await database["blobs.chunks"].find({"files_id": blob}).sort("n").to_list(None)
    return b"".join([chunk["data"] for chunk in chunks])


async def _write(client: Any, database: Any, batch: Sequence[Filled]) -> None:
    async with (
        await client.start_session() as session,
        session.start_transaction(write_concern=WriteConcern("majority")),
    ):
        await database["counters"].find_one_and_update(
            {"_id": "case"},
            {"$inc": {"value": len(batch)}},
            upsert=True,
            return_document=ReturnDocument.AFTER,
            session=session,
        )
        for name in ("mails", "comments", "cases", "changes", "threads", "senders"):
            await database[name].insert_many(
                [delivery.stored[name] for delivery in batch], session=session
            )
        changes = [delivery.stored["changes"]["_id"] for delivery in batch]
        publication = {"_id": changes[0], "changes": changes, "at": datetime.now(UTC)}
        await database["publications"].insert_one(publication, session=session)


async def _put(database: Any, contents: Sequence[tuple[str, bytes]]) -> None:
    if contents:
        files, chunks = blob_documents(contents)
        for start in range(0, len(chunks), 32):
            await database["blobs.chunks"].insert_many(chunks[start : start + 32], ordered=False)
        await database["blobs.files"].insert_many(files, ordered=False)


def _database(where: Where, client: Any = None) -> "AsyncIOMotorDatabase[dict[str, Any]]":
    return (client or AsyncIOMotorClient(where.store)).get_database(
        where.database, write_concern=WriteConcern("majority")
    )


if __name__ == "__main__":
    settings = msgspec.json.decode(Path(sys.argv[2]).read_bytes(), type=Where)
    uvloop.run({"fetcher": fetcher, "router": router, "case-writer": writer}[sys.argv[1]](settings))
