"""Recalls an answer that waits: it becomes a draft again, with its files."""

from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from schemas.stored import OutgoingMail
from schemas.stored.desk import Draft
from services.casework.refusals import ActionRefusedError
from services.desk.access import Permission
from services.desk.api.cases.answers import too_late
from services.desk.composing.drafts import new_editor
from services.desk.http.problems import ProblemError
from services.desk.pages.handlers.drafts import MAX_ATTEMPTS, joined_text
from services.desk.pages.visit import Visit


@dataclass(frozen=True)
class _Kept:
    """The draft that was there before, None without one, and the editor of the one that is now."""

    before: Draft | None
    editor: str


async def recall(visit: Visit) -> Response:
    """Recalls an answer. It becomes the draft, above any text that was begun since.

    The draft is saved first, so that nothing is lost if the desk is killed in between.
    """
    await visit.api("list_answers")  # refuses an impossible case number
    number = int(visit.request.path_params["number"])
    wanted = f"answer {visit.request.path_params['answer']}"
    await visit.desk.visible_case(visit.principal, number, Permission.ANSWER)
    waiting = await visit.desk.reader.outgoing(number)
    mail = next((mail for mail in waiting if mail.id == wanted), None)
    if mail is None:
        raise too_late()
    kept = await _keep(visit, mail)
    try:
        await visit.api("recall_answer")
    except ActionRefusedError:
        await _undo(visit, number, kept)
        raise
    return visit.redirect(f"/cases/{number}/answer")


async def _keep(visit: Visit, mail: OutgoingMail) -> _Kept:
    """Save the answer as a draft, above the text of the draft that is there. What a form saves
    meanwhile is read again and kept too.
    """
    written_at = await visit.desk.reader.answered_at(mail.case, mail.id) or 0
    path = {"number": str(mail.case), "kind": "answer"}
    for _ in range(MAX_ATTEMPTS):
        latest = await visit.desk.drafts.latest(mail.case, "answer", visit.principal.id)
        before = latest if latest and latest.removed_until is None else None
        body = await _body(visit, mail, before, written_at)
        body["replaces"] = (latest.editor or "") if latest else ""
        try:
            await visit.api("save_draft", body=body, path=path)
        except ProblemError as error:
            if error.problem.reason != "draft-changed":
                raise
        else:
            return _Kept(before, body["editor"])
    raise ProblemError(409, "draft-changed", "the draft was changed at the same time; try again")


async def _body(
    visit: Visit, mail: OutgoingMail, before: Draft | None, written_at: int
) -> dict[str, Any]:
    text, kept = (mail.text or "").rstrip(), before.uploads if before else []
    files = await visit.desk.uploads.restore(
        visit.principal.id, mail.case, mail.attachments, kept, user=visit.principal.account
    )
    return {
        # An earlier attempt may have saved the answer already.
        "text": joined_text(text, before.text) if before and before.text.strip() else text,
        "revision": min(written_at, before.revision) if before else written_at,
        "to": mail.to,
        "cc": mail.cc,
        "subject": mail.subject,
        "quote": bool(mail.quoted),
        "uploads": list(dict.fromkeys([*files, *kept])),
        "editor": new_editor(),
    }


async def _undo(visit: Visit, number: int, kept: _Kept) -> None:
    """Restore the earlier draft, unless its writer has changed it since."""
    if kept.before is None:
        await visit.desk.drafts.remove(number, "answer", visit.principal.id, [kept.editor])
    else:
        await visit.desk.drafts.save(kept.before, kept.editor)
