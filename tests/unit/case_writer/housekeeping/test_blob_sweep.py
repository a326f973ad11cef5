"""Which references the blob sweep finds: those that the stored structs declare,
including new ones.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, cast

import msgspec
import pytest

from schemas import stored
from schemas.stored import BlobId
from services.case_writer.housekeeping.blob_sweep import Sweeper, referenced
from services.runtime.store.blob_references import blob_references
from services.runtime.store.collection import Session
from services.runtime.store.mongo import Store

BLOB = "a" * 64


class Page(msgspec.Struct):
    scan: BlobId


class Fax(msgspec.Struct):
    """A stored document that the sweep was not written for."""

    COLLECTION: ClassVar[str] = "faxes"

    pages: list[Page]
    cover: BlobId | None = None


class RecordingCollection:
    """Records its indexes; a document of it refers to `BLOB` under the path `holds`."""

    def __init__(self, holds: str | None) -> None:
        self.indexes: list[str] = []
        self._holds = holds

    async def ensure_index(self, name: str, **_options: Any) -> None:
        self.indexes.append(name)

    async def aggregate(
        self, pipeline: Sequence[Mapping[str, Any]], session: Session | None = None
    ) -> list[dict[str, Any]]:
        asked = pipeline[0]["$match"]
        return [{"_id": BLOB}] if self._holds in asked else []


class RecordingStore:
    """Collections by name; only the faxes refer to the blob."""

    def __init__(self, holds: str) -> None:
        self.collections: dict[str, RecordingCollection] = {}
        self._holds = holds

    def collection(self, name: str) -> RecordingCollection:
        holds = self._holds if name == Fax.COLLECTION else None
        return self.collections.setdefault(name, RecordingCollection(holds))


@pytest.fixture
def fax(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(stored, "Fax", Fax, raising=False)
    blob_references.cache_clear()
    yield
    blob_references.cache_clear()


@pytest.mark.usefixtures("fax")
@pytest.mark.parametrize("path", ["pages.scan", "cover"])
async def test_a_new_blob_field_of_a_stored_struct_keeps_its_blob(path: str) -> None:
    assert await referenced(cast("Store", RecordingStore(path)), [BLOB]) == {BLOB}


@pytest.mark.usefixtures("fax")
async def test_a_new_blob_field_of_a_stored_struct_gets_its_index() -> None:
    store = RecordingStore("cover")
    await Sweeper(cast("Store", store)).ensure_indexes()
    assert sorted(store.collections["faxes"].indexes) == ["cover", "pages.scan"]


def test_the_references_of_today_are_all_found() -> None:
    assert set(blob_references()) >= {
        ("comments", "attachments.blob"),
        ("comments", "original"),
        ("mails", "raw"),
        ("outbox", "attachments.blob"),
        ("discards", "body"),
    }
