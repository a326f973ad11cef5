"""Checks that the blobs in the database exist and are complete."""

import hashlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

from services.case_writer.housekeeping.blob_sweep import referenced
from services.cli.audit.findings import Document, Finding
from services.cli.audit.lookup import by_id
from services.runtime.store.blobs import CHUNKS, FILES
from services.runtime.store.collection import Session
from services.runtime.store.mongo import Store

PAGE = 500


class BlobChecks:
    """`unreferenced` counts the blobs to which nothing refers. Methods raise TransientError."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.unreferenced = 0

    async def missing(
        self, wanted: dict[str, str], session: Session, sizes: dict[str, int] | None = None
    ) -> list[Finding]:
        """Blobs that do not exist or have another size than recorded.

        `wanted` names what refers to each blob, and `sizes` has the recorded sizes, if any.
        """
        files = await by_id(self._store, FILES, wanted, ["length"], session)
        found = [
            Finding("blob-missing", f"blob {blob} of {where}")
            for blob, where in wanted.items()
            if blob not in files
        ]
        for blob, size in (sizes or {}).items():
            if blob in files and files[blob]["length"] != size:
                what = f"blob {blob} of {wanted[blob]}: {files[blob]['length']} bytes, not {size}"
                found.append(Finding("blob-size", what))
        return found

    async def incomplete(self, files: Sequence[Document], session: Session) -> list[Finding]:
        """Blobs that lack a chunk, according to the index; counts those that nothing refers to."""
        ids = [file["_id"] for file in files]
        pipeline: list[dict[str, Any]] = [
            {"$match": {"files_id": {"$in": ids}}},
            {"$project": {"_id": 0, "files_id": 1, "n": 1}},
            {"$group": {"_id": "$files_id", "count": {"$sum": 1}}},
        ]
        rows = await self._store.collection(CHUNKS).aggregate(pipeline, session)
        counts = {row["_id"]: row["count"] for row in rows}
        incomplete = [
            file["_id"]
            for file in files
            if counts.get(file["_id"], 0) != -(-file["length"] // file["chunkSize"])
        ]
        # Outside the transaction, for many ids at once; the count is only informative.
        self.unreferenced += len(set(ids) - await referenced(self._store, ids))
        return [Finding("blob-torn", f"blob {blob} lacks a chunk") for blob in incomplete]

    async def damaged(self) -> AsyncIterator[Finding]:
        """Blobs whose content does not match their id. Reads every blob."""
        files, last = self._store.collection(FILES), ""
        while page := await files.find({"_id": {"$gt": last}}, ["_id"], limit=PAGE):
            last = page[-1]["_id"]
            for file in page:
                if not await self._is_whole(file["_id"]) and await files.count(
                    {"_id": file["_id"]}
                ):
                    yield Finding("blob-torn", f"blob {file['_id']} does not match its SHA-256")

    async def _is_whole(self, sha256: str) -> bool:
        """Hash chunk by chunk, so that a large blob takes little memory."""
        digest, n = hashlib.sha256(), 0
        chunks = self._store.collection(CHUNKS)
        while chunk := await chunks.find_one({"files_id": sha256, "n": n}, ["data"]):
            digest.update(chunk["data"])
            n += 1
        return digest.hexdigest() == sha256
