"""Removes blobs that have no reference left after an erasure."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Literal

from services.runtime.store.blob_references import blob_references
from services.runtime.store.blobs import CHUNKS, FILES, FRESH, UNUSED_FOR
from services.runtime.store.collection import Session
from services.runtime.store.contention import retry_conflicts
from services.runtime.store.mongo import Store

# Longer than a writer takes from storing a content to referring to it; see `blob_sweep`.
WRITTEN_WITHIN = timedelta(hours=2)

BlobRemoval = Literal["removed", "later", "kept"]


async def remove_blob(store: Store, sha256: str) -> BlobRemoval:
    """Remove a content if nothing refers to it anymore; `kept` if something does.

    A writer may hold a content that was stored recently, and refer to it soon. Such a content is
    left to the sweep, which then removes it within hours, although it removes others after a day.
    Writers store it again as if it were old, which keeps it.
    """

    async def body(session: Session) -> BlobRemoval:
        for collection, path in blob_references():
            if await store.collection(collection).count({path: sha256}, session):
                return "kept"
        files, now = store.collection(FILES), datetime.now(UTC)
        unused = {"uploadDate": {"$lt": now - FRESH - WRITTEN_WITHIN}}
        if await files.delete({"_id": sha256, **unused}, session):
            await store.collection(CHUNKS).delete({"files_id": sha256}, session)
            return "removed"
        soon = {"uploadDate": now - UNUSED_FOR + WRITTEN_WITHIN}
        change = {"$set": soon, "$unset": {"keep_until": ""}}
        return "later" if await files.update({"_id": sha256}, change, session) else "removed"

    return await retry_conflicts(partial(store.transaction, body))
