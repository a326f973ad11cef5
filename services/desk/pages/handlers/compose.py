"""Answers, notes, their drafts and files. Text is never lost: if an action is refused, it is kept
as a draft.
"""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from msgspec import structs
from starlette.responses import JSONResponse, Response

from services.casework.refusals import ActionRefusedError, StaleRevisionError
from services.desk.api.cases.answer_suggestions import AnswerSuggestion
from services.desk.api.cases.answers import AnswerResult, DraftView
from services.desk.api.cases.cases import History
from services.desk.api.cases.comments import NoteResult, UploadView
from services.desk.api.cases.views import ChangeView
from services.desk.http.problems import ProblemError, problem_of
from services.desk.pages.case_views import composer_view, waiting_id
from services.desk.pages.handlers.drafts import (
    MAX_ATTEMPTS,
    addresses,
    draft_of,
    form_names,
    refused_draft,
    remove_draft,
    save_form,
    submit_form,
)
from services.desk.pages.newer import MAX_CHANGES, has_note, newer_entries
from services.desk.pages.refusals import entered, wrong_field
from services.desk.pages.views.case import FileView, NoteView
from services.desk.pages.views.page import Refusal
from services.desk.pages.visit import Visit
from services.runtime.errors import CommandRefusedError

# A transaction meets a change a moment before reads by majority return it.
PAUSE_S = 0.05
_REVISION = re.compile(r"\d{1,15}", re.ASCII)
# Changes that do not affect the meaning of an answer, because nothing was written to the case.
_SILENT = frozenset(
    {
        "stage-moved",
        "assigned",
        "titled",
        "due-set",
        "overdue",
        "fields-set",
        "linked",
    }
)


@dataclass(frozen=True)
class _Wrong:
    """Why a form was refused; `field` is the name of the field to correct, empty for the whole
    form.
    """

    text: str
    status: int = 409
    field: str = ""


def _wrong(visit: Visit, error: Exception) -> _Wrong:
    problem = problem_of(error).problem
    field = wrong_field(problem, entered(visit.form), visit.desk.settings)
    return _Wrong(visit.refusal_text(problem), problem.status, field)


def _refused(refusal: Refusal) -> _Wrong:
    return _Wrong(refusal.why, 200, refusal.field)  # whoever shows it again sets the status


async def answer_form(visit: Visit) -> Response:
    """Shows the composer with the suggested recipients, or with the draft; or as it was refused."""
    if visit.refusal is not None and (refused := refused_draft(visit, "answer")) is not None:
        return await _composer(visit, refused, wrong=_refused(visit.refusal))
    return await _composer(visit, await draft_of(visit, "answer"))


async def note_form(visit: Visit) -> Response:
    """Shows the note form, with the draft if there is one; or as it was refused."""
    if visit.refusal is not None and (refused := refused_draft(visit, "note")) is not None:
        return await _note(visit, refused, wrong=_refused(visit.refusal))
    return await _note(visit, await draft_of(visit, "note"))


async def answer(visit: Visit) -> Response:
    """Sends, keeps or deletes the answer; if a newer mail prevents it, the text is kept and shown
    with that mail."""
    number = visit.request.path_params["number"]
    if visit.text("do") == "delete-draft":
        if await remove_draft(visit, "answer"):
            return visit.redirect(f"/cases/{number}")
        return await _changed(visit, await draft_of(visit, "answer"))
    submitted = await submit_form(visit, "answer")
    draft = submitted.draft
    if submitted.is_joined:
        return await _changed(visit, draft)
    if visit.text("do") == "insert":
        return await _composer(visit, await _with_snippet(visit, draft))
    if visit.text("do") == "draft":
        return visit.redirect(f"/cases/{number}/answer")
    if not draft.to:
        return await _composer(
            visit, draft, wrong=_Wrong(visit.t.compose.no_recipient, 422, "added")
        )
    try:
        anchor = await _sent(visit, draft)
        if anchor is None:
            return await _composer(visit, draft, wrong=_Wrong(visit.t.case.stale))
    except (ProblemError, ActionRefusedError, CommandRefusedError) as error:
        return await _composer(visit, draft, wrong=_wrong(visit, error))
    return visit.redirect(f"/cases/{number}{anchor}")


async def _sent(visit: Visit, draft: DraftView) -> str | None:
    """Send the answer; returns where it is on the page of the case, None if something was written
    to the case that its writer did not see.
    """
    body = {
        "text": draft.text,
        "to": draft.to,
        "cc": draft.cc,
        "subject": draft.subject or None,
        "quote": draft.quote,
        "uploads": draft.uploads,
        "editor": draft.editor or None,
    }
    expected: int | None = draft.revision
    for attempt in range(MAX_ATTEMPTS):
        try:
            result: AnswerResult = (
                await visit.api("answer_case", body=body, expected=expected)
            ).body
        except StaleRevisionError:  # the case was changed, maybe only assigned
            await asyncio.sleep(attempt * PAUSE_S)
        else:
            return f"#c-{waiting_id(result.answer)}"
        expected = await _still_current(visit, draft.revision)
        if expected is None:
            return None
    return None


async def _still_current(visit: Visit, seen: int) -> int | None:
    """The current revision of the case if nothing was written to it since the writer saw it, else
    None.
    """
    query = {"after": seen, "limit": MAX_CHANGES}
    history: History = (await visit.api("show_history", query=query)).body
    changes = history.items
    if len(changes) == MAX_CHANGES or not all(map(_is_silent, changes)):
        return None
    return changes[-1].revision if changes else seen


def _is_silent(change: ChangeView) -> bool:
    """Whether a change adds nothing new to read. A sent mail was in the case before, as a waiting
    one.
    """
    was_sent = change.what == "sent" and change.details.get("state") == "sent"
    return was_sent or change.what in _SILENT


async def _with_snippet(visit: Visit, draft: DraftView) -> DraftView:
    """The draft with the chosen text appended, for browsers without JavaScript."""
    suggestion: AnswerSuggestion = (await visit.api("suggest_answer")).body
    chosen = [
        snippet.text
        for index, snippet in enumerate(suggestion.snippets)
        if str(index) == visit.text("snippet")
    ]
    text = "\n\n".join(part for part in (draft.text.rstrip(), *chosen) if part)
    return structs.replace(draft, text=text)


async def note(visit: Visit) -> Response:
    """Adds a note."""
    number = visit.request.path_params["number"]
    submitted = await submit_form(visit, "note")
    draft = submitted.draft
    if submitted.is_joined:
        return await _note(visit, draft, wrong=_Wrong(visit.t.compose.draft_changed))
    try:
        anchor = await _add_note(visit, draft)
    except (ProblemError, ActionRefusedError, CommandRefusedError) as error:
        return await _note(visit, draft, wrong=_wrong(visit, error))
    return visit.redirect(f"/cases/{number}{anchor}")


async def _add_note(visit: Visit, draft: DraftView) -> str:
    """Add the note to the case as it is: a note depends on nothing that was said before it.
    Returns where it is on the page of the case.

    A form that is sent again, because its response was lost, adds its note once.
    """
    number = int(visit.request.path_params["number"])
    files = await visit.desk.uploads.attachments(visit.principal.id, number, draft.uploads)
    hashes = {file.sha256 for file in files}
    if await has_note(visit, number, draft.revision, draft.text, hashes):
        await remove_draft(visit, "note")
        return ""
    body = {"text": draft.text, "uploads": draft.uploads, "editor": draft.editor or None}
    for attempt in range(1, MAX_ATTEMPTS + 1):
        try:
            expected = await _current_revision(visit)
            result: NoteResult = (await visit.api("add_note", body=body, expected=expected)).body
        except StaleRevisionError:
            if attempt == MAX_ATTEMPTS:
                raise
            await asyncio.sleep(attempt * PAUSE_S)
        else:
            return f"#c-{quote(result.comment.id)}"
    return ""


async def _changed(visit: Visit, draft: DraftView | None) -> Response:
    """The draft as it is now, which another window of the same person changed."""
    return await _composer(visit, draft, wrong=_Wrong(visit.t.compose.draft_changed))


async def keep_draft(visit: Visit) -> Response:
    """What the browser sends every few seconds; 409 if another window changed the draft."""
    try:
        await save_form(visit, visit.request.path_params["kind"])
    except ProblemError as error:
        if error.problem.reason != "draft-changed":
            raise
        return Response(status_code=409)
    return Response(status_code=204)


async def upload(visit: Visit) -> Response:
    """Uploads a file that was dropped or pasted; it is the body."""
    response = await visit.api_response(
        "upload_file", query=dict(visit.request.query_params), request=visit.request
    )
    if isinstance(response, Response):
        return response
    uploaded: UploadView = response.body
    return JSONResponse({"id": uploaded.id, "name": uploaded.name, "size": uploaded.size}, 201)


async def _composer(
    visit: Visit, draft: DraftView | None, *, wrong: _Wrong | None = None
) -> Response:
    """The form, and above it the entries that are newer than the draft; without a draft, than the
    page of the case that led here.
    """
    number = int(visit.request.path_params["number"])
    suggestion: AnswerSuggestion = (await visit.api("suggest_answer")).body
    view = composer_view(number, suggestion, draft)
    view = structs.replace(view, added=_as_typed(visit, view.added))
    seen = draft.revision if draft is not None else _seen(visit)
    if seen is not None and seen < suggestion.revision:
        newer = await newer_entries(visit, number, seen, suggestion.revision)
        view = structs.replace(view, newer=newer.entries, revision=newer.revision)
    view = structs.replace(view, **await _form(visit, "answer", draft, wrong))
    title = f"{visit.desk.reference.write(number)} {visit.t.compose.title}"
    page = visit.page(title, "")
    status = 200 if wrong is None else wrong.status
    return await visit.html("work/compose_page.html", page, status=status, view=view, kind="answer")


def _as_typed(visit: Visit, added: str) -> str:
    """The same addresses as in `added`, as the form has them."""
    values = visit.refusal.values if visit.refusal else entered(visit.form)
    typed = next(iter(values.get("added", ())), "")
    return typed if addresses(typed) == addresses(added) else added


def _seen(visit: Visit) -> int | None:
    """The revision of the case that the page before showed; None if the URL has none."""
    text = visit.request.query_params.get("seen", "")
    return int(text) if _REVISION.fullmatch(text) else None


async def _note(visit: Visit, draft: DraftView | None, *, wrong: _Wrong | None = None) -> Response:
    number = int(visit.request.path_params["number"])
    view = NoteView(
        case=number,
        revision=await _current_revision(visit) or 0,
        text=draft.text if draft else "",
        **await _form(visit, "note", draft, wrong),
    )
    page = visit.page(f"{visit.desk.reference.write(number)} {visit.t.case.note}", "")
    status = 200 if wrong is None else wrong.status
    return await visit.html("work/compose_page.html", page, status=status, view=view, kind="note")


async def _form(
    visit: Visit, kind: str, draft: DraftView | None, wrong: _Wrong | None
) -> dict[str, Any]:
    """What the forms for answers and notes have in common."""
    files = await _uploads(visit, draft.uploads if draft else ())
    is_saved = draft is not None and visit.refusal is None
    return {
        "draft_at": draft.at if draft and is_saved else None,
        "error": wrong.text if wrong else None,
        "error_field": wrong.field if wrong else "",
        "upload_ids": tuple(files),
        "uploads": tuple(files.values()),
        **await form_names(visit, kind, draft),
    }


async def _uploads(visit: Visit, ids: Sequence[str]) -> dict[str, FileView]:
    """The files of a draft by id; those that have expired are left out."""
    number = int(visit.request.path_params["number"])
    found = {}
    for upload in ids:
        try:
            (file,) = await visit.desk.uploads.attachments(visit.principal.id, number, [upload])
        except CommandRefusedError:
            continue
        found[upload] = FileView(
            name=file.name, content_type=file.content_type, size=file.size, href=""
        )
    return found


async def _current_revision(visit: Visit) -> int | None:
    return (await visit.api("show_case")).revision
