"""The operations on a collection, in a transaction or outside of one."""

from collections.abc import Mapping, Sequence
from typing import Any

import pymongo
from motor.motor_asyncio import AsyncIOMotorClientSession, AsyncIOMotorDatabase

from services.runtime.store.driver_errors import translate_driver_errors
from services.runtime.store.errors import TakenError

Document = dict[str, Any]
Change = Mapping[str, Any] | list[dict[str, Any]]  # operators, or a pipeline of stages


class Session:
    """A transaction in progress; passed to the operations that belong to it."""

    def __init__(self, driver: AsyncIOMotorClientSession) -> None:
        self.driver = driver


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
        session: Session | None = None,
        max_time_ms: int | None = None,
    ) -> list[Document]:
        """All matches, ordered by one field or several (descending with a `-` before the name).
        `limit` 0 means no limit.

        Raises QueryTimeoutError after `max_time_ms`; None means no limit.
        """
        order = _order([sort] if isinstance(sort, str) else sort)
        with translate_driver_errors():
            cursor = self._collection.find(query, fields, session=driver_session(session))
            cursor = cursor.sort(order).limit(limit).max_time_ms(max_time_ms)
            return await cursor.to_list(None)

    async def aggregate(
        self,
        pipeline: Sequence[Mapping[str, Any]],
        session: Session | None = None,
        *,
        max_time_ms: int | None = None,
        index: Sequence[str] | None = None,
    ) -> list[Document]:
        """All results of an aggregation, from the index with the fields `index` if it is given.

        Raises QueryTimeoutError after `max_time_ms`; None means no limit.
        """
        options = _options(max_time_ms, index)
        with translate_driver_errors():
            return await self._collection.aggregate(
                pipeline, session=driver_session(session), **options
            ).to_list(None)

    async def count(
        self,
        query: Mapping[str, Any],
        session: Session | None = None,
        *,
        most: int = 0,
        max_time_ms: int | None = None,
        index: Sequence[str] | None = None,
    ) -> int:
        """How many match. Counting stops at `most`; 0 means no limit. It uses the index with the
        fields `index` if it is given.

        Raises QueryTimeoutError after `max_time_ms`; None means no limit.
        """
        options = _options(max_time_ms, index) | ({"limit": most} if most else {})
        with translate_driver_errors():
            return await self._collection.count_documents(
                query, session=driver_session(session), **options
            )

    async def insert(self, documents: Sequence[Document], session: Session | None = None) -> None:
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
        self, query: Mapping[str, Any], change: Change, session: Session | None = None
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
        self, query: Mapping[str, Any], change: Change, session: Session | None = None
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
        session: Session | None = None,
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

    async def put_each(self, documents: Sequence[Document], session: Session | None = None) -> None:
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

    async def delete(self, query: Mapping[str, Any], session: Session | None = None) -> int:
        """Delete all matches; returns how many."""
        with translate_driver_errors():
            result = await self._collection.delete_many(query, session=driver_session(session))
            return result.deleted_count

    async def increment(self, key: str, field: str, by: int, session: Session | None = None) -> int:
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
        self, key: str, field: str, least: int, session: Session | None = None
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
        options: dict[str, Any] = {"unique": unique} | (
            {"partialFilterExpression": where} if where else {}
        )
        with translate_driver_errors():
            await self._collection.create_index(_order(fields), **options)


def _order(fields: Sequence[str]) -> list[tuple[str, int]]:
    """Fields in the driver's form: descending with a `-` before the name."""
    return [(field.lstrip("-"), -1 if field.startswith("-") else 1) for field in fields]


def _options(max_time_ms: int | None, index: Sequence[str] | None) -> dict[str, Any]:
    """The driver's options for a time limit and an index."""
    options: dict[str, Any] = {} if max_time_ms is None else {"maxTimeMS": max_time_ms}
    return options if index is None else options | {"hint": dict(_order(index))}


def driver_session(session: Session | None) -> AsyncIOMotorClientSession | None:
    return session.driver if session else None
