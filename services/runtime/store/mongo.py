"""MongoDB behind one adapter: the connection and its transactions.

The interface uses dicts for documents and the errors of `services.runtime.errors`, so that a change
from Motor to PyMongo's own async API is confined to this folder.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

import bson
import pymongo
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorClientSession, AsyncIOMotorDatabase
from pymongo import errors as mongo
from pymongo.client_session import ClientSession
from pymongo.collection import Collection as SyncCollection
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from services.runtime.store.collection import Collection, Document, Session
from services.runtime.store.driver_errors import translate_driver_errors
from services.runtime.store.errors import UnclearCommitError
from services.runtime.store.raw import RawDatabase

T = TypeVar("T")

# A slow response must not delay a mail forever. A write that times out is repeated, which is safe.
# Values in the URL take precedence.
_CLIENT_OPTIONS: dict[str, Any] = {
    "appname": "mailcase",
    "tz_aware": True,
    "connectTimeoutMS": 5_000,
    "serverSelectionTimeoutMS": 5_000,
    "socketTimeoutMS": 30_000,
}
_WRITE_TIMEOUT_MS = 10_000
_COMMIT_ATTEMPTS = 3
_CLOSE_S = 2.0
_COMMAND_DOCUMENTS = 20  # inserted by a plain command
_COMMAND_BYTES = 1024 * 1024  # the same; the driver allows 16 MiB
_LOOKUP = "_lookup"  # the field that a document has only on its way here


@dataclass(frozen=True)
class Lookup:
    """Documents of a collection by their ids: `fields` of them, or all."""

    collection: str
    ids: Sequence[Any]
    fields: Sequence[str] | None = None


class Store:
    """A database; `collection(name)` returns its collections."""

    def __init__(self, url: str, database: str, *, connections: int = 0) -> None:
        """So many `connections` are opened in advance and stay open, so that no operation waits for
        a new one. More are opened when they are needed.
        """
        with translate_driver_errors():
            self._client: AsyncIOMotorClient[Document] = AsyncIOMotorClient(
                url, **_options_beside(url, connections)
            )
        self._idle: list[AsyncIOMotorClientSession] = []
        self._database: AsyncIOMotorDatabase[Document] = self._client.get_database(
            database,
            codec_options=CodecOptions(tz_aware=True),
            # Not overridden by the URL: what was just written must be visible, and a secondary lags
            # behind.
            read_preference=pymongo.ReadPreference.PRIMARY,
            read_concern=ReadConcern("majority"),
            write_concern=WriteConcern(w="majority", wtimeout=_WRITE_TIMEOUT_MS),
        )

    @classmethod
    @asynccontextmanager
    async def opened(
        cls, url: str, database: str, *, connections: int = 0
    ) -> AsyncIterator["Store"]:
        """A store that connects at its first use, as `Store` does; closed at the end of the
        block.
        """
        store = cls(url, database, connections=connections)
        try:
            yield store
        finally:
            await store._close()

    async def _close(self) -> None:
        """Close the client, and wait at most _CLOSE_S for a server that does not respond.

        The driver first ends its sessions on the server, and blocks the thread meanwhile.
        """
        loop, closed = asyncio.get_running_loop(), asyncio.Event()

        def close() -> None:
            for driver in self._idle:
                driver.delegate.end_session()
            self._client.close()
            with suppress(RuntimeError):  # the loop is closed: nobody waits
                loop.call_soon_threadsafe(closed.set)

        threading.Thread(target=close, name="closes the database", daemon=True).start()
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_S):
                await closed.wait()

    def collection(self, name: str) -> Collection:
        return Collection(self._database, name)

    def raw(self) -> RawDatabase:
        """The database as raw documents, for backups."""
        return RawDatabase(self._client, self._database)

    async def ping(self) -> None:
        """Raise TransientError unless a primary responds."""
        with translate_driver_errors():
            await self._client.admin.command({"ping": 1})

    async def find_by_ids(self, *lookups: Lookup) -> list[list[Document]]:
        """The documents of each lookup, in any order, in one round trip for all of them."""
        asked = [number for number, lookup in enumerate(lookups) if lookup.ids]
        found: list[list[Document]] = [[] for _ in lookups]
        if not asked:
            return found
        first, *others = asked
        pipeline = [
            *_stages(first, lookups[first]),
            *(
                {
                    "$unionWith": {
                        "coll": lookups[number].collection,
                        "pipeline": _stages(number, lookups[number]),
                    }
                }
                for number in others
            ),
        ]
        most = sum(len(lookup.ids) for lookup in lookups)
        with translate_driver_errors():
            cursor = self._database[lookups[first].collection].aggregate(
                pipeline, batchSize=most + 1
            )
            for document in await cursor.to_list(None):
                found[document.pop(_LOOKUP)].append(document)
        return found

    async def insert_together(
        self, documents: Mapping[str, Sequence[Document]], session: Session
    ) -> None:
        """Insert the documents of each collection, as `Collection.insert` does.

        The driver's thread is called once for all of them. A call for each would take longer than
        the server does.
        """
        database, driver = self._database.delegate, session.driver.delegate

        def insert() -> None:
            for name, inserted in documents.items():
                if inserted:
                    _insert(database[name], inserted, driver)

        with translate_driver_errors():
            await asyncio.to_thread(insert)

    async def prove_majority(self) -> None:
        """Raise TransientError unless a majority accepts a write. A ping is not enough: a primary
        that cannot replicate responds to it.
        """
        change = {"$currentDate": {"at": True}}
        with translate_driver_errors():
            await self._database["probes"].update_one({"_id": "majority"}, change, upsert=True)

    async def now(self) -> datetime:
        """The time by the primary's clock."""
        with translate_driver_errors():
            hello = await self._client.admin.command("hello")
        now: datetime = hello["localTime"]  # in UTC, although responses to commands do not say so
        return now.replace(tzinfo=UTC)

    async def server(self) -> Document:
        """The server's `version`, and its `setName` if it is a replica set."""
        with translate_driver_errors():
            build = await self._client.admin.command("buildInfo")
            hello = await self._client.admin.command("hello")
        return {
            "version": build["version"],
            "setName": hello.get("setName"),
            "hosts": hello.get("hosts", []),
        }

    async def transaction(self, body: Callable[[Session], Awaitable[T]]) -> T:
        """Run `body` in one transaction, which a majority has written when this returns.

        Raises ConflictError, UnclearCommitError, TransientError or PermanentError. Only after
        UnclearCommitError may the transaction have been written.
        """
        with translate_driver_errors():
            async with self._session() as driver, self._begin(driver):
                result = await body(Session(driver))
                await _commit(driver)
            return result

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[AsyncIOMotorClientSession]:
        """A session that no other transaction uses; it is kept for the next one.

        A transaction whose connection became unresponsive stays open on the server and blocks the
        case counter for more than a minute. The next transaction of the same session ends it at
        once, and makes the server reject its late operations (driver specification, transactions,
        txnNumber).
        """
        driver = self._idle.pop() if self._idle else await self._client.start_session()
        try:
            yield driver
        except asyncio.CancelledError:
            # an operation of it may still be running in the driver's thread
            await driver.end_session()
            raise
        except Exception:
            self._idle.append(driver)
            raise
        self._idle.append(driver)

    @asynccontextmanager
    async def _begin(self, driver: AsyncIOMotorClientSession) -> AsyncIterator[None]:
        driver.start_transaction(
            read_concern=ReadConcern("snapshot"),
            write_concern=WriteConcern(w="majority", wtimeout=_WRITE_TIMEOUT_MS),
            read_preference=pymongo.ReadPreference.PRIMARY,
        )
        try:
            yield
        finally:
            if driver.in_transaction:  # type: ignore[truthy-function] # a property, which the stubs show as a method
                await _abort(driver)


def _insert(
    collection: SyncCollection[Document], documents: Sequence[Document], driver: ClientSession
) -> None:
    """Insert with one plain command if the documents are few and small.

    `insert_many` takes a third longer for a few of them, but not for many. For large ones, the
    driver refuses a plain command, which would end the transaction.
    """
    encoded = []
    if len(documents) <= _COMMAND_DOCUMENTS:
        encoded = [RawBSONDocument(bson.encode(document)) for document in documents]
    if not encoded or sum(len(each.raw) for each in encoded) > _COMMAND_BYTES:
        collection.insert_many(documents, session=driver)
        return
    command = {"insert": collection.name, "documents": encoded}
    reply = collection.database.command(command, session=driver)
    if reply.get("writeErrors"):
        raise mongo.BulkWriteError(reply)


def _stages(number: int, lookup: Lookup) -> list[dict[str, Any]]:
    """The stages of an aggregation that find the documents, and mark them with the number."""
    stages: list[dict[str, Any]] = [{"$match": {"_id": {"$in": list(lookup.ids)}}}]
    if lookup.fields is not None:
        stages.append({"$project": dict.fromkeys(lookup.fields, 1)})
    return [*stages, {"$set": {_LOOKUP: {"$literal": number}}}]


def _options_beside(url: str, connections: int) -> dict[str, Any]:
    """Our options without those that the URL names. Of the `connections` to open in advance, at
    most as many as the URL allows: the driver refuses more.
    """
    named = {name.lower(): value for name, value in parse_qsl(urlsplit(url).query)}
    limit = named.get("maxpoolsize", "")
    if limit.isdecimal() and int(limit) > 0:  # 0 sets no limit
        connections = min(connections, int(limit))
    options = _CLIENT_OPTIONS | {"minPoolSize": connections}
    return {name: value for name, value in options.items() if name.lower() not in named}


async def _commit(driver: AsyncIOMotorClientSession) -> None:
    """Commit; repeat if the driver requires it to learn the outcome (MongoDB manual,
    transactions).
    """
    for attempt in range(1, _COMMIT_ATTEMPTS + 1):
        try:
            await driver.commit_transaction()
        except mongo.PyMongoError as error:
            if not error.has_error_label("UnknownTransactionCommitResult"):
                raise
            if attempt == _COMMIT_ATTEMPTS:
                raise UnclearCommitError(
                    f"unclear whether the transaction was written: {error}"
                ) from error
        else:
            return


async def _abort(driver: AsyncIOMotorClientSession) -> None:
    try:
        await asyncio.shield(driver.abort_transaction())
    except mongo.PyMongoError:
        return  # the server ends it by itself
