"""Which mails are recorded and stay in their mailbox: remembered in the database where the server has no flags."""

import asyncio
from collections.abc import Coroutine, Sequence
from concurrent.futures import CancelledError
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from services.runtime.errors import TransientError
from services.runtime.store.mongo import Store

T = TypeVar("T")

FETCHED = "fetched"
HEAD_OF = "head of "  # before the id of a mail that is recorded by its beginning; no id of a mail has a blank


class SeenIds(Protocol):
    """Ids of one mailbox. Blocking, like the source that asks. Every method raises TransientError."""

    def known(self) -> set[str]: ...

    def remember(self, ids: Sequence[str]) -> None: ...

    def forget(self, ids: Sequence[str]) -> None: ...


class NoSeenIds:
    """For a mailbox whose mails are deleted, and for a look at one."""

    def known(self) -> set[str]:
        return set()

    def remember(self, ids: Sequence[str]) -> None:
        """Nothing is kept."""

    def forget(self, ids: Sequence[str]) -> None:
        """Nothing is kept."""


class StoredSeenIds:
    """Collection `fetched`: `_id` mailbox + blank + id, `mailbox`, `at`. Called from a thread beside `loop`."""

    def __init__(self, store: Store, mailbox: str, loop: asyncio.AbstractEventLoop) -> None:
        self._collection = store.collection(FETCHED)
        self._mailbox = mailbox
        self._loop = loop

    def known(self) -> set[str]:
        documents = self._run(self._collection.find({"mailbox": self._mailbox}, ["_id"]))
        return {document["_id"].partition(" ")[2] for document in documents}

    def remember(self, ids: Sequence[str]) -> None:
        now = datetime.now(UTC)
        documents = [{"_id": f"{self._mailbox} {one}", "mailbox": self._mailbox, "at": now} for one in ids]
        if documents:
            self._run(self._collection.insert_missing(documents))

    def forget(self, ids: Sequence[str]) -> None:
        if ids:
            self._run(self._collection.delete({"_id": {"$in": [f"{self._mailbox} {one}" for one in ids]}}))

    def _run(self, work: Coroutine[object, object, T]) -> T:
        try:
            return asyncio.run_coroutine_threadsafe(work, self._loop).result()
        except CancelledError as error:
            raise TransientError("the stage ends", mailbox=self._mailbox) from error
