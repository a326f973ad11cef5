"""Answers, notes, their drafts and files. Text is never lost: if an action is refused, it is kept
as a draft.
"""

import asyncio
import re
from typing import Any

from msgspec import structs
from starlette.responses import JSONResponse, Response

from services.casework.refusals import ActionRefusedError, StaleRevisionError
from services.desk.api.cases.answer_suggestions import AnswerSuggestion
from services.desk.api.cases.answers import DraftView
from services.desk.api.cases.cases import History
from services.desk.api.cases.comments import UploadView
from services.desk.api.cases.views import ChangeView
from services.desk.http.problems import ProblemError, problem_of
from services.desk.pages.case_views import composer_view
from services.desk.pages.handlers.drafts import (
    MAX_ATTEMPTS,
    draft_of,
    form_names,
    remove_draft,
    save_form,
    submit_form,
)
from services.desk.pages.newer import MAX_CHANGES, newer_entries
from services.desk.pages.views.case import ComposerView, FileView, NoteView
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


async def answer_form(visit: Visit) -> Response:
    """Shows the composer with the suggested recipients, or with the draft."""
    return await _composer(visit, await draft_of(visit, "answer"))


async def note_form(visit: Visit) -> Response:
    """Shows the note form, with the draft if there is one."""
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
        return await _composer(visit, draft, error=visit.t.compose.no_recipient, status=422)
    try:
        if not await _sent(visit, draft):
            return await _composer(visit, draft, error=visit.t.case.stale, status=409)
    except (ProblemError, ActionRefusedError, CommandRefusedError) as error:
        problem = problem_of(error).problem
        return await _composer(visit, draft, error=visit.refusal(problem), status=problem.status)
    return visit.redirect(f"/cases/{number}#out")


async def _sent(visit: Visit, draft: DraftView) -> bool:
    """Send the answer; False if something was written to the case that its writer did not see."""
    body = {
        "text": draft.text,
        "to": draft.to,
        "cc": draft.cc,
        "subject": draft.subject or None,
        "quote": draft.quote,
        "uploads": draft.uploads,
        "editor": draft.editor or None,
    }
    for attempt in range(MAX_ATTEMPTS):
        expected = await _still_current(visit, draft.revision)
        if expected is None:
            return False
        try:
            await visit.api("answer_case", body=body, expected=expected)
        except StaleRevisionError:  # the case was changed at this moment, maybe only assigned
            await asyncio.sleep(attempt * PAUSE_S)
        else:
            return True
    return False


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
        return await _note(visit, draft, error=visit.t.compose.draft_changed, status=409)
    try:
        await _add_note(visit, draft)
    except (ProblemError, ActionRefusedError, CommandRefusedError) as error:
        problem = problem_of(error).problem
        return await _note(visit, draft, error=visit.refusal(problem), status=problem.status)
    return visit.redirect(f"/cases/{number}")


async def _add_note(visit: Visit, draft: DraftView) -> None:
    """Add the note to the case as it is: a note depends on nothing that was said before it."""
    body = {"text": draft.text, "uploads": draft.uploads, "editor": draft.editor or None}
    for attempt in range(1, MAX_ATTEMPTS + 1):
        try:
            await visit.api("add_note", body=body, expected=await _current_revision(visit))
        except StaleRevisionError:
            if attempt == MAX_ATTEMPTS:
                raise
            await asyncio.sleep(attempt * PAUSE_S)
        else:
            return


async def _changed(visit: Visit, draft: DraftView | None) -> Response:
    """The draft as it is now, which another window of the same person changed."""
    return await _composer(visit, draft, error=visit.t.compose.draft_changed, status=409)


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
    visit: Visit, draft: DraftView | None, *, error: str | None = None, status: int = 200
) -> Response:
    """The form, and above it the entries that are newer than the draft; without a draft, than the
    page of the case that led here.
    """
    number = int(visit.request.path_params["number"])
    suggestion: AnswerSuggestion = (await visit.api("suggest_answer")).body
    view = composer_view(number, suggestion, draft)
    seen = draft.revision if draft is not None else _seen(visit)
    if seen is not None and seen < suggestion.revision:
        newer = await newer_entries(visit, number, seen, suggestion.revision)
        view = _with(view, newer=newer.entries, revision=newer.revision)
    view = _with(
        view,
        error=error,
        uploads=await _uploads(visit, view.upload_ids),
        **await form_names(visit, "answer", draft),
    )
    title = f"{visit.desk.reference.write(number)} {visit.t.compose.title}"
    page = visit.page(title, "")
    return await visit.html("work/compose_page.html", page, status=status, view=view, kind="answer")


def _seen(visit: Visit) -> int | None:
    """The revision of the case that the page before showed; None if the URL has none."""
    text = visit.request.query_params.get("seen", "")
    return int(text) if _REVISION.fullmatch(text) else None


async def _note(
    visit: Visit, draft: DraftView | None, *, error: str | None = None, status: int = 200
) -> Response:
    number = int(visit.request.path_params["number"])
    view = NoteView(
        case=number,
        revision=await _current_revision(visit) or 0,
        text=draft.text if draft else "",
        draft_at=draft.at if draft else None,
        error=error,
        upload_ids=tuple(draft.uploads) if draft else (),
        uploads=await _uploads(visit, tuple(draft.uploads) if draft else ()),
        **await form_names(visit, "note", draft),
    )
    page = visit.page(f"{visit.desk.reference.write(number)} {visit.t.case.note}", "")
    return await visit.html("work/compose_page.html", page, status=status, view=view, kind="note")


async def _uploads(visit: Visit, ids: tuple[str, ...]) -> tuple[FileView, ...]:
    """The files of a draft by name; those that have expired are left out."""
    number = int(visit.request.path_params["number"])
    try:
        files = await visit.desk.uploads.attachments(visit.principal.id, number, ids)
    except CommandRefusedError:
        return ()
    return tuple(
        FileView(name=file.name, content_type=file.content_type, size=file.size, href="")
        for file in files
    )


async def _current_revision(visit: Visit) -> int | None:
    return (await visit.api("show_case")).revision


def _with(view: ComposerView, **changes: Any) -> ComposerView:
    return structs.replace(view, **changes)
