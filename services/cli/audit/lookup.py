"""Looks documents up by their ids."""

from collections.abc import Iterable
from typing import Any

from services.cli.audit.findings import Document
from services.runtime.store.collection import Session
from services.runtime.store.mongo import Store


async def by_id(
    store: Store, collection: str, ids: Iterable[Any], fields: list[str], session: Session
) -> dict[Any, Document]:
    """The documents with these ids, by id; ids without a document are left out.

    Raises TransientError.
    """
    found = await store.collection(collection).find(
        {"_id": {"$in": list(ids)}}, ["_id", *fields], session=session
    )
    return {document["_id"]: document for document in found}
