"""Recorded mails in MongoDB, as the extractor reads them."""

from schemas.flags import AttachmentFlag
from schemas.stored import Case, Comment, Mail, from_document
from services.extractor.mail import File, RecordedMail
from services.runtime.errors import PermanentError
from services.runtime.store.blobs import Blobs
from services.runtime.store.mongo import Store

_NOT_READ = frozenset({AttachmentFlag.ORIGINAL, AttachmentFlag.ERASED})


class MongoMails:
    """Methods raise TransientError."""

    def __init__(self, store: Store) -> None:
        self._comments = store.collection(Comment.COLLECTION)
        self._cases = store.collection(Case.COLLECTION)
        self._mails = store.collection(Mail.COLLECTION)
        self._blobs = Blobs(store)

    async def find(self, mail_key: str) -> RecordedMail | None:
        """The mail; None if it is in no case, or was not written by a person."""
        found = await self._comments.find_one({"_id": mail_key, "kind": "mail"})
        if found is None:
            return None
        comment = from_document(found, Comment)
        case = await self._cases.find_one(
            {"_id": comment.case}, ["process", "candidates", "mail_flags"]
        )
        if case is None:
            return None
        mail = await self._mails.find_one({"_id": mail_key}, ["mailbox"])
        known = case.get("candidates", {}).values()
        return RecordedMail(
            key=mail_key,
            case=comment.case,
            process=case["process"],
            at=comment.at,
            subject=comment.subject,
            text=comment.text,
            author=comment.author.address,
            mailbox=mail["mailbox"] if mail is not None else "",
            files=tuple(
                File(file.name, file.content_type, file.size, file.sha256, file.blob)
                for file in comment.attachments
                if _NOT_READ.isdisjoint(file.flags)
            ),
            original=comment.original,
            is_known=mail_key in case.get("mail_flags", {})
            or any(value["by"] == mail_key for values in known for value in values),
        )

    async def content(self, blob: str) -> bytes | None:
        """A blob's content; None if it is gone."""
        try:
            return await self._blobs.get(blob)
        except PermanentError:
            return None
