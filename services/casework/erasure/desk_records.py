"""Erases what the desk stores about a person outside of cases: drafts, uploads, the audit log,
views, stored responses.

An account with the same address, with its sessions, is reported and stays: its name is in the
histories of cases.
"""

import re
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import unquote_plus

import msgspec

from schemas.stored.desk import AuditEntry, Draft, IdempotentReply, SavedView, Upload, User
from schemas.stored.webhooks import Delivery
from services.casework.erasure.redaction import ERASED, redacted
from services.casework.erasure.run import ErasureRun
from services.runtime.store.blobs import Blobs
from services.runtime.store.collection import Collection, Document
from services.runtime.store.mongo import Store

SCANNED_TOGETHER = 200
EMPTY_ANSWER = b"{}"

# The fields of a document that change (possibly none); None if the document is deleted.
Remainder = Document | None


class DeskRecords:
    """Erases in one collection after another; after an interruption, a repeated erasure completes
    the work. Methods raise TransientError.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._blobs = Blobs(store)

    async def erase(self, run: ErasureRun) -> None:
        """Erase the traces of `run`, or count them in a dry run, and name the account of the
        address.
        """
        pattern, address = run.traces.pattern(), run.traces.address.lower()
        users = self._store.collection(User.COLLECTION)
        account = await users.find_one({"_id": address}, ["_id"])
        run.report.account = address if account else None

        def entry(document: Document) -> Remainder:
            of_account = account is not None and document["object"] == address
            return {} if of_account else _changed(document, pattern, "object")

        await self._scan(AuditEntry.COLLECTION, entry, run)
        await self._scan(Draft.COLLECTION, lambda draft: _draft(draft, pattern), run)
        await self._scan(SavedView.COLLECTION, lambda view: _view(view, pattern), run)
        await self._scan(Delivery.COLLECTION, lambda sent: _changed(sent, pattern, "attempts"), run)
        await self._scan(IdempotentReply.COLLECTION, lambda kept: _answer(kept, pattern), run)
        await self._erase_uploads(run, pattern)

    async def forget_case(self, number: int, run: ErasureRun) -> None:
        """Delete the drafts and uploads of a case that is emptied."""
        for name in (Draft.COLLECTION, Upload.COLLECTION):
            collection = self._store.collection(name)
            found = await collection.find({"case": number})
            run.report.desk_records += len(found)
            run.gone |= {document["blob"] for document in found if "blob" in document}
            if not run.dry_run:
                await collection.delete({"case": number})

    async def _scan(
        self, name: str, remainder: Callable[[Document], Remainder], run: ErasureRun
    ) -> None:
        collection = self._store.collection(name)
        async for document in _documents(collection):
            change = remainder(document)
            if change == {}:
                continue
            run.report.desk_records += 1
            if run.dry_run:
                continue
            if change is None:
                await collection.delete({"_id": document["_id"]})
            else:
                await collection.update({"_id": document["_id"]}, {"$set": change})

    async def _erase_uploads(self, run: ErasureRun, pattern: re.Pattern[str]) -> None:
        """Erase files that wait for their note or answer."""
        uploads = self._store.collection(Upload.COLLECTION)
        async for upload in _documents(uploads):
            content = (await self._blobs.available(upload["blob"])).decode("utf-8", "replace")
            if not (pattern.search(upload["name"]) or pattern.search(content)):
                continue
            run.report.desk_records += 1
            run.gone.add(upload["blob"])
            if not run.dry_run:
                await uploads.delete({"_id": upload["_id"]})


async def _documents(collection: Collection) -> AsyncIterator[Document]:
    after = ""
    while page := await collection.find({"_id": {"$gt": after}}, limit=SCANNED_TOGETHER):
        after = page[-1]["_id"]
        for document in page:
            yield document


def _changed(document: Document, pattern: re.Pattern[str], *names: str) -> Document:
    """The fields among `names` that contain a trace, with it redacted."""
    after = {name: redacted(document.get(name), pattern) for name in names}
    return {name: value for name, value in after.items() if value != document.get(name)}


def _draft(draft: Document, pattern: re.Pattern[str]) -> Document:
    change = _changed(draft, pattern, "text", "subject", "to", "cc")
    for name in ("to", "cc"):
        if name in change:
            change[name] = [recipient for recipient in change[name] if ERASED not in recipient]
    return change


def _view(view: Document, pattern: re.Pattern[str]) -> Remainder:
    """Delete a view whose filter contains a trace: without it, the view is useless."""
    return None if pattern.search(unquote_plus(view["path"])) else _changed(view, pattern, "name")


def _answer(kept: Document, pattern: re.Pattern[str]) -> Document:
    """Empty a response that is stored for repeated requests; its record stays."""
    body: bytes = kept.get("body") or b""
    try:
        texts = list(_texts(msgspec.json.decode(body)))
    except (msgspec.DecodeError, UnicodeDecodeError):
        texts = [body.decode("utf-8", "replace")]
    return {"body": EMPTY_ANSWER} if any(pattern.search(text) for text in texts) else {}


def _texts(value: Any) -> list[str]:
    """All strings in a decoded JSON value."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for pair in value.items() for part in pair for text in _texts(part)]
    if isinstance(value, list):
        return [text for element in value for text in _texts(element)]
    return []
