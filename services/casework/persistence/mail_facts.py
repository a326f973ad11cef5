"""Reads, in a transaction, which case a mail is in and whether it may describe that case."""

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.changes import Change, change_id
from schemas.flags import CommentFlag
from schemas.stored import Case, Comment, Mail, from_document
from services.casework.decisions.field_merge import MailFacts
from services.runtime.settings import Process
from services.runtime.store.collection import Document, Session
from services.runtime.store.mongo import Store


@dataclass(frozen=True)
class MailPlace:
    """The case that the mail is in, and its process."""

    case: Case
    process: Process
    facts: MailFacts


async def mail_place(
    store: Store, processes: Mapping[str, Process], mail_key: str, session: Session
) -> MailPlace | None:
    """None if the mail is in no case, was not written by a person, or its process is not in the
    settings.
    """
    query = {"_id": mail_key, "kind": "mail"}
    comments = await store.collection(Comment.COLLECTION).find(query, limit=1, session=session)
    if not comments:
        return None
    comment = from_document(comments[0], Comment)
    number = {"_id": comment.case}
    cases = await store.collection(Case.COLLECTION).find(number, limit=1, session=session)
    process = processes.get(cases[0]["process"]) if cases else None
    if process is None:
        return None
    case = from_document(cases[0], Case)
    return MailPlace(case, process, await _facts(store, case, comment, session))


async def _facts(store: Store, case: Case, comment: Comment, session: Session) -> MailFacts:
    query = {"_id": comment.id}
    mails = await store.collection(Mail.COLLECTION).find(query, limit=1, session=session)
    mail = from_document(mails[0], Mail) if mails else None
    opener = await _opener(store, case, session)
    if opener is not None:
        is_opening = comment.id == opener["_id"]
    else:
        is_opening = mail is not None and mail.outcome == "opened" and mail.case == case.number
    decision = mail.decision if mail is not None else None
    answered = opener["message_id"] if opener is not None else None
    return MailFacts(
        key=comment.id,
        at=comment.at,
        author=comment.author.address,
        is_opening=is_opening,
        is_stranger=CommentFlag.UNVERIFIED_SENDER in comment.flags,
        answers=decision is not None
        and (case.number in decision.signed or answered in decision.thread_ids),
        authentication=decision.authentication if decision is not None else "",
    )


async def _opener(store: Store, case: Case, session: Session) -> Document | None:
    """The comment that opened the case; None if the case is older than its history."""
    query = {"_id": change_id(case.number, 1), "what.type": "opened"}
    changes = store.collection(Change.COLLECTION)
    first = await changes.find(query, ["what.comment"], limit=1, session=session)
    if not first:
        return None
    key = {"_id": first[0]["what"]["comment"]}
    comments = store.collection(Comment.COLLECTION)
    found = await comments.find(key, ["message_id"], limit=1, session=session)
    return found[0] if found else None
