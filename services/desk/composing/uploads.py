"""Stores uploaded files until a note or an answer uses them."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from schemas.mails import BlobRef
from schemas.stored import Attachment, from_document, to_document
from schemas.stored.desk import Upload
from services.casework.refusals import ActionRefusedError
from services.runtime.errors import CommandRefusedError
from services.runtime.mail.file_names import safe_name, unique_name
from services.runtime.store.blobs import Blobs
from services.runtime.store.mongo import Store

KEPT_FOR = timedelta(days=2)
# Of one user, in all cases, that no note or answer has used yet.
MAX_UNUSED = 200
MAX_UNUSED_BYTES = 500_000_000


class Uploads:
    """Methods raise TransientError."""

    def __init__(self, store: Store, blobs: Blobs) -> None:
        self._uploads = store.collection(Upload.COLLECTION)
        self._blobs = blobs

    async def ensure_indexes(self) -> None:
        await self._uploads.ensure_expiry("expires_at")
        await self._uploads.ensure_index("user")

    async def add(
        self,
        owner: str,
        case: int,
        name: str,
        content_type: str,
        content: bytes,
        *,
        user: str | None = None,
    ) -> Upload:
        """Store a file for two days. It counts against the limits of `user`, by default the
        owner. Raises as `require_room`.
        """
        blob = BlobRef(sha256=hashlib.sha256(content).hexdigest(), size=len(content))
        upload = _upload((owner, user or owner), case, safe_name(name), content_type, blob)
        # Counted before it is stored, so that concurrent uploads cannot exceed the limits.
        await self._uploads.insert([to_document(upload)])
        try:
            await self.require_room(upload.user)
            await self._blobs.put(content)
        except BaseException:
            await self._uploads.delete({"_id": upload.id})
            raise
        return upload

    async def require_room(self, user: str, *, files: int = 0, size: int = 0) -> None:
        """Raises ActionRefusedError if a user has too many unused files, with `files` more of
        `size` bytes.
        """
        unused = {"user": user, "used_at": None, "expires_at": {"$gt": datetime.now(UTC)}}
        sums = {"_id": None, "files": {"$sum": 1}, "bytes": {"$sum": "$size"}}
        rows = await self._uploads.aggregate([{"$match": unused}, {"$group": sums}])
        files += sum(row["files"] for row in rows)
        size += sum(row["bytes"] for row in rows)
        if files > MAX_UNUSED or size > MAX_UNUSED_BYTES:
            raise ActionRefusedError(
                "too-many-uploads",
                f"more than {MAX_UNUSED} files, or {MAX_UNUSED_BYTES // 1_000_000} MB, that no note "
                "or answer has used",
                "use them, or wait: they are deleted two days after their upload",
                files=str(MAX_UNUSED),
                megabytes=str(MAX_UNUSED_BYTES // 1_000_000),
            )

    async def mark_used(self, owner: str, case: int, ids: Sequence[str]) -> None:
        """Record that a note or an answer has these files: they no longer count."""
        if ids:
            mine = {"_id": {"$in": list(ids)}, "owner": owner, "case": case, "used_at": None}
            await self._uploads.update_all(mine, {"$set": {"used_at": datetime.now(UTC)}})

    async def restore(
        self,
        owner: str,
        case: int,
        files: Sequence[Attachment],
        kept: Sequence[str] = (),
        *,
        user: str | None = None,
    ) -> list[str]:
        """Keep already stored files, such as those of a recalled answer, for two more days; returns
        their ids in the order of `files`. Files of the uploads `kept` are not stored twice. Never
        refused: a person gets back what they sent.
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
                upload = _upload((owner, user or owner), case, name, file.content_type, blob)
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


def _upload(
    owner: tuple[str, str], case: int, name: str, content_type: str, blob: BlobRef
) -> Upload:
    """A new upload of `owner`, an actor and the user whose limits apply."""
    (actor, user), now = owner, datetime.now(UTC)
    return Upload(
        id=secrets.token_urlsafe(18),
        owner=actor,
        user=user,
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
