"""Taking an answer back while it waits: it becomes a draft again, with its files."""

from starlette.responses import Response

from schemas.desk import Draft
from schemas.stored import OutgoingMail
from services.casework.refusals import ActionRefusedError
from services.desk.access import Permission
from services.desk.api.cases.answers import too_late
from services.desk.drafts import draft_id
from services.desk.pages.visit import Visit


async def recall(visit: Visit) -> Response:
    """Takes an answer back; it becomes the draft, above what was begun since.

    The draft is kept first: if the desk is killed in between, nothing is lost.
    """
    await visit.api("list_answers")  # refuses a number that no case has
    number = int(visit.request.path_params["number"])
    wanted = f"answer {visit.request.path_params['answer']}"
    await visit.desk.visible_case(visit.principal, number, Permission.ANSWER)
    waiting = await visit.desk.reader.outgoing(number)
    mail = next((mail for mail in waiting if mail.id == wanted), None)
    if mail is None:
        raise too_late()
    before = await _draft(visit, number)
    text = await _keep(visit, mail, before)
    try:
        await visit.api("recall_answer")
    except ActionRefusedError:
        await _undo(visit, number, before, text)
        raise
    return visit.redirect(f"/cases/{number}/answer")


async def _keep(visit: Visit, mail: OutgoingMail, before: Draft | None) -> str:
    """Save the answer as a draft, above the text of the draft that is there; the text of both."""
    written_at = await visit.desk.reader.answered_at(mail.case, mail.id)
    text, revision, kept = (mail.text or "").rstrip(), written_at or 0, []
    if before is not None:
        # An earlier attempt may have saved the answer already.
        parts = [before.text] if before.text.startswith(text) else [text, before.text]
        text = "\n\n".join(part for part in parts if part.strip())
        revision, kept = min(revision, before.revision), before.uploads
    files = await visit.desk.uploads.restore(visit.principal.id, mail.case, mail.attachments, kept)
    body = {
        "text": text,
        "revision": revision,
        "to": mail.to,
        "cc": mail.cc,
        "subject": mail.subject,
        "quote": bool(mail.quoted),
        "uploads": list(dict.fromkeys([*files, *kept])),
    }
    await visit.api("save_draft", body=body, path={"number": str(mail.case), "kind": "answer"})
    return text


async def _undo(visit: Visit, number: int, before: Draft | None, text: str) -> None:
    """Put back the draft from before, unless its writer has changed what was saved since."""
    current = await _draft(visit, number)
    if current is None or current.text != text:
        return
    if before is None:
        await visit.desk.drafts.remove(number, "answer", visit.principal.id)
    else:
        await visit.desk.drafts.save(before)


async def _draft(visit: Visit, number: int) -> Draft | None:
    owner = visit.principal.id
    drafts = await visit.desk.drafts.of_case(number, owner)
    wanted = draft_id(number, "answer", owner)
    return next((draft for draft in drafts if draft.id == wanted), None)
