"""The documents and events of a placed batch. Pure: values in, values out."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from msgspec import structs

from schemas.cases import Decision
from schemas.changes import Change, MailAdded, MailMoved, Opened, Rederived, What
from schemas.cloud_events import MailEvent
from schemas.mails import RawMail
from schemas.stored import UNDELIVERABLE, Case, Comment, Mail, Outcome, OutgoingMail, Thread, thread_id
from services.case_writer.placement.plan import NewCase, Placed, Plan, RederivedMail, Target, Unassigned
from services.case_writer.recording.comments import comment_of, derived_again
from services.case_writer.recording.events import aside_event, limited_event
from services.case_writer.recording.history import HistoryEntry, by_mail
from services.runtime.errors import PermanentError

Acknowledge = Callable[[Placed, int, datetime], OutgoingMail | None]

NO_SUBJECT = "(no subject)"


@dataclass
class CaseChange:
    """What a batch adds to a case that exists; `touches` tells that something came, so that the case is updated."""

    touches: bool = False
    comments: int = 0
    attachments: int = 0
    participants: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Replacement:
    """A recorded mail's comment and decision of today, in place of those of version `seen` of the mail.

    `was` is its case until now; `threads` are the keys of Message-IDs that go with it if it moves.
    """

    key: str
    seen: str
    outcome: Outcome
    was: int
    before: Comment
    comment: Comment
    decision: Decision
    threads: list[str]

    @property
    def moves(self) -> bool:
        return self.comment.case != self.was


@dataclass(frozen=True)
class Bounced:
    """Mails of ours, by their Message-IDs, that a delivery report in the same case calls undeliverable."""

    case: int
    message_ids: list[str]
    mail_key: str


@dataclass
class Documents:
    """Everything that one transaction writes, beside the counter."""

    cases: list[Case] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    mails: list[Mail] = field(default_factory=list)
    threads: list[Thread] = field(default_factory=list)
    claims: list[Thread] = field(default_factory=list)
    changes: dict[int, CaseChange] = field(default_factory=lambda: defaultdict(CaseChange))
    replaced: list[Replacement] = field(default_factory=list)
    events: list[MailEvent] = field(default_factory=list)
    history: list[HistoryEntry] = field(default_factory=list)
    written_history: list[Change] = field(default_factory=list)
    outgoing: list[OutgoingMail] = field(default_factory=list)
    bounced: list[Bounced] = field(default_factory=list)


@dataclass(frozen=True)
class TransactionContext:
    """One attempt: its time, its name, the number of its first new case, and each process's initial stage by name.

    `acknowledge` makes the acknowledgement of a mail that opened a case of that number, None where there is none.
    """

    now: datetime
    attempt: str
    first_number: int
    initial_stages: Mapping[str, str]
    acknowledge: Acknowledge = lambda *_: None


def build_documents(plan: Plan, writing: TransactionContext) -> Documents:
    """All documents of a plan; new cases are numbered from `writing.first_number` in the order of the plan.

    Those that had a number before have it again.
    """
    fresh = [case for case in plan.new_cases if case.number is None]
    numbers = {id(case): writing.first_number + index for index, case in enumerate(fresh)}
    return _Builder(writing, numbers).build(plan)


class _Builder:
    def __init__(self, writing: TransactionContext, numbers: dict[int, int]) -> None:
        self._writing = writing
        self._numbers = numbers
        self._documents = Documents()
        self._deliveries: dict[str, int] = {}

    def build(self, plan: Plan) -> Documents:
        self._deliveries = {key: recorded.deliveries for key, recorded in plan.retried.items()}
        for placed in plan.placed:
            self._add(placed, plan)
        for aside in plan.aside:
            self._set_aside(aside, plan)
        for reread in plan.reread:
            self._replace(reread, plan)
        for alert in plan.alerts:
            self._documents.events.append(limited_event(alert.item.command.mail, alert.alert))
        self._documents.threads = [
            self._thread(key, target, claimed, plan) for key, (target, claimed) in plan.threads.items()
        ]
        self._documents.claims = [self._thread(key, target, mail, plan) for key, (target, mail) in plan.claims.items()]
        return self._documents

    def _thread(self, key: str, target: Target, claimed_by: str | None, plan: Plan) -> Thread:
        return Thread(id=key, case=self._number(target), claimed_by=claimed_by, digest=plan.digests.get(key))

    def _number(self, target: Target) -> int:
        if isinstance(target, NewCase):
            return self._numbers[id(target)] if target.number is None else target.number
        return target

    def _add(self, placed: Placed, plan: Plan) -> None:
        mail, number = placed.item.command.mail, self._number(placed.target)
        comment = comment_of(placed, number)
        self._documents.comments.append(comment)
        self._documents.mails.append(
            self._mail(mail, placed.decision, "opened" if placed.opens else "appended", number, reopened=placed.reopens)
        )
        if placed.opens:
            case = self._case(placed, number, comment, plan)
            self._documents.cases.append(case)
            self._happens(number, opened(case, mail.key), mail)
            acknowledgement = self._writing.acknowledge(placed, number, self._writing.now)
            self._documents.outgoing += [acknowledgement] if acknowledgement else []
            return
        if not isinstance(placed.target, NewCase):
            change = self._documents.changes[number]
            change.touches = True
            change.comments += 1
            change.attachments += len(comment.attachments)
            change.participants += placed.joins
        if placed.kind == "bounce" and UNDELIVERABLE in placed.decision.flags and placed.decision.reports_on:
            self._documents.bounced.append(Bounced(number, placed.decision.reports_on, mail.key))
        added = MailAdded(comment=mail.key, kind=placed.kind, reopened=placed.reopens)
        self._happens(number, added, mail)

    def _case(self, placed: Placed, number: int, first: Comment, plan: Plan) -> Case:
        everyone = [*plan.placed, *(one.placed for one in plan.reread)]
        joined = [one for one in everyone if one.target is placed.target]
        process = placed.item.command.mail.process
        stage = self._writing.initial_stages.get(process)
        if stage is None:
            raise PermanentError(f"the settings have no process {process!r}; add it and retry the mail")
        return Case(
            number=number,
            process=process,
            stage=stage,
            status="open",
            title=first.subject or NO_SUBJECT,
            mailbox=placed.item.command.mail.mailbox,
            opened_at=first.at,
            updated_at=self._writing.now,
            opened_by=first.author,
            participants=list(placed.target.participants) if isinstance(placed.target, NewCase) else [],
            comment_count=len(joined),
            refers_to=self._refers_to(placed.target),
            attachment_count=sum(len(one.item.blobs) + (one.item.original is not None) for one in joined),
        )

    def _refers_to(self, target: Target) -> int | None:
        if not isinstance(target, NewCase) or target.refers_to is None:
            return None
        return self._number(target.refers_to)

    def _replace(self, reread: RederivedMail, plan: Plan) -> None:
        """A comment that reads as before is left alone, so that deriving again changes nothing."""
        placed, before, was = reread.placed, reread.comment, reread.recorded.case
        number = self._number(placed.target)
        comment = derived_again(before, comment_of(placed, number))
        if was is None or (comment, placed.decision) == (before, reread.recorded.decision):
            return
        key, process = placed.item.key, placed.item.command.mail.process
        ids = [*([comment.message_id] if comment.message_id else []), *placed.decision.thread_ids]
        outcome: Outcome = reread.recorded.outcome
        if reread.moves:
            outcome = "opened" if placed.opens else "appended"
            self._move(placed, comment, before, was, plan)
        else:
            self._documents.changes[number].attachments += len(comment.attachments) - len(before.attachments)
            self._happens(number, _rederived(key, outcome, before, comment), placed.item.command.mail)
        if placed.joins and not placed.opens:
            self._documents.changes[number].participants += placed.joins
        threads = [thread_id(process, one) for one in ids]
        self._documents.replaced.append(
            Replacement(key, reread.recorded.written_by, outcome, was, before, comment, placed.decision, threads)
        )

    def _move(self, placed: Placed, comment: Comment, before: Comment, was: int, plan: Plan) -> None:
        mail = placed.item.command.mail
        left = self._documents.changes[was]
        left.comments -= 1
        left.attachments -= len(before.attachments)
        if placed.opens:
            case = self._case(placed, comment.case, comment, plan)
            self._documents.cases.append(case)
            self._happens(case.number, opened(case, mail.key), mail)
        else:
            change = self._documents.changes[comment.case]
            change.touches = True
            change.comments += 1
            change.attachments += len(comment.attachments)
        self._happens(was, MailMoved(comment=mail.key, to=comment.case), mail)
        self._happens(comment.case, MailMoved(comment=mail.key, was=was), mail)

    def _happens(self, number: int, what: What, mail: RawMail) -> None:
        self._documents.history.append(HistoryEntry(number, what, by_mail(mail.key), mail.key))

    def _set_aside(self, aside: Unassigned, plan: Plan) -> None:
        mail = aside.item.command.mail
        raw = aside.item.original.sha256 if aside.item.original else None
        written = self._mail(mail, aside.decision, aside.outcome, None, reason=aside.reason, raw=raw)
        refers_to = None if aside.refers_to is None else self._number(aside.refers_to)
        alert = next((one.alert for one in plan.alerts if one.item.key == mail.key), None)
        self._documents.mails.append(structs.replace(written, refers_to=refers_to, alert=alert))
        self._documents.events.append(aside_event(mail, aside.outcome, aside.reason, refers_to))

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
            recorded_at=self._writing.now,
            written_by=self._writing.attempt,
            placed_by=mail.replay.run if mail.replay is not None else None,
            reopened=reopened,
        )


def opened(case: Case, mail_key: str) -> Opened:
    """The first change of a new case."""
    return Opened(
        process=case.process,
        stage=case.stage,
        title=case.title,
        mailbox=case.mailbox,
        opened_at=case.opened_at,
        comment=mail_key,
        refers_to=case.refers_to,
    )


def _rederived(key: str, outcome: Outcome, before: Comment, today: Comment) -> Rederived:
    """The title of a case follows the mail that opened it."""
    if outcome != "opened" or before.subject == today.subject:
        return Rederived(comment=key)
    title, was_title = today.subject or NO_SUBJECT, before.subject or NO_SUBJECT
    return Rederived(comment=key, title=title, was_title=was_title)
