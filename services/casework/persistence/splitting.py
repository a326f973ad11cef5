"""Writes a split: comments, outcomes and threads move to the new case."""

from collections.abc import Sequence
from typing import Any

from schemas.changes import Change, Opened
from schemas.stored import Case, Comment, Mail, OutgoingMail, Thread, from_document, to_document
from services.casework.decisions.situation import Situation
from services.casework.history import opening
from services.runtime.store.collection import Document, Session
from services.runtime.store.mongo import Store


async def split_off(
    store: Store, situation: Situation, opened: Change, ids: Sequence[str], session: Session
) -> Case:
    """Move the comments `ids` of the situation's case to a new case, which begins with the change
    `opened`. Returns the new case.
    """
    number, new = situation.case.number, opened.case
    comments, mails = store.collection(Comment.COLLECTION), store.collection(Mail.COLLECTION)
    among: Document = {"_id": {"$in": list(ids)}}
    found = await comments.find({**among, "case": number}, sort="at", session=session)
    moved = [from_document(document, Comment) for document in found]
    to_new = {"$set": {"case": new}}
    await comments.update_all({**among, "case": number}, to_new, session)
    await store.collection(OutgoingMail.COLLECTION).update_all(
        {**among, "case": number}, to_new, session
    )
    claimed = {"claimed_by": {"$in": list(ids)}, "case": number}
    await store.collection(Thread.COLLECTION).update_all(claimed, to_new, session)
    written_by = opened.id  # a replay that read these mails earlier notices that they changed
    outcome = {"case": new, "outcome": "appended", "written_by": written_by}
    await mails.update_all({**among, "case": number}, {"$set": outcome}, session)
    await _appoint_opener(store, new, written_by, session)
    await _appoint_opener(store, number, written_by, session)
    files = sum(len(comment.attachments) for comment in moved)
    left = {"$inc": {"comment_count": -len(moved), "attachment_count": -files}}
    await store.collection(Case.COLLECTION).update({"_id": number}, left, session)
    case = new_case(situation, opened, moved)
    await store.collection(Case.COLLECTION).insert([to_document(case)], session)
    return case


def new_case(situation: Situation, opened: Change, moved: Sequence[Comment]) -> Case:
    """The document of the new case. Its participants are the authors of the moved comments."""
    if not isinstance(opened.what, Opened):
        raise TypeError(f"change {opened.id} opens no case")
    first = next(comment for comment in moved if comment.id == opened.what.comment)
    wrote = {comment.author.address.lower() for comment in moved if comment.kind == "mail"}
    participants = [
        participant for participant in situation.case.participants if participant.lower() in wrote
    ]
    from_opening: dict[str, Any] = opening(opened)
    return Case(
        number=opened.case,
        updated_at=situation.now,
        opened_by=first.author,
        participants=participants or list(situation.case.participants),
        comment_count=len(moved),
        attachment_count=sum(len(comment.attachments) for comment in moved),
        **from_opening,
    )


async def _appoint_opener(store: Store, number: int, written_by: str, session: Session) -> None:
    """Make the oldest mail of a case its opening one if none is."""
    mails = store.collection(Mail.COLLECTION)
    if await mails.count({"case": number, "outcome": "opened"}, session):
        return
    oldest = await mails.find(
        {"case": number}, ["_id"], sort="recorded_at", limit=1, session=session
    )
    for mail in oldest:
        opened = {"$set": {"outcome": "opened", "written_by": written_by}}
        await mails.update({"_id": mail["_id"]}, opened, session)
