"""MongoDB behind one adapter; besides `driver_errors.py` the only module that knows the driver.

The interface uses dicts for documents and the errors of `services.runtime.errors`, so that a change
from Motor to PyMongo's own async API is confined to these two files.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

import pymongo
from bson.codec_options import CodecOptions
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorClientSession, AsyncIOMotorDatabase
from pymongo import errors as mongo
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from services.runtime.store.driver_errors import translate_driver_errors
from services.runtime.store.errors import TakenError, UnclearCommitError
from services.runtime.store.raw import RawDatabase

T = TypeVar("T")
Document = dict[str, Any]
Change = Mapping[str, Any] | list[dict[str, Any]]  # operators, or a pipeline of stages

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


class Collection:
    """The operations that Mailcase needs; they run in a transaction if a session is given."""

    def __init__(self, database: "AsyncIOMotorDatabase[Document]", name: str) -> None:
        self._collection = database[name]

    async def find_one(
        self, query: Mapping[str, Any], fields: Sequence[str] | None = None
    ) -> Document | None:
        """The document, or None if there is none."""
        with translate_driver_errors():
            return await self._collection.find_one(query, fields)

    async def find(
        self,
        query: Mapping[str, Any],
        fields: Sequence[str] | None = None,
        *,
        sort: str | Sequence[str] = "_id",
        limit: int = 0,
        session: "Session | None" = None,
        max_time_ms: int | None = None,
    ) -> list[Document]:
        """All matches, ordered by one field or several (descending with a `-` before the name).
        `limit` 0 means no limit.

        Raises QueryTimeoutError after `max_time_ms`; None means no limit.
        """
        fields_in_order = [sort] if isinstance(sort, str) else sort
        order = [(name.lstrip("-"), -1 if name.startswith("-") else 1) for name in fields_in_order]
        with translate_driver_errors():
            cursor = self._collection.find(query, fields, session=driver_session(session))
            cursor = cursor.sort(order).limit(limit).max_time_ms(max_time_ms)
            return await cursor.to_list(None)

    async def aggregate(
        self,
        pipeline: Sequence[Mapping[str, Any]],
        session: "Session | None" = None,
        *,
        max_time_ms: int | None = None,
    ) -> list[Document]:
        """All results of an aggregation.

        Raises QueryTimeoutError after `max_time_ms`; None means no limit.
        """
        options = {} if max_time_ms is None else {"maxTimeMS": max_time_ms}
        with translate_driver_errors():
            return await self._collection.aggregate(
                pipeline, session=driver_session(session), **options
            ).to_list(None)

    async def count(
        self,
        query: Mapping[str, Any],
        session: "Session | None" = None,
        *,
        most: int = 0,
        max_time_ms: int | None = None,
    ) -> int:
        """How many match. Counting stops at `most`; 0 means no limit.

        Raises QueryTimeoutError after `max_time_ms`; None means no limit.
        """
        options: dict[str, Any] = {"limit": most} if most else {}
        if max_time_ms is not None:
            options["maxTimeMS"] = max_time_ms
        with translate_driver_errors():
            return await self._collection.count_documents(
                query, session=driver_session(session), **options
            )

    async def insert(self, documents: Sequence[Document], session: "Session | None" = None) -> None:
        """Insert all. None of them may exist."""
        if documents:
            with translate_driver_errors():
                await self._collection.insert_many(documents, session=driver_session(session))

    async def insert_missing(self, documents: Sequence[Document]) -> bool:
        """Insert those whose unique keys are free; False if one was taken. Outside transactions
        only. An empty sequence is allowed.
        """
        if not documents:
            return True
        try:
            with translate_driver_errors():
                await self._collection.insert_many(documents, ordered=False)
        except TakenError:
            return False
        return True

    async def update(
        self, query: Mapping[str, Any], change: Change, session: "Session | None" = None
    ) -> int:
        """Change one document; returns how many matched: 0 or 1."""
        with translate_driver_errors():
            result = await self._collection.update_one(
                query, change, session=driver_session(session)
            )
            return result.matched_count

    async def update_returning(
        self, query: Mapping[str, Any], change: Change, *, upsert: bool = False
    ) -> Document | None:
        """Change one document and return it as it is then; None if none matched.

        With `upsert`, a missing one is created from the query and the change. Raises TakenError if
        another writer is first.
        """
        with translate_driver_errors():
            return await self._collection.find_one_and_update(
                query, change, upsert=upsert, return_document=pymongo.ReturnDocument.AFTER
            )

    async def update_all(
        self, query: Mapping[str, Any], change: Change, session: "Session | None" = None
    ) -> int:
        """Change all matches in the same way; returns how many matched."""
        with translate_driver_errors():
            result = await self._collection.update_many(
                query, change, session=driver_session(session)
            )
            return result.matched_count

    async def update_each(
        self,
        changes: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]],
        session: "Session | None" = None,
    ) -> int:
        """Make many changes of one document each, as (query, change), in one round trip; returns
        how many matched.
        """
        if not changes:
            return 0
        operations = [pymongo.UpdateOne(query, change) for query, change in changes]
        with translate_driver_errors():
            result = await self._collection.bulk_write(
                operations, ordered=False, session=driver_session(session)
            )
            return result.matched_count

    async def put_each(
        self, documents: Sequence[Document], session: "Session | None" = None
    ) -> None:
        """Insert each document, or replace the one with its `_id`, in one round trip."""
        operations = [
            pymongo.ReplaceOne({"_id": document["_id"]}, document, upsert=True)
            for document in documents
        ]
        if operations:
            with translate_driver_errors():
                await self._collection.bulk_write(
                    operations, ordered=False, session=driver_session(session)
                )

    async def delete(self, query: Mapping[str, Any], session: "Session | None" = None) -> int:
        """Delete all matches; returns how many."""
        with translate_driver_errors():
            result = await self._collection.delete_many(query, session=driver_session(session))
            return result.deleted_count

    async def increment(
        self, key: str, field: str, by: int, session: "Session | None" = None
    ) -> int:
        """Add to a number in the document `key`, which is created if it is missing; returns the new
        value.
        """
        with translate_driver_errors():
            document = await self._collection.find_one_and_update(
                {"_id": key},
                {"$inc": {field: by}},
                upsert=True,
                return_document=pymongo.ReturnDocument.AFTER,
                session=driver_session(session),
            )
            return int(document[field])

    async def raise_to(
        self, key: str, field: str, least: int, session: "Session | None" = None
    ) -> None:
        """Raise a number in the document `key` to at least `least`. The document is created if it
        is missing.
        """
        with translate_driver_errors():
            change = {"$max": {field: least}}
            await self._collection.update_one(
                {"_id": key}, change, upsert=True, session=driver_session(session)
            )

    async def ensure_expiry(self, field: str) -> None:
        """Let the database delete each document after the time in `field`, within about a
        minute.
        """
        with translate_driver_errors():
            await self._collection.create_index(field, expireAfterSeconds=0)

    async def ensure_index(
        self, *fields: str, unique: bool = False, where: Mapping[str, Any] | None = None
    ) -> None:
        """Create an ascending index, or a descending one for a field with a leading `-`.
        Idempotent.

        `where` restricts the index to matching documents.
        """
        keys = [(field.lstrip("-"), -1 if field.startswith("-") else 1) for field in fields]
        options: dict[str, Any] = {"unique": unique} | (
            {"partialFilterExpression": where} if where else {}
        )
        with translate_driver_errors():
            await self._collection.create_index(keys, **options)


class Session:
    """A transaction in progress; passed to the operations that belong to it."""

    def __init__(self, driver: AsyncIOMotorClientSession) -> None:
        self.driver = driver


class Store:
    """A database; `collection(name)` returns its collections."""

    def __init__(self, url: str, database: str) -> None:
        with translate_driver_errors():
            self._client: AsyncIOMotorClient[Document] = AsyncIOMotorClient(
                url, **_options_beside(url)
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
    async def opened(cls, url: str, database: str) -> AsyncIterator["Store"]:
        """A store that connects at its first use; closed at the end of the block."""
        store = cls(url, database)
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


def _options_beside(url: str) -> dict[str, Any]:
    named = {name.lower() for name, _ in parse_qsl(urlsplit(url).query)}
    return {name: value for name, value in _CLIENT_OPTIONS.items() if name.lower() not in named}


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


def driver_session(session: Session | None) -> AsyncIOMotorClientSession | None:
    return session.driver if session else None
