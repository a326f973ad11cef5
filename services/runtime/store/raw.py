"""Reads whole collections as raw BSON documents as of one moment, for backups, and writes them
back.

Documents stay bytes, so that a copy equals its original in every byte.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pymongo
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorClientSession, AsyncIOMotorDatabase
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from services.runtime.store.driver_errors import translate_driver_errors

_WRITE_TIMEOUT_MS = 30_000
_RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)


class RawSnapshot:
    """The collections as they were at one moment; see `RawDatabase.snapshot`."""

    def __init__(
        self, database: "AsyncIOMotorDatabase[Any]", session: AsyncIOMotorClientSession | None
    ) -> None:
        self._database = database
        self._session = session

    async def documents(self, name: str) -> AsyncIterator[bytes]:
        """All documents of a collection in the order of `_id`, as BSON.

        Raises TransientError, also if the moment is more than five minutes ago
        (`minSnapshotHistoryWindowInSeconds`).
        """
        collection = self._database.get_collection(
            name,
            codec_options=_RAW,
            read_concern=ReadConcern() if self._session else ReadConcern("majority"),
            read_preference=pymongo.ReadPreference.PRIMARY,
        )
        with translate_driver_errors():
            async for document in collection.find(session=self._session).sort("_id", 1):
                yield document.raw


class RawDatabase:
    """A database as raw documents."""

    def __init__(
        self, client: "AsyncIOMotorClient[Any]", database: "AsyncIOMotorDatabase[Any]"
    ) -> None:
        self._client = client
        self._database = database

    async def collection_names(self) -> list[str]:
        """The collections, sorted, without those of the server."""
        with translate_driver_errors():
            names = await self._database.list_collection_names()
        return sorted(name for name in names if not name.startswith("system."))

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[RawSnapshot]:
        """All reads in the block show the moment of the first one, whatever is written
        meanwhile.
        """
        with translate_driver_errors():
            session = await self._client.start_session(causal_consistency=False, snapshot=True)
        try:
            yield RawSnapshot(self._database, session)
        finally:
            await session.end_session()

    def current(self) -> RawSnapshot:
        """Reads of the current state that a majority has."""
        return RawSnapshot(self._database, None)

    async def insert(self, name: str, documents: Sequence[bytes]) -> None:
        """Insert new documents, which a majority has when this returns."""
        concern = WriteConcern(w="majority", wtimeout=_WRITE_TIMEOUT_MS)
        collection = self._database.get_collection(name, codec_options=_RAW, write_concern=concern)
        with translate_driver_errors():
            await collection.insert_many([RawBSONDocument(document) for document in documents])
