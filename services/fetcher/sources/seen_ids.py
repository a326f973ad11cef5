"""Deduplicates fetches: the ids of recorded mails that stay in a mailbox without flags."""

import asyncio
from collections.abc import Coroutine, Sequence
from concurrent.futures import CancelledError
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from services.runtime.errors import TransientError
from services.runtime.store.mongo import Store

T = TypeVar("T")

FETCHED = "fetched"
# The prefix for an oversized mail that was recorded by its beginning; mail ids contain no space.
HEAD_OF = "head of "


class SeenIds(Protocol):
    """The seen ids of one mailbox.

    Blocking; every method raises TransientError if the database fails.
    """

    def known(self) -> set[str]:
        """All remembered ids."""

    def remember(self, ids: Sequence[str]) -> None:
        """Add ids; idempotent."""

    def forget(self, ids: Sequence[str]) -> None:
        """Delete ids; unknown ones are not an error."""


class NoSeenIds:
    """Remembers nothing: for a mailbox whose mails are deleted, and for `mailcase check`."""

    def known(self) -> set[str]:
        return set()

    def remember(self, ids: Sequence[str]) -> None:
        """Nothing is kept."""

    def forget(self, ids: Sequence[str]) -> None:
        """Nothing is kept."""


class StoredSeenIds:
    """Collection `fetched`: `_id` (mailbox, space, id), `mailbox`, `at`.

    Called from a different thread than that of `loop`.
    """

    def __init__(self, store: Store, mailbox: str, loop: asyncio.AbstractEventLoop) -> None:
        self._collection = store.collection(FETCHED)
        self._mailbox = mailbox
        self._loop = loop

    def known(self) -> set[str]:
        documents = self._run(self._collection.find({"mailbox": self._mailbox}, ["_id"]))
        return {document["_id"].partition(" ")[2] for document in documents}

    def remember(self, ids: Sequence[str]) -> None:
        now = datetime.now(UTC)
        documents = [
            {"_id": f"{self._mailbox} {mail_id}", "mailbox": self._mailbox, "at": now}
            for mail_id in ids
        ]
        if documents:
            self._run(self._collection.insert_missing(documents))

    def forget(self, ids: Sequence[str]) -> None:
        if ids:
            self._run(
                self._collection.delete(
                    {"_id": {"$in": [f"{self._mailbox} {mail_id}" for mail_id in ids]}}
                )
            )

    def _run(self, work: Coroutine[object, object, T]) -> T:
        try:
            return asyncio.run_coroutine_threadsafe(work, self._loop).result()
        except CancelledError as error:
            raise TransientError("the service is stopping", mailbox=self._mailbox) from error
