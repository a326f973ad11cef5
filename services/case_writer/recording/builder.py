"""Turns a plan into the documents of one transaction. Pure: values in, values out."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from msgspec import structs

from schemas.cases import Decision
from schemas.changes import MailAdded, MailMoved, What
from schemas.flags import CommentFlag
from schemas.mails import BlobRef, RawMail
from schemas.stored import (
    NO_SUBJECT,
    Case,
    Comment,
    Mail,
    Outcome,
    OutgoingMail,
    Sender,
    Thread,
    thread_id,
)
from services.case_writer.placement.plan import (
    NewCase,
    Placed,
    Plan,
    PreparedMail,
    RederivedMail,
    Target,
    Unassigned,
)
from services.case_writer.recording.changes import opened_change, rederived_change
from services.case_writer.recording.comments import comment_of, derived_again
from services.case_writer.recording.documents import (
    Bounced,
    CaseChange,
    Documents,
    Replacement,
    VerdictReplacement,
)
from services.case_writer.recording.events import limited_event, unassigned_event
from services.case_writer.recording.history import HistoryEntry, by_mail
from services.runtime.errors import PermanentError

Acknowledge = Callable[[Placed, int, datetime], OutgoingMail | None]

SENDERS_KEPT = timedelta(days=1)  # the longest window that the settings allow


@dataclass(frozen=True)
class TransactionContext:
    """One attempt: its time, its name, the number of its first new case, and how cases begin.
    `originals` are the whole mails that the plan needs, by mail key.
    """

    now: datetime
    attempt: str
    first_number: int
    initial_stages: Mapping[str, str]
    acknowledge: Acknowledge = lambda *_: None
    originals: Mapping[str, BlobRef] = field(default_factory=dict)


def build_documents(plan: Plan, context: TransactionContext) -> Documents:
    """The documents of a plan, their history without revisions.

    New cases are numbered from `context.first_number` in the order of the plan. Restored cases keep
    their former numbers.
    """
    fresh = [case for case in plan.new_cases if case.number is None]
    numbers = {id(case): context.first_number + index for index, case in enumerate(fresh)}
    return _Builder(plan, context, numbers).build()


class _Builder:
    def __init__(self, plan: Plan, context: TransactionContext, numbers: dict[int, int]) -> None:
        self._plan = plan
        self._context = context
        self._numbers = numbers
        self._documents = Documents(context.now, context.attempt)
        self._deliveries = {key: recorded.deliveries for key, recorded in plan.retried.items()}
        # by the id() of a new case
        self._mails_of: dict[int, list[PreparedMail]] = defaultdict(list)
        for placed in (*plan.placed, *(rederived.placed for rederived in plan.rederived)):
            self._mails_of[id(placed.target)].append(placed.mail)

    def build(self) -> Documents:
        plan, documents = self._plan, self._documents
        for placed in plan.placed:
            self._add(placed)
        for unassigned in plan.unassigned:
            self._add_unassigned(unassigned)
        for rederived in plan.rederived:
            self._replace(rederived)
        for alert in plan.alerts:
            documents.events.append(limited_event(alert.mail.raw, alert.alert))
        documents.threads = [
            self._thread(key, target, claimed_by)
            for key, (target, claimed_by) in plan.threads.items()
        ]
        documents.claims = [
            self._thread(key, target, mail_key) for key, (target, mail_key) in plan.claims.items()
        ]
        documents.released = plan.released
        documents.verdicts = [
            VerdictReplacement(
                verdict.mail.key, verdict.recorded.written_by, verdict.reason, verdict.decision
            )
            for verdict in plan.updated
        ]
        documents.senders = [self._sender(key) for key in plan.senders]
        documents.deliveries = Counter(plan.duplicates)
        documents.retried = {key: recorded.written_by for key, recorded in plan.retried.items()}
        return documents

    def _thread(self, key: str, target: Target, claimed_by: str | None) -> Thread:
        digest = self._plan.digests.get(key)
        return Thread(id=key, case=self._number(target), claimed_by=claimed_by, digest=digest)

    def _sender(self, key: str) -> Sender:
        history = self._plan.senders[key]
        return Sender(
            id=key,
            times=list(history.times),
            alerted_at=history.alerted_at,
            version=history.version + 1,
            expires_at=self._context.now + SENDERS_KEPT,
        )

    def _number(self, target: Target) -> int:
        if isinstance(target, NewCase):
            return self._numbers[id(target)] if target.number is None else target.number
        return target

    def _add(self, placed: Placed) -> None:
        mail, number = placed.mail.raw, self._number(placed.target)
        comment = comment_of(placed, number)
        self._documents.comments.append(comment)
        outcome: Outcome = "opened" if placed.opens else "appended"
        written = self._mail(mail, placed.decision, outcome, number, reopened=placed.reopens)
        self._documents.mails.append(written)
        if placed.opens:
            self._open(placed, number, comment)
            acknowledgement = self._context.acknowledge(placed, number, self._context.now)
            self._documents.outgoing += [acknowledgement] if acknowledgement else []
            return
        if not isinstance(placed.target, NewCase):
            self._count(comment).participants += placed.joins
        is_undeliverable = CommentFlag.UNDELIVERABLE in placed.decision.flags
        if placed.kind == "bounce" and is_undeliverable and placed.decision.reports_on:
            bounced = Bounced(number, placed.decision.reports_on, mail.key)
            self._documents.bounced.append(bounced)
        added = MailAdded(comment=mail.key, kind=placed.kind, reopened=placed.reopens)
        self._happens(number, added, mail)

    def _count(self, comment: Comment) -> CaseChange:
        """Count a comment that an existing case gains."""
        change = self._documents.changes[comment.case]
        change.touches = True
        change.comments += 1
        change.attachments += len(comment.attachments)
        return change

    def _open(self, placed: Placed, number: int, comment: Comment) -> None:
        case = self._case(placed, number, comment)
        self._documents.cases.append(case)
        self._happens(number, opened_change(case, placed.mail.key), placed.mail.raw)

    def _case(self, placed: Placed, number: int, first: Comment) -> Case:
        process, target = placed.mail.process, placed.target
        stage = self._context.initial_stages.get(process)
        if stage is None:
            raise PermanentError(
                f"the settings have no process {process!r}; add it and retry the mail"
            )
        joined = self._mails_of[id(target)]
        refers_to = target.refers_to if isinstance(target, NewCase) else None
        return Case(
            number=number,
            process=process,
            stage=stage,
            status="open",
            title=first.subject or NO_SUBJECT,
            mailbox=placed.mail.raw.mailbox,
            opened_at=first.at,
            updated_at=self._context.now,
            opened_by=first.author,
            participants=list(target.participants) if isinstance(target, NewCase) else [],
            comment_count=len(joined),
            refers_to=None if refers_to is None else self._number(refers_to),
            attachment_count=sum(
                len(mail.attachments) + (mail.original is not None) for mail in joined
            ),
        )

    def _replace(self, rederived: RederivedMail) -> None:
        """Replace a comment, unless it has not changed, so that a repetition changes nothing."""
        placed, before, was = rederived.placed, rederived.comment, rederived.recorded.case
        number = self._number(placed.target)
        comment = derived_again(before, comment_of(placed, number))
        if was is None or (comment, placed.decision) == (before, rederived.recorded.decision):
            return
        outcome: Outcome = rederived.recorded.outcome
        if rederived.moves:
            outcome = "opened" if placed.opens else "appended"
            self._move(placed, comment, before, was)
        else:
            self._rederive_in_place(placed, comment, before, outcome)
        if placed.joins and not placed.opens:
            self._documents.changes[number].participants += placed.joins
        ids = [*([comment.message_id] if comment.message_id else []), *placed.decision.thread_ids]
        replacement = Replacement(
            placed.mail.key,
            rederived.recorded.written_by,
            outcome,
            was,
            before,
            comment,
            placed.decision,
            [thread_id(placed.mail.process, message_id) for message_id in ids],
        )
        self._documents.replaced.append(replacement)

    def _rederive_in_place(
        self, placed: Placed, comment: Comment, before: Comment, outcome: Outcome
    ) -> None:
        change = self._documents.changes[comment.case]
        change.attachments += len(comment.attachments) - len(before.attachments)
        if outcome == "opened" and before.author != comment.author:
            change.opener = (before.author, comment.author)
        self._happens(
            comment.case,
            rederived_change(placed.mail.key, outcome, before, comment),
            placed.mail.raw,
        )

    def _move(self, placed: Placed, comment: Comment, before: Comment, was: int) -> None:
        left = self._documents.changes[was]
        left.comments -= 1
        left.attachments -= len(before.attachments)
        if placed.opens:
            self._open(placed, comment.case, comment)
        else:
            self._count(comment)
        mail = placed.mail.raw
        self._happens(was, MailMoved(comment=mail.key, to=comment.case), mail)
        self._happens(comment.case, MailMoved(comment=mail.key, was=was), mail)

    def _happens(self, number: int, what: What, mail: RawMail) -> None:
        entry = HistoryEntry(number, what, by_mail(mail.key), mail.key)
        self._documents.history.append(entry)

    def _add_unassigned(self, unassigned: Unassigned) -> None:
        prepared, mail = unassigned.mail, unassigned.mail.raw
        original = prepared.original or self._context.originals.get(prepared.key)
        refers_to = None if unassigned.refers_to is None else self._number(unassigned.refers_to)
        written = self._mail(
            mail,
            unassigned.decision,
            unassigned.outcome,
            None,
            reason=unassigned.reason,
            raw=original.sha256 if original else None,
        )
        alert = next(
            (alert.alert for alert in self._plan.alerts if alert.mail.key == mail.key), None
        )
        self._documents.mails.append(structs.replace(written, refers_to=refers_to, alert=alert))
        event = unassigned_event(mail, unassigned.outcome, unassigned.reason, refers_to)
        self._documents.events.append(event)

    def _mail(
        self,
        mail: RawMail,
        decision: Decision,
        outcome: Any,
        case: int | None,
        *,
        reason: str | None = None,
        raw: str | None = None,
        reopened: bool = False,
    ) -> Mail:
        return Mail(
            id=mail.key,
            mailbox=mail.mailbox,
            process=mail.process,
            outcome=outcome,
            case=case,
            reason=reason,
            decision=decision,
            deliveries=self._deliveries.get(mail.key, 0 if mail.origin == "replay" else 1),
            raw=raw,
            received_at=mail.received_at,
            recorded_at=self._context.now,
            written_by=self._context.attempt,
            placed_by=mail.replay.run if mail.replay is not None else None,
            reopened=reopened,
        )
