"""Files on their way into a note or an answer."""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from schemas.desk import Upload
from schemas.stored import Attachment, from_document, to_document
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
        """Keep a file for two days."""
        blob = await self._blobs.put(content)
        now = datetime.now(UTC)
        upload = Upload(
            id=secrets.token_urlsafe(18),
            owner=owner,
            case=case,
            name=safe_name(name),
            content_type=content_type,
            size=len(content),
            blob=blob.sha256,
            at=now,
            expires_at=now + KEPT_FOR,
        )
        await self._uploads.insert([to_document(upload)])
        return upload

    async def attachments(self, owner: str, case: int, ids: Sequence[str]) -> list[Attachment]:
        """The files as attachments, in the order of `ids`, each under a name of its own.

        Raises CommandRefusedError for one that is not there, or that someone else uploaded: a hash
        that was guessed or overheard gives no file.
        """
        wanted = {"_id": {"$in": list(ids)}, "owner": owner, "case": case}
        found = {
            document["_id"]: from_document(document, Upload)
            for document in await self._uploads.find(wanted)
        }
        missing = [upload_id for upload_id in ids if upload_id not in found]
        if missing:
            raise CommandRefusedError(
                f"no-such-upload: {len(missing)} of the files is not there any more; upload it again"
            )
        taken: set[str] = set()
        return [_attachment(found[upload_id], taken) for upload_id in dict.fromkeys(ids)]


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
