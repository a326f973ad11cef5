"""The page of dead letters."""

from starlette.responses import Response

from services.desk.api.operations.dead_letters import DeadLetterList, DeadLettersResult
from services.desk.pages.views.operations import DeadLetterRow, DeadLettersView
from services.desk.pages.visit import Visit
from services.runtime.errors import TransientError


async def show_dead_letters(visit: Visit) -> Response:
    """Shows the messages that a service could not process, and why."""
    try:
        found: DeadLetterList = (await visit.api("list_dead_letters")).body
        items, is_reachable = found.items, True
    except TransientError:
        items, is_reachable = [], False
    processes = visit.desk.settings.processes
    reasons = [visit.t.failures.dead_letter(letter.reason) for letter in items]
    rows = tuple(
        DeadLetterRow(
            id=letter.id,
            queue=letter.queue,
            reason=reason,
            detail=detail,
            since=letter.since,
            kind=letter.type,
            author=letter.author,
            subject=letter.subject,
            size=letter.size,
            process_title=processes[letter.process].title
            if letter.process and letter.process in processes
            else "",
            trace=letter.trace,
        )
        for letter, (reason, detail) in zip(items, reasons, strict=True)
    )
    page = visit.page(visit.t.nav.dead, "dead")
    view = DeadLettersView(rows=rows, is_reachable=is_reachable)
    return await visit.html("operations/dead_letters.html", page, view=view)


async def act_on_dead_letters(visit: Visit) -> Response:
    """Retries or discards the chosen letters."""
    t, ids = visit.t.parked, visit.texts("letter")[:200]
    if not ids:
        return visit.redirect("/dead")
    is_discard = visit.text("do") == "discard"
    body = {
        "action": "discard" if is_discard else "retry",
        "ids": ids,
        "why": visit.text("why") or None,
    }
    result: DeadLettersResult = (await visit.api("act_on_dead_letters", body=body)).body
    words = t.dead_discarded if is_discard else t.dead_retried
    texts = [words.form(len(result.done)).format(n=len(result.done))]
    if missing := len(result.missing):
        texts.append(t.dead_failed.form(missing).format(n=missing))
    return visit.redirect("/dead", " ".join(texts), tone="bad" if missing else "good")
