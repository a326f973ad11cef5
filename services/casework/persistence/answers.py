"""The outbox, and the facts about a case that an answer needs, in MongoDB."""

from collections.abc import Sequence
from typing import Any

from schemas.changes import Actor, Answered, Change
from schemas.flags import CommentFlag
from schemas.stored import Case, Comment, OutgoingMail, to_document
from services.casework.outgoing import Answerable
from services.casework.persistence.recording import record_change
from services.casework.quoting import QuotedMail
from services.runtime.store.collection import Session
from services.runtime.store.mongo import Store


class MongoAnswers:
    """Methods raise TransientError."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._outbox = store.collection(OutgoingMail.COLLECTION)
        self._cases = store.collection(Case.COLLECTION)
        self._comments = store.collection(Comment.COLLECTION)

    async def is_written(self, document_id: str) -> bool:
        return await self._outbox.find_one({"_id": document_id}, ["_id"]) is not None

    async def case(self, number: int) -> Answerable | None:
        """The case, or the one that it was merged into; None if it does not exist."""
        case = await self._cases.find_one({"_id": number})
        while case is not None and case.get("merged_into") is not None:
            case = await self._cases.find_one({"_id": case["merged_into"]})
        if case is None:
            return None
        latest = await self._latest_of_participants(case["_id"])
        ids = [latest["in_reply_to"], latest["message_id"]] if latest else []
        return Answerable(
            number=case["_id"],
            process=case["process"],
            mailbox=case["mailbox"],
            title=case["title"],
            participants=case["participants"],
            in_reply_to=latest["message_id"] if latest else None,
            references=[message_id for message_id in ids if message_id],
            quotable=_quotable(latest) if latest else None,
        )

    async def latest_author(self, number: int) -> str | None:
        """The address of the author of the case's latest mail, even of a stranger; None if there is
        none.
        """
        received = {"case": number, "kind": "mail"}
        for latest in await self._comments.find(received, ["author"], sort="-at", limit=1):
            return latest["author"]["address"] or None
        return None

    async def write(
        self, mail: OutgoingMail, actor: Actor, *, expected: int | None = None
    ) -> Sequence[Change]:
        """Write the mail and its entry in the history, which is returned for publishing.

        With `expected`, only if the case is at that revision, so that no answer is sent by someone
        who has not seen the newest mail. Raises StaleRevisionError, and ConflictError if the mail
        exists.
        """

        async def body(session: Session) -> Sequence[Change]:
            answered = Answered(outgoing=mail.id, to=mail.to)
            # The revision is checked first: a repeated answer is stale, not a conflict.
            written = await record_change(
                self._store, mail.case, answered, actor, session, expected=expected
            )
            await self._outbox.insert([to_document(mail)], session)
            return written

        return await self._store.transaction(body)

    async def _latest_of_participants(self, number: int) -> dict[str, Any] | None:
        """The latest mail of a participant that has a Message-ID."""
        query = {
            "case": number,
            "kind": "mail",
            "flags": {"$ne": CommentFlag.UNVERIFIED_SENDER.value},
            "message_id": {"$ne": None},
        }
        fields = ["message_id", "in_reply_to", "author", "at", "text"]
        mails = await self._comments.find(query, fields, sort="-at", limit=1)
        return mails[0] if mails else None


def _quotable(comment: dict[str, Any]) -> QuotedMail:
    author = comment["author"]
    return QuotedMail(author["name"] or author["address"], comment["at"], comment["text"])
