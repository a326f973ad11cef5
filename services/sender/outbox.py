"""The outbox in MongoDB. A claim is a conditional update, so only one sender at a time has a
mail.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import structs

from schemas.changes import Actor, Sent
from schemas.flags import CommentFlag
from schemas.stored import (
    AutomaticMails,
    Case,
    Comment,
    OutgoingMail,
    Thread,
    reported_by,
    thread_id,
    to_document,
)
from services.casework.persistence.recording import record_change
from services.runtime.store.collection import Session
from services.runtime.store.errors import ConflictError
from services.runtime.store.mongo import Store
from services.sender.ports import EVERYTHING, Addressed, Backlog, Ending, Share
from services.sender.rate_limits import SendingHistory

SENDER = Actor(kind="rule", id="sender")
HISTORY_KEPT_FOR = timedelta(days=1)  # the longest window that the settings allow
_OPEN = {"$in": ["pending", "claimed"]}
_ANSWER = "answer"


class MongoOutbox:
    """Implements the port `Outbox`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._outbox = store.collection(OutgoingMail.COLLECTION)
        self._automatic = store.collection(AutomaticMails.COLLECTION)
        self._cases = store.collection(Case.COLLECTION)
        self._comments = store.collection(Comment.COLLECTION)
        self._threads = store.collection(Thread.COLLECTION)

    async def ensure_indexes(self) -> None:
        await self._outbox.ensure_index("state", "due_at")
        await self._outbox.ensure_index("process", "state", "kind", "due_at")
        await self._outbox.ensure_index("case")
        await self._outbox.ensure_index("message_id")
        await self._automatic.ensure_expiry("expires_at")

    async def now(self) -> datetime:
        return await self._store.now()

    async def due(self, now: datetime, limit: int, share: Share = EVERYTHING) -> list[str]:
        query = {"state": _OPEN, "due_at": {"$lte": now}, **_query_of(share)}
        found = await self._outbox.find(query, ["_id"], sort="due_at", limit=limit)
        return [document["_id"] for document in found]

    async def addressed(self, mail_ids: Sequence[str]) -> list[Addressed]:
        query = {"_id": {"$in": list(mail_ids)}, "state": _OPEN}
        found = {
            document["_id"]: Addressed(
                document["_id"], document["process"], document["kind"] == _ANSWER
            )
            for document in await self._outbox.find(query, ["process", "kind"])
        }
        return [found[mail_id] for mail_id in dict.fromkeys(mail_ids) if mail_id in found]

    async def claim(
        self, mail_id: str, claim: str, now: datetime, until: datetime
    ) -> OutgoingMail | None:
        query = {"_id": mail_id, "state": _OPEN, "due_at": {"$lte": now}}
        change = {
            "$set": {"state": "claimed", "claimed_by": claim, "due_at": until},
            "$inc": {"attempts": 1},
        }
        if not await self._outbox.update(query, change):
            return None
        document = await self._outbox.find_one({"_id": mail_id, "claimed_by": claim})
        return msgspec.convert(document, OutgoingMail) if document else None

    async def extend(self, mail_id: str, claim: str, until: datetime) -> bool:
        return bool(
            await self._outbox.update(_claimed(mail_id, claim), {"$set": {"due_at": until}})
        )

    async def store_text(self, mail_id: str, claim: str, subject: str, text: str) -> bool:
        change = {"$set": {"subject": subject, "text": text}}
        return bool(await self._outbox.update(_claimed(mail_id, claim), change))

    async def histories(self, keys: Sequence[str]) -> dict[str, SendingHistory]:
        documents = await self._automatic.find({"_id": {"$in": list(keys)}})
        found = {
            document["_id"]: SendingHistory(
                tuple(document["times"]), document["held_until"], document["version"]
            )
            for document in documents
        }
        return {key: found.get(key) or SendingHistory() for key in keys}

    async def count(
        self,
        histories: Mapping[str, SendingHistory],
        now: datetime,
        counted: tuple[str, str] | None,
    ) -> None:
        async def body(session: Session) -> None:
            for key, history in histories.items():
                await self._write_history(key, history, now, session)
            if counted is not None:
                await self._outbox.update(
                    _claimed(*counted), {"$set": {"counted_at": now}}, session
                )

        await self._store.transaction(body)

    async def _write_history(
        self, key: str, history: SendingHistory, now: datetime, session: Session
    ) -> None:
        document = to_document(
            AutomaticMails(
                id=key,
                times=list(history.times),
                held_until=history.held_until,
                version=history.version + 1,
                expires_at=max(now, history.held_until or now) + HISTORY_KEPT_FOR,
            )
        )
        if not history.version:
            await self._automatic.insert([document], session)
        elif not await self._automatic.update(
            {"_id": key, "version": history.version}, {"$set": document}, session
        ):
            raise ConflictError("another sender counted an automatic mail first")

    async def release(self, mail: OutgoingMail, claim: str) -> bool:
        released = {
            "state": "pending",
            "claimed_by": None,
            "due_at": mail.due_at,
            "remaining": mail.remaining,
            "refused": mail.refused,
            "failure": mail.failure,
            "attempts": mail.attempts,
        }
        return bool(await self._outbox.update(_claimed(mail.id, claim), {"$set": released}))

    async def end(self, mail: OutgoingMail, claim: str, ending: Ending) -> bool:
        async def body(session: Session) -> bool:
            change = {
                "state": ending.state,
                "ended_at": ending.at,
                "failure": ending.failure,
                "claimed_by": None,
                "remaining": mail.remaining,
                "refused": mail.refused,
            }
            if not await self._outbox.update(_claimed(mail.id, claim), {"$set": change}, session):
                return False
            if ending.comment is not None:
                await self._show(mail, ending, ending.comment, session)
            return True

        return await self._store.transaction(body)

    async def _show(
        self, mail: OutgoingMail, ending: Ending, comment: Comment, session: Session
    ) -> None:
        now = await self._outbox.find({"_id": mail.id}, ["bounced_by"], session=session)
        bounced_by = now[0]["bounced_by"] if now else None
        if bounced_by:  # the delivery report arrived before this comment was written
            flags = list(dict.fromkeys([*comment.flags, CommentFlag.UNDELIVERABLE]))
            comment = structs.replace(
                comment, flags=flags, failure=comment.failure or reported_by(bounced_by)
            )
        await self._comments.insert([to_document(comment)], session)
        added = {"comment_count": 1, "attachment_count": len(mail.attachments)}
        sent = Sent(comment=comment.id, state=ending.state)
        await record_change(self._store, mail.case, sent, SENDER, session, added=added)
        if ending.state != "sent":
            return
        key = thread_id(mail.process, mail.message_id)
        # A quick answer may have reserved the thread already.
        if not await self._threads.update({"_id": key}, {"$set": {"claimed_by": mail.id}}, session):
            await self._threads.insert(
                [to_document(Thread(id=key, case=mail.case, claimed_by=mail.id))], session
            )

    async def prove_majority(self) -> None:
        await self._store.prove_majority()

    async def backlog(self) -> Backlog:
        oldest: list[dict[str, Any]] = await self._outbox.find(
            {"state": _OPEN}, ["created_at"], sort="created_at", limit=1
        )
        count = await self._outbox.count({"state": _OPEN}) if oldest else 0
        return Backlog(count, oldest[0]["created_at"] if oldest else None)


def _query_of(share: Share) -> dict[str, Any]:
    query: dict[str, Any] = {}
    if share.processes or not share.others:
        query["process"] = {"$nin" if share.others else "$in": list(share.processes)}
    if share.answers is not None:
        query["kind"] = _ANSWER if share.answers else {"$ne": _ANSWER}
    if share.created_before is not None:
        query["created_at"] = {"$lt": share.created_before}
    return query


def _claimed(mail_id: str, claim: str) -> dict[str, Any]:
    return {"_id": mail_id, "state": "claimed", "claimed_by": claim}
