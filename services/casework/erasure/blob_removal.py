"""Removes blobs that have no reference left after an erasure."""

from services.runtime.store.blob_references import blob_references
from services.runtime.store.blobs import CHUNKS, FILES
from services.runtime.store.collection import Session
from services.runtime.store.mongo import Store


async def remove_blob(store: Store, sha256: str) -> bool:
    """Remove a content at once if nothing refers to it anymore."""

    async def body(session: Session) -> bool:
        for collection, path in blob_references():
            if await store.collection(collection).count({path: sha256}, session):
                return False
        await store.collection(FILES).delete({"_id": sha256}, session)
        await store.collection(CHUNKS).delete({"files_id": sha256}, session)
        return True

    return await store.transaction(body)
