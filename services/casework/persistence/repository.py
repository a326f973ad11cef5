"""Actions on cases in MongoDB, each in one short transaction.

The case, its history, and everything else that an action writes are written together or not at all.
The revision guards the case: the second of two writers reads and decides again, or gets a conflict
if they named the revision that they had seen.
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from schemas.changes import Actor, Change, Merged, Opened, Publication
from schemas.stored import (
    Attachment,
    Case,
    Comment,
    FieldKey,
    OutgoingMail,
    from_document,
    to_document,
)
from services.casework import actions, records
from services.casework.actors import ActingAs
from services.casework.decide import decide
from services.casework.decisions.situation import Accepted, AutomaticMail, Situation
from services.casework.listing import BECOMING_OVERDUE, BY_ASSIGNEE, LATEST_OVERDUE, OVERDUE
from services.casework.persistence.case_links import CaseLinks
from services.casework.persistence.invoice_links import InvoiceLinks
from services.casework.persistence.moved_mails import follow_merge, follow_split
from services.casework.persistence.recall import AnswerRecall
from services.casework.persistence.recording import insert_history, read_case
from services.casework.persistence.splitting import split_off
from services.casework.persistence.unique_values import UniqueValues
from services.casework.refusals import StaleRevisionError
from services.casework.results import Done
from services.runtime.logs import get_logger
from services.runtime.settings import Process
from services.runtime.store.collection import Document, Session
from services.runtime.store.contention import retry_conflicts
from services.runtime.store.errors import ConflictError
from services.runtime.store.mongo import Store

log = get_logger(__name__)

BY_RULE = "stage-automation"


@dataclass(frozen=True)
class _Request:
    """One call of `act`. Its repetitions use the same values, but read the case again."""

    number: int
    action: actions.Action
    acting: ActingAs
    expected: int | None
    files: Sequence[Attachment]
    comment_id: str
    seen: Case | None


Compose = Callable[[AutomaticMail, Case, datetime], OutgoingMail | None]


class CaseRepository:
    """Reads cases and carries out the actions that actors request.

    `compose` returns the mail that is sent when a case enters a stage, None if the process sends no
    mail. Methods raise TransientError in an outage, and ActionRefusedError and StaleRevisionError
    as documented.
    """

    def __init__(
        self,
        store: Store,
        processes: Mapping[str, Process],
        *,
        compose: Compose = lambda *_: None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._processes = processes
        self._compose = compose
        self._clock = clock
        self._answers = AnswerRecall(store, processes, clock)
        self._cases = store.collection(Case.COLLECTION)
        self._changes = store.collection(Change.COLLECTION)
        self._comments = store.collection(Comment.COLLECTION)
        self._outbox = store.collection(OutgoingMail.COLLECTION)
        self._counters = store.collection(records.COUNTERS)

    async def ensure_indexes(self) -> None:
        """Create the indexes for lists, histories and the publisher."""
        await self._changes.ensure_index("case", "revision", unique=True)
        publications = self._store.collection(Publication.COLLECTION)
        await publications.ensure_index("at")
        await publications.ensure_index("cases")  # many wait after an outage of the broker
        # Neither sweeps for overdue cases nor counts of them read other cases.
        await self._cases.ensure_index("due_at", where=BECOMING_OVERDUE)
        await self._cases.ensure_index("process", "due_at", "_id", where=OVERDUE)
        await self._cases.ensure_index(*LATEST_OVERDUE, where=OVERDUE)
        await self._cases.ensure_index(*BY_ASSIGNEE)
        await self._cases.ensure_index("merged_into")
        keys = self._store.collection(FieldKey.COLLECTION)
        await keys.ensure_index("mails")  # a split looks up the invoices of its mails
        await keys.ensure_index("corrections")

    async def case(self, number: int) -> Case | None:
        """The case; None if it does not exist."""
        document = await self._cases.find_one({"_id": number})
        return from_document(document, Case) if document else None

    async def history(self, number: int, *, after: int = 0, limit: int = 0) -> list[Change]:
        """The changes of a case with a revision above `after`, in order; `limit` 0 returns all."""
        query = {"case": number, "revision": {"$gt": after}}
        found = await self._changes.find(query, sort="revision", limit=limit)
        return [from_document(document, Change) for document in found]

    async def act(
        self,
        number: int,
        action: actions.Action,
        acting: ActingAs,
        *,
        expected: int | None = None,
        files: Sequence[Attachment] = (),
        seen: Case | None = None,
    ) -> Done:
        """Apply `action` to case `number`; with `expected`, only if the case is at that revision.

        `files` are the attachments of a note, already in the blob store. `seen` is the case if the
        caller has just read it: it is read again only if it has changed since. Raises
        ActionRefusedError (also with the reason `no-such-case`) and StaleRevisionError.
        """
        if seen is not None and expected not in (None, seen.revision):
            seen = None  # the caller may know a later revision than the one read
        note_id = f"note-{uuid.uuid4().hex}"
        request = _Request(number, action, acting, expected, files, note_id, seen)
        done = await self._decided_as_seen(request) if seen is not None else None
        if done is None:
            body = partial(self._act, replace(request, seen=None))
            done = await retry_conflicts(partial(self._store.transaction, body))
        log.info(
            "case_changed",
            case=number,
            action=type(action).__name__,
            revision=done.case.revision,
        )
        return done

    async def recall(self, outgoing_id: str, acting: ActingAs) -> Done:
        """As `AnswerRecall.recall`."""
        return await self._answers.recall(outgoing_id, acting)

    async def _decided_as_seen(self, request: _Request) -> Done | None:
        """Decide on the case as the caller saw it; None if it has changed since, since only its
        revision is compared.
        """
        try:
            return await self._store.transaction(partial(self._act, request))
        except ConflictError:
            return None

    async def _act(self, request: _Request, session: Session) -> Done:
        case = request.seen or await read_case(self._store, request.number, session)
        if request.expected is not None and request.expected != case.revision:
            raise StaleRevisionError(request.number, request.expected, case.revision)
        situation = await self._situation(case, request, session)
        accepted = decide(request.action, situation)
        return await self._write(situation, accepted, request.files, session)

    async def _situation(self, case: Case, request: _Request, session: Session) -> Situation:
        situation = Situation(
            case=case,
            processes=self._processes,
            acting=request.acting,
            now=self._clock(),
            comment_id=request.comment_id,
        )
        match request.action:
            case actions.MergeInto(target=target):
                return replace(situation, other=await self._other(target, session))
            case actions.Unmerge() if case.merged_into is not None:
                return await self._before_merge(situation, case.merged_into, session)
            case actions.SplitOff():
                number = await self._counters.increment(records.CASE_COUNTER, "value", 1, session)
                comments = await self._comments.find(
                    {"case": case.number}, sort="at", session=session
                )
                return replace(
                    situation,
                    comments=[records.comment_info(comment) for comment in comments],
                    new_number=number,
                )
            case _:
                return situation

    async def _other(self, number: int, session: Session) -> Case | None:
        found = await self._cases.find({"_id": number}, limit=1, session=session)
        return from_document(found[0], Case) if found else None

    async def _before_merge(self, situation: Situation, target: int, session: Session) -> Situation:
        """What the merge changed, from the histories of both cases, so that exactly this is
        undone.
        """
        case = situation.case
        of_case = await self._last_merge({"case": case.number, "what.into": target}, session)
        of_target = await self._last_merge({"case": target, "what.absorbed": case.number}, session)
        authors = await self._comments.find({"case": target}, ["author", "at"], session=session)
        wrote = {comment["author"]["address"].lower() for comment in authors}
        joined = of_target.joined if of_target else []
        return replace(
            situation,
            other=await self._other(target, session),
            status_before_merge=of_case.was_status if of_case else "open",
            joined_by_merge=[address for address in joined if address.lower() not in wrote],
        )

    async def _last_merge(self, query: Document, session: Session) -> Merged | None:
        merged = query | {"what.type": "merged"}
        found = await self._changes.find(merged, sort="-revision", limit=1, session=session)
        what = from_document(found[0], Change).what if found else None
        return what if isinstance(what, Merged) else None

    async def _write(
        self,
        situation: Situation,
        accepted: Accepted,
        files: Sequence[Attachment],
        session: Session,
    ) -> Done:
        case, now, actor = situation.case, situation.now, situation.acting.actor
        written = records.WrittenChanges()
        rule = Actor(kind="rule", id=BY_RULE)
        for number, whats in accepted.changes.items():
            before = case if number == case.number else situation.other
            if isinstance(whats[0], Opened):
                written.open(number, whats[0], actor, now)
                continue
            if before is None:
                raise ValueError(f"the action changes case {number}, which was not read")
            written.add(before, whats, actor, now)
            if number in accepted.by_rule:
                written.add(written.cases[number], accepted.by_rule[number], rule, now)
        comment = None
        if accepted.note is not None:
            comment = records.note(situation, accepted.note, files)
            await self._comments.insert([to_document(comment)], session)
        links = CaseLinks(self._store, session, written, now)
        unique = UniqueValues(self._store, session, self._processes)
        invoices = InvoiceLinks(self._store, links)
        if written.opened is not None:
            new = await split_off(self._store, situation, written.opened, accepted.split, session)
            follow_split(written, self._processes, new, case, accepted.split)
            await invoices.follow_split(unique, case, new.number, accepted.split)
        follow_merge(written, self._processes, accepted.changes, now)
        await invoices.follow_merges(unique, accepted.changes)
        await unique.follow(links)
        await self._save(written, situation, comment, session)
        outgoing = await self._send(accepted.mail, written.cases[case.number], now, session)
        return Done(
            case=written.cases[case.number],
            changes=[change for change in written.changes if change.case == case.number],
            comment=comment.id if comment else None,
            new_case=situation.new_number if written.opened is not None else None,
            outgoing=outgoing,
            written=written.changes,
        )

    async def _save(
        self,
        written: records.WrittenChanges,
        situation: Situation,
        comment: Comment | None,
        session: Session,
    ) -> None:
        """Write the case documents, guarded by the revisions that were read, and then the
        history.
        """
        for number, after in written.cases.items():
            before = written.before[number]
            change: dict[str, Any] = {"$set": records.changed_fields(before, after)}
            change["$max"] = {"updated_at": situation.now}
            if comment is not None and number == situation.case.number:
                change["$inc"] = {"comment_count": 1, "attachment_count": len(comment.attachments)}
            query = {"_id": number, **records.at_revision(before.revision)}
            if not await self._cases.update(query, change, session):
                raise ConflictError(f"case {number} was changed by someone else first")
        await insert_history(self._store, written.changes, session)

    async def _send(
        self, mail: AutomaticMail | None, case: Case, now: datetime, session: Session
    ) -> Sequence[str]:
        outgoing = self._compose(mail, case, now) if mail is not None else None
        if outgoing is None:
            return ()
        await self._outbox.insert([to_document(outgoing)], session)
        return (outgoing.id,)
