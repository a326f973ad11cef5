"""Stores uploaded files until a note or an answer uses them."""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from schemas.mails import BlobRef
from schemas.stored import Attachment, from_document, to_document
from schemas.stored.desk import Upload
from services.runtime.errors import CommandRefusedError
from services.runtime.mail.file_names import safe_name, unique_name
from services.runtime.store.blobs import Blobs
from services.runtime.store.mongo import Store

KEPT_FOR = timedelta(days=2)


class Uploads:
    """Methods raise TransientError."""

    def __init__(self, store: Store, blobs: Blobs) -> None:
        self._uploads = store.collection(Upload.COLLECTION)
        self._blobs = blobs

    async def ensure_indexes(self) -> None:
        await self._uploads.ensure_expiry("expires_at")

    async def add(
        self, owner: str, case: int, name: str, content_type: str, content: bytes
    ) -> Upload:
        """Store a file for two days."""
        blob = await self._blobs.put(content)
        upload = _upload(owner, case, safe_name(name), content_type, blob)
        await self._uploads.insert([to_document(upload)])
        return upload

    async def restore(
        self, owner: str, case: int, files: Sequence[Attachment], kept: Sequence[str] = ()
    ) -> list[str]:
        """Keep already stored files, such as those of a recalled answer, for two more days; returns
        their ids in the order of `files`. Files of the uploads `kept` are not stored twice.
        """
        wanted = {"_id": {"$in": list(kept)}, "owner": owner, "case": case}
        known = {
            (document["name"], document["blob"]): document["_id"]
            for document in await self._uploads.find(wanted)
        }
        named = [(safe_name(file.original_name or file.name), file) for file in files]
        # Existing blobs stay for at least another day.
        await self._blobs.missing([BlobRef(sha256=file.blob, size=file.size) for file in files])
        added = []
        for name, file in named:
            if (name, file.blob) not in known:
                blob = BlobRef(sha256=file.blob, size=file.size)
                upload = _upload(owner, case, name, file.content_type, blob)
                known[name, file.blob] = upload.id
                added.append(to_document(upload))
        if added:
            await self._uploads.insert(added)
        return [known[name, file.blob] for name, file in named]

    async def attachments(self, owner: str, case: int, ids: Sequence[str]) -> list[Attachment]:
        """The files as attachments with unique names, in the order of `ids`.

        Raises CommandRefusedError if a file does not exist or was uploaded by someone else: knowing
        a hash must not give access to a file.
        """
        wanted = {"_id": {"$in": list(ids)}, "owner": owner, "case": case}
        found = {
            document["_id"]: from_document(document, Upload)
            for document in await self._uploads.find(wanted)
        }
        missing = [upload_id for upload_id in ids if upload_id not in found]
        if missing:
            count = "1 of the files no longer exists; upload it again"
            if len(missing) > 1:
                count = f"{len(missing)} of the files no longer exist; upload them again"
            raise CommandRefusedError(f"no-such-upload: {count}")
        taken: set[str] = set()
        return [_attachment(found[upload_id], taken) for upload_id in dict.fromkeys(ids)]


def _upload(owner: str, case: int, name: str, content_type: str, blob: BlobRef) -> Upload:
    now = datetime.now(UTC)
    return Upload(
        id=secrets.token_urlsafe(18),
        owner=owner,
        case=case,
        name=name,
        content_type=content_type,
        size=blob.size,
        blob=blob.sha256,
        at=now,
        expires_at=now + KEPT_FOR,
    )


def _attachment(upload: Upload, taken: set[str]) -> Attachment:
    return Attachment(
        name=unique_name(upload.name, taken),
        content_type=upload.content_type,
        size=upload.size,
        sha256=upload.blob,
        inline=False,
        content_id=None,
        blob=upload.blob,
        original_name=upload.name,
    )
