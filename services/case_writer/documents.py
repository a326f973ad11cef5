"""The documents and events of a placed batch. Pure: values in, values out."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from schemas.cases import Decision
from schemas.events import CaseAppended, CaseOpened, Event, MailIgnored, MailParked, SenderLimited
from schemas.mails import BlobRef, RawMail
from schemas.stored import Attachment, Case, Comment, Mail, Person, Thread
from services.case_writer.known import KnownCase, RecordedMail
from services.case_writer.plan import Aside, NewCase, Placed, Plan, Target
from services.runtime.errors import PermanentError

NO_SUBJECT = "(no subject)"
ORIGINAL_NAME = "original.eml"


@dataclass
class CaseChange:
    """What a batch adds to a case that exists."""

    comments: int = 0
    attachments: int = 0
    participants: list[str] = field(default_factory=list)
    reopens: bool = False


@dataclass
class Documents:
    """Everything that one transaction writes, beside the counter."""

    cases: list[Case] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    mails: list[Mail] = field(default_factory=list)
    threads: list[Thread] = field(default_factory=list)
    claims: list[Thread] = field(default_factory=list)
    changes: dict[int, CaseChange] = field(default_factory=lambda: defaultdict(CaseChange))
    events: list[Event] = field(default_factory=list)


@dataclass(frozen=True)
class Writing:
    """One attempt: its time, its name, the number of its first new case, and each process's initial stage by name."""

    now: datetime
    attempt: str
    first_number: int
    initial_stages: Mapping[str, str]


def documents(plan: Plan, writing: Writing) -> Documents:
    """All documents of a plan; new cases are numbered from `writing.first_number` in the order of the plan."""
    numbers = {id(case): writing.first_number + index for index, case in enumerate(plan.new_cases)}
    return _Builder(writing, numbers).build(plan)


class _Builder:
    def __init__(self, writing: Writing, numbers: dict[int, int]) -> None:
        self._writing = writing
        self._numbers = numbers
        self._documents = Documents()
        self._deliveries: dict[str, int] = {}

    def build(self, plan: Plan) -> Documents:
        self._deliveries = {key: recorded.deliveries for key, recorded in plan.retried.items()}
        for placed in plan.placed:
            self._add(placed, plan)
        for aside in plan.aside:
            self._set_aside(aside)
        for alert in plan.alerts:
            self._documents.events.append(SenderLimited(address=alert.address, **_about(alert.item.command.mail)))
        self._documents.threads = [
            Thread(id=key, case=self._number(target), claimed_by=claimed)
            for key, (target, claimed) in plan.threads.items()
        ]
        self._documents.claims = [
            Thread(id=key, case=self._number(target), claimed_by=mail) for key, (target, mail) in plan.claims.items()
        ]
        return self._documents

    def _number(self, target: Target) -> int:
        return self._numbers[id(target)] if isinstance(target, NewCase) else target

    def _add(self, placed: Placed, plan: Plan) -> None:
        mail, number = placed.item.command.mail, self._number(placed.target)
        comment = comment_of(placed, number)
        self._documents.comments.append(comment)
        self._documents.mails.append(
            self._mail(mail, placed.decision, "opened" if placed.opens else "appended", number)
        )
        if placed.opens:
            case = self._case(placed, number, comment, plan)
            self._documents.cases.append(case)
            self._documents.events.append(opened_event(mail, number, case.stage, case.title))
            return
        if not isinstance(placed.target, NewCase):
            change = self._documents.changes[number]
            change.comments += 1
            change.attachments += len(comment.attachments)
            change.participants += placed.joins
            change.reopens = change.reopens or placed.reopens
        self._documents.events.append(appended_event(mail, number, placed.process, reopened=placed.reopens))

    def _case(self, placed: Placed, number: int, first: Comment, plan: Plan) -> Case:
        joined = [one for one in plan.placed if one.target is placed.target]
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
            refers_to=placed.target.refers_to if isinstance(placed.target, NewCase) else None,
            attachment_count=sum(len(one.item.blobs) + (one.item.original is not None) for one in joined),
        )

    def _set_aside(self, aside: Aside) -> None:
        mail = aside.item.command.mail
        raw = aside.item.original.sha256 if aside.item.original else None
        self._documents.mails.append(
            self._mail(mail, aside.decision, aside.outcome, None, reason=aside.reason, raw=raw)
        )
        event = MailParked if aside.outcome == "parked" else MailIgnored
        self._documents.events.append(event(reason=aside.reason, **_about(mail)))

    def _mail(
        self,
        mail: RawMail,
        decision: Decision,
        outcome: Any,
        case: int | None,
        *,
        reason: str | None = None,
        raw: str | None = None,
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
        )


def comment_of(placed: Placed, case: int) -> Comment:
    """The comment that a mail becomes."""
    mail, reading = placed.item.command.mail, placed.reading
    attachments = [
        Attachment(
            name=one.name,
            content_type=one.content_type,
            size=len(one.content),
            sha256=blob.sha256,
            inline=one.inline,
            content_id=one.content_id,
            blob=blob.sha256,
            original_name=one.original_name,
            flags=list(one.flags),
        )
        for one, blob in zip(reading.attachments, placed.item.blobs, strict=True)
    ]
    original = placed.item.original
    if original is not None:
        attachments.append(_original(original))
    return Comment(
        id=mail.key,
        case=case,
        kind=placed.kind,
        at=mail.received_at or mail.fetched_at,
        sent_at=reading.sent_at,
        author=Person(reading.author.name, reading.author.address),
        subject=reading.subject,
        text=reading.text,
        full_text=reading.full_text,
        html=reading.html,
        message_id=reading.message_id,
        in_reply_to=reading.in_reply_to,
        attachments=attachments,
        original=original.sha256 if original else None,
        flags=list(dict.fromkeys([*reading.defects, *placed.decision.flags, *placed.flags])),
    )


def _original(blob: BlobRef) -> Attachment:
    return Attachment(
        name=ORIGINAL_NAME,
        content_type="message/rfc822",
        size=blob.size,
        sha256=blob.sha256,
        inline=False,
        content_id=None,
        blob=blob.sha256,
        flags=["original"],
    )


def opened_event(mail: RawMail, case: int, stage: str, title: str) -> CaseOpened:
    return CaseOpened(case=case, stage=stage, title=title, **_about(mail))


def appended_event(mail: RawMail, case: int, process: str, *, reopened: bool = False) -> CaseAppended:
    """`process` is the case's, which a mail sent to another process's mailbox may refer to."""
    return CaseAppended(case=case, reopened=reopened, **(_about(mail) | {"process": process}))


def event_again(mail: RawMail, recorded: RecordedMail, case: KnownCase | None) -> Event | None:
    """The event of a mail recorded before; None where its case is gone.

    For a mail that is delivered again because its writer died, or whose commit was unclear: its event may never have
    gone out.
    """
    about = _about(mail)
    if recorded.outcome == "parked":
        return MailParked(reason=recorded.reason or "", **about)
    if recorded.outcome == "ignored":
        return MailIgnored(reason=recorded.reason or "", **about)
    if recorded.case is None or case is None:
        return None
    if recorded.outcome == "appended":
        return appended_event(mail, recorded.case, case.process)
    return opened_event(mail, recorded.case, case.stage, case.title)


def _about(mail: RawMail) -> dict[str, Any]:
    at = mail.received_at or mail.fetched_at
    return {"mail_key": mail.key, "process": mail.process, "mailbox": mail.mailbox, "at": at}
