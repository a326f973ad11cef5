"""Answers by mail, and drafts of answers and notes."""

from functools import partial
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from schemas.mails import Moment
from schemas.sending import AnswerCase
from schemas.stored import OutgoingMail
from schemas.stored.desk import Draft
from services.casework.outgoing import MAX_HOLD_S, MAX_TEXT_CHARS
from services.casework.refusals import ActionRefusedError, StaleRevisionError
from services.desk.access import Permission
from services.desk.api.cases.comments import Editor, UploadIds
from services.desk.api.cases.views import OutgoingView, outgoing_view
from services.desk.composing.drafts import draft_id, new_editor
from services.desk.http.endpoint import Call, Endpoint, NoQuery, Reply
from services.desk.http.problems import ProblemError, not_found
from services.runtime.store.contention import retry_conflicts

HOLD_S = 15.0
Addresses = Annotated[
    list[Annotated[str, Meta(min_length=3, max_length=320)]], Meta(max_length=1000)
]
DraftKind = Literal["answer", "note"]
_KINDS = ("answer", "note")


class AnswerRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mail from the case. If `to` is empty, it goes to the participants; if `subject` is null,
    the title is used.

    `quote` puts the participants' latest mail below the text. The mail waits `hold_s` seconds, in
    which it can be taken back. `uploads` are ids of files uploaded before. The caller's draft is
    removed; with `editor`, only if that editor saved it last.
    """

    text: Annotated[str, Meta(min_length=1, max_length=MAX_TEXT_CHARS)]
    to: Addresses = []
    cc: Addresses = []
    subject: Annotated[str, Meta(min_length=1, max_length=500)] | None = None
    quote: bool = True
    hold_s: Annotated[float, Meta(ge=0, le=MAX_HOLD_S)] = HOLD_S
    uploads: UploadIds = []
    editor: Editor | None = None


class AnswerResult(msgspec.Struct, frozen=True, kw_only=True):
    """The mail in the outbox, and the revision that the case is at."""

    answer: OutgoingView
    revision: int


class AnswerList(msgspec.Struct, frozen=True, kw_only=True):
    """The mails of a case that wait to be sent."""

    items: list[OutgoingView]


class DraftRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The text that someone is writing; `revision` is that of the case as they see it.

    `editor` names the window that they write in. With it, a draft that another editor saved stays,
    unless that is `replaces`, the editor of the draft that the writing began with; it is empty if
    there was none.
    """

    text: Annotated[str, Meta(max_length=MAX_TEXT_CHARS)]
    revision: Annotated[int, Meta(ge=0, le=2**53)]
    to: Addresses = []
    cc: Addresses = []
    subject: Annotated[str, Meta(max_length=500)] | None = None
    quote: bool = True
    uploads: UploadIds = []
    editor: Editor | None = None
    replaces: Annotated[str, Meta(max_length=64)] = ""


class DraftView(msgspec.Struct, frozen=True, kw_only=True):
    """A draft of the caller; `is_stale` is true if the case has changed since its writer saw it.
    `editor` saved it last; it is empty for a draft from before drafts had editors.
    """

    kind: str
    text: str
    at: Moment
    revision: int
    is_stale: bool
    to: list[str]
    cc: list[str]
    subject: str | None
    quote: bool
    uploads: list[str]
    editor: str


class DraftList(msgspec.Struct, frozen=True, kw_only=True):
    """The caller's drafts in a case."""

    items: list[DraftView]


async def answer(call: Call[NoQuery, AnswerRequest]) -> Reply:
    """Send an answer from the case. Refused if the case has changed since the caller saw it."""
    desk, body, principal = call.desk, call.body, call.principal
    case = await call.visible_case(Permission.ANSWER)
    answer_id = call.new_id()
    if call.form_key and (sent := await desk.reader.answer(case.number, f"answer {answer_id}")):
        return await _answered(call, sent, case.revision)
    if case.merged_into is not None:
        hint = f"answer from case {case.merged_into}"
        facts = {"case": str(case.number), "into": str(case.merged_into)}
        raise ActionRefusedError("merged", f"case {case.number} is merged", hint, **facts)
    if call.expected is not None and case.revision != call.expected:
        raise StaleRevisionError(case.number, call.expected, case.revision)
    answerable = await desk.answers.case(case.number)
    if answerable is None:
        raise not_found("case")
    if answerable.number != case.number:  # merged meanwhile, maybe into a case that nobody may see
        raise StaleRevisionError(case.number, case.revision, case.revision + 1)
    command = AnswerCase(
        id=answer_id,
        case=case.number,
        text=body.text,
        at=desk.clock(),
        subject=body.subject,
        to=body.to,
        cc=body.cc,
        quote=body.quote,
        hold_s=body.hold_s,
        actor=principal.acting.actor,
    )
    files = await desk.uploads.attachments(principal.id, case.number, body.uploads)
    mail = desk.composer.answer(command, answerable, files, desk.clock())
    # Two people who answer at the same moment: the later one is stale, no outage.
    write = partial(desk.answers.write, mail, principal.acting.actor, expected=call.expected)
    changes = await retry_conflicts(write)
    desk.publish(changes, [mail.id])
    await desk.uploads.mark_used(principal.id, case.number, body.uploads)
    return await _answered(call, mail, changes[-1].revision)


async def _answered(call: Call[NoQuery, AnswerRequest], mail: OutgoingMail, revision: int) -> Reply:
    editors = [call.body.editor] if call.body.editor else None
    await call.desk.drafts.remove(mail.case, "answer", call.principal.id, editors)
    return Reply(AnswerResult(answer=outgoing_view(mail), revision=revision), revision=revision)


async def list_answers(call: Call[NoQuery, None]) -> Reply:
    """The mails of the case that wait to be sent."""
    case = await call.visible_case()
    found = await call.desk.reader.outgoing(case.number)
    return Reply(AnswerList(items=[outgoing_view(mail) for mail in found]), revision=case.revision)


async def recall(call: Call[NoQuery, None]) -> Reply:
    """Take an answer back while it waits."""
    case = await call.visible_case(Permission.ANSWER)
    waiting = {mail.id for mail in await call.desk.reader.outgoing(case.number)}
    answer_id = f"answer {call.path['answer']}"
    if answer_id not in waiting:
        raise too_late()
    done = await call.desk.cases.recall(answer_id, call.principal.acting)
    call.desk.publish(done.written)
    return Reply(status=204, revision=done.case.revision)


def too_late() -> ActionRefusedError:
    """The error for an answer that can no longer be recalled."""
    return ActionRefusedError(
        "too-late", "the answer is no longer waiting", "write another answer instead"
    )


async def list_drafts(call: Call[NoQuery, None]) -> Reply:
    """The drafts of the caller in the case."""
    case = await call.visible_case()
    drafts = await call.desk.drafts.of_case(case.number, call.principal.id)
    return Reply(DraftList(items=[draft_view(draft, case.revision) for draft in drafts]))


async def save_draft(call: Call[NoQuery, DraftRequest]) -> Reply:
    """Save what the caller is writing. Only they see it. Refused if another editor changed the
    draft.
    """
    kind = draft_kind(call)
    case = await call.visible_case(Permission.WORK)
    body, owner = call.body, call.principal.id
    draft = Draft(
        id=draft_id(case.number, kind, owner),
        case=case.number,
        kind=kind,
        owner=owner,
        text=body.text,
        at=call.desk.clock(),
        revision=body.revision,
        to=body.to,
        cc=body.cc,
        subject=body.subject,
        quote=body.quote,
        uploads=body.uploads,
        editor=body.editor or new_editor(),
    )
    if body.editor is None:
        await call.desk.drafts.put(draft)
    elif not await call.desk.drafts.save(draft, body.replaces):
        hint = "read it, then save again with its `editor` as `replaces`"
        hint += "; if it was removed, save with a new `editor`"
        raise ProblemError(409, "draft-changed", f"the draft was changed elsewhere; {hint}")
    return Reply(draft_view(draft, case.revision))


async def remove_draft(call: Call[NoQuery, None]) -> Reply:
    """Delete a draft."""
    kind = draft_kind(call)
    case = await call.visible_case()
    if not await call.desk.drafts.remove(case.number, kind, call.principal.id):
        raise not_found("draft")
    return Reply(status=204)


def draft_kind(call: Call[Any, Any]) -> str:
    """The kind in the path. Raises ProblemError 404 for an unknown kind."""
    kind = call.path["kind"]
    if kind not in _KINDS:
        raise not_found("draft")
    return kind


def draft_view(draft: Draft, revision: int) -> DraftView:
    return DraftView(
        kind=draft.kind,
        text=draft.text,
        at=draft.at,
        revision=draft.revision,
        is_stale=draft.revision != revision,
        to=draft.to,
        cc=draft.cc,
        subject=draft.subject,
        quote=draft.quote,
        uploads=draft.uploads,
        editor=draft.editor or "",
    )


ROUTES: tuple[Endpoint[Any, Any], ...] = (
    Endpoint(
        method="GET",
        path="/cases/{number}/answers",
        name="list_answers",
        summary="List the mails of a case that wait to be sent",
        handler=list_answers,
        permission=Permission.READ,
        response=AnswerList,
        refusals=(404,),
        tag="answers",
    ),
    Endpoint(
        method="POST",
        path="/cases/{number}/answers",
        name="answer_case",
        summary="Send an answer from a case",
        handler=answer,
        permission=Permission.ANSWER,
        body=AnswerRequest,
        response=AnswerResult,
        status=201,
        conditional=True,
        refusals=(404, 409),
        tag="answers",
    ),
    Endpoint(
        method="DELETE",
        path="/cases/{number}/answers/{answer}",
        name="recall_answer",
        summary="Recall an answer that waits to be sent",
        handler=recall,
        permission=Permission.ANSWER,
        status=204,
        refusals=(404, 409),
        tag="answers",
    ),
    Endpoint(
        method="GET",
        path="/cases/{number}/drafts",
        name="list_drafts",
        summary="List the caller's drafts in a case",
        handler=list_drafts,
        permission=Permission.READ,
        response=DraftList,
        refusals=(404,),
        tag="drafts",
    ),
    Endpoint(
        method="PUT",
        path="/cases/{number}/drafts/{kind}",
        name="save_draft",
        summary="Save a draft of an answer or a note",
        handler=save_draft,
        permission=Permission.WORK,
        body=DraftRequest,
        response=DraftView,
        refusals=(404, 409),
        tag="drafts",
    ),
    Endpoint(
        method="DELETE",
        path="/cases/{number}/drafts/{kind}",
        name="remove_draft",
        summary="Delete a draft",
        handler=remove_draft,
        permission=Permission.READ,
        status=204,
        refusals=(404,),
        tag="drafts",
    ),
)
