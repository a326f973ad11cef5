"""Cases, comments and histories as the API shows them in JSON. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from schemas.case_ref import CaseReference
from schemas.changes import Actor, Change, FieldValue
from schemas.cloud_events import name_of
from schemas.stored import Attachment, Case, Comment, OutgoingMail
from services.casework.listing import RelatedCase
from services.runtime.settings import Process

# The mark that the case writer's sanitizer puts on a remote picture. Text cannot contain it
# unescaped.
REMOTE_IMAGE = ' data-remote-src="'


class PersonView(msgspec.Struct, frozen=True, kw_only=True):
    """A name and an address as written in a mail; either may be empty."""

    name: str
    address: str


class FieldView(msgspec.Struct, frozen=True, kw_only=True):
    """A field's value and where it comes from.

    `value` is text in the normal form of the field's type, or a boolean. `source` is `person` or
    the name of a source in the settings; `evidence` is the place of the value; it is empty for a
    person's value.
    """

    value: str | bool
    source: str
    evidence: str
    by: str
    at: datetime
    others: list["CandidateView"] = []


class CandidateView(msgspec.Struct, frozen=True, kw_only=True):
    """Another value that a mail names for a field, with its evidence; `by` is the mail key."""

    value: str | bool
    source: str
    evidence: str
    by: str
    at: datetime


class LinkedCase(msgspec.Struct, frozen=True, kw_only=True):
    """Another case that the caller may see. `kind` is `duplicate-of`, `corrects`, `corrected-by`,
    `refers-to` or `referred-by`; `by` is how a duplicate or correction was found, empty for others.
    """

    number: int
    reference: str
    title: str
    kind: str
    by: str = ""


class CaseSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A case as a list shows it. `revision` is that of its `ETag`; `overdue` is true for an open
    case past `due_at`.
    """

    number: int
    reference: str
    revision: int
    process: str
    stage: str
    stage_title: str
    status: Literal["open", "closed"]
    title: str
    assignee: str | None
    due_at: datetime | None
    overdue: bool
    opened_at: datetime
    updated_at: datetime
    opened_by: PersonView
    comment_count: int
    attachment_count: int
    flags: list[str]
    merged_into: int | None


class CaseView(CaseSummary, frozen=True, kw_only=True):
    """A whole case without its comments. `absorbed` are the numbers of the cases merged into it."""

    process_title: str
    stage_since: datetime | None
    closed_at: datetime | None
    mailbox: str
    participants: list[str]
    fields: dict[str, FieldView]
    refers_to: int | None
    absorbed: list[int]
    stages: list["StageOption"]
    links: list[LinkedCase] = []


class StageOption(msgspec.Struct, frozen=True, kw_only=True):
    """A stage that the case may enter next; with `refusal`, why the caller cannot move it there
    now. `reason` and `facts` are those of a problem.
    """

    name: str
    title: str
    refusal: str | None = None
    reason: str | None = None
    facts: dict[str, str] = {}


class AttachmentView(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a comment; `url` gives its content. `size` is in bytes."""

    name: str
    content_type: str
    size: int
    sha256: str
    inline: bool
    flags: list[str]
    url: str


class CommentView(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of a case: `text` is what its author wrote now, `full_text` has the quotes too.

    `remote_images` counts the pictures of the internet that its HTML refers to and does not load.
    `html_url` and `original_url` give the mail's HTML, made safe, and its exact bytes; None
    without.
    """

    id: str
    kind: str
    at: datetime
    sent_at: datetime | None
    author: PersonView
    subject: str
    text: str
    full_text: str
    message_id: str | None
    in_reply_to: str | None
    attachments: list[AttachmentView]
    flags: list[str]
    failure: str | None
    html_url: str | None
    original_url: str | None
    remote_images: int = 0


class ChangeView(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the history. `details` depends on `what`."""

    revision: int
    at: datetime
    actor: Actor
    what: str
    mail_key: str | None
    details: dict[str, Any]


class OutgoingView(msgspec.Struct, frozen=True, kw_only=True):
    """A mail that waits to be sent; until `due_at` an answer can be recalled."""

    id: str
    kind: str
    state: str
    to: list[str]
    cc: list[str]
    subject: str | None
    text: str | None
    created_at: datetime
    due_at: datetime
    failure: str | None


class CaseViews:
    """Builds views with the titles in the settings."""

    def __init__(self, processes: Mapping[str, Process], reference: CaseReference) -> None:
        self._processes = processes
        self._reference = reference

    def summary(self, case: Case) -> CaseSummary:
        return CaseSummary(**self._summary(case))

    def case(
        self,
        case: Case,
        absorbed: Sequence[int],
        stages: list[StageOption],
        related: Sequence[RelatedCase] = (),
    ) -> CaseView:
        process = self._processes.get(case.process)
        fields = {
            name: FieldView(
                value=value.value,
                source=value.source,
                evidence=value.evidence,
                by=value.by,
                at=value.at,
                others=_others(value, case.candidates.get(name, [])),
            )
            for name, value in case.fields.items()
        }
        return CaseView(
            **self._summary(case),
            process_title=process.title if process else case.process,
            stage_since=case.stage_since,
            closed_at=case.closed_at,
            mailbox=case.mailbox,
            participants=case.participants,
            fields=fields,
            refers_to=case.refers_to,
            absorbed=list(absorbed),
            stages=stages,
            links=[
                LinkedCase(
                    number=other.number,
                    reference=self._reference.write(other.number),
                    title=other.title,
                    kind=other.kind,
                    by=other.by,
                )
                for other in related
            ],
        )

    def _summary(self, case: Case) -> dict[str, Any]:
        process = self._processes.get(case.process)
        stage = process.stage(case.stage) if process else None
        return {
            "number": case.number,
            "reference": self._reference.write(case.number),
            "revision": case.revision,
            "process": case.process,
            "stage": case.stage,
            "stage_title": stage.title if stage else case.stage,
            "status": case.status,
            "title": case.title,
            "assignee": case.assignee,
            "due_at": case.due_at,
            "overdue": case.status == "open" and case.overdue_at is not None,
            "opened_at": case.opened_at,
            "updated_at": case.updated_at,
            "opened_by": PersonView(name=case.opened_by.name, address=case.opened_by.address),
            "comment_count": case.comment_count,
            "attachment_count": case.attachment_count,
            "flags": case.flags,
            "merged_into": case.merged_into,
        }


def _others(value: FieldValue, candidates: Sequence[FieldValue]) -> list[CandidateView]:
    """The other values that mails give, without duplicates."""
    found = {each.value: each for each in candidates if each.value != value.value}
    return [
        CandidateView(
            value=each.value,
            source=each.source,
            evidence=each.evidence,
            by=each.by,
            at=each.at,
        )
        for each in found.values()
    ]


def comment_view(comment: Comment) -> CommentView:
    place = f"/api/v1/cases/{comment.case}"
    return CommentView(
        id=comment.id,
        kind=comment.kind,
        at=comment.at,
        sent_at=comment.sent_at,
        author=PersonView(name=comment.author.name, address=comment.author.address),
        subject=comment.subject,
        text=comment.text,
        full_text=comment.full_text,
        message_id=comment.message_id,
        in_reply_to=comment.in_reply_to,
        attachments=[attachment_view(place, attachment) for attachment in comment.attachments],
        flags=comment.flags,
        failure=comment.failure,
        html_url=f"{place}/comments/{comment.id}/html" if comment.html is not None else None,
        original_url=f"{place}/comments/{comment.id}/original" if comment.original else None,
        remote_images=comment.html.count(REMOTE_IMAGE) if comment.html else 0,
    )


def attachment_view(place: str, attachment: Attachment) -> AttachmentView:
    return AttachmentView(
        name=attachment.name,
        content_type=attachment.content_type,
        size=attachment.size,
        sha256=attachment.sha256,
        inline=attachment.inline,
        flags=attachment.flags,
        url=f"{place}/attachments/{attachment.sha256}",
    )


def change_view(change: Change) -> ChangeView:
    details = msgspec.to_builtins(change.what, builtin_types=(datetime,))
    details.pop("type", None)
    return ChangeView(
        revision=change.revision,
        at=change.at,
        actor=change.actor,
        what=name_of(change.what),
        mail_key=change.mail_key,
        details=details,
    )


def outgoing_view(mail: OutgoingMail) -> OutgoingView:
    return OutgoingView(
        id=mail.id,
        kind=mail.kind,
        state=mail.state,
        to=mail.to,
        cc=mail.cc,
        subject=mail.subject,
        text=mail.text,
        created_at=mail.created_at,
        due_at=mail.due_at,
        failure=mail.failure,
    )
