"""The page of a case, and the actions on it."""

import asyncio
import re
from datetime import UTC, datetime
from typing import Any

from starlette.responses import JSONResponse, Response

from schemas.stored import NO_SUBJECT
from services.desk.access import Permission
from services.desk.api.cases.answers import AnswerList, DraftList
from services.desk.api.cases.cases import History
from services.desk.api.cases.comments import CommentList
from services.desk.api.cases.presence import PresenceList
from services.desk.api.cases.views import CaseView
from services.desk.http.problems import ProblemError
from services.desk.pages.case_views import (
    assignee,
    entry,
    field_rows,
    history_entry,
    stage_buttons,
    waiting_entry,
)
from services.desk.pages.handlers.people_names import assignable, names_of_people
from services.desk.pages.refusals import FIELD
from services.desk.pages.templating import zone_of
from services.desk.pages.text import initials, plain
from services.desk.pages.undo import UndoStep, write_steps
from services.desk.pages.views.case import CaseLink, CaseScreen, Entry, Present
from services.desk.pages.visit import Visit

MAX_ENTRIES = 100
MAX_HISTORY = 200
_MAIL_KINDS = frozenset({"mail", "bounce", "automatic"})
_WITH_UNDO = frozenset({"move_case", "assign_case", "close_case", "reopen_case"})


async def show_case(visit: Visit) -> Response:
    """A case with its conversation."""
    view = await case_screen(visit)
    title = visit.t.list.no_subject if view.title == NO_SUBJECT else view.title
    page = visit.page(f"{view.reference} {title}", "")
    return await visit.html("work/case.html", page, view=view)


async def case_screen(visit: Visit) -> CaseScreen:
    """Everything that the page of a case shows."""
    number = visit.request.path_params["number"]
    case: CaseView = (await visit.api("show_case")).body
    (entries, following), history, drafts, present, names = await asyncio.gather(
        _entries(visit, case),
        _latest_changes(visit, case),
        _draft_kinds(visit),
        _present(visit, "list_present"),
        names_of_people(visit),
    )
    process = visit.desk.settings.processes.get(case.process)
    reference = visit.desk.reference.write

    def link(other: int) -> CaseLink:
        return CaseLink(number=other, reference=reference(other), href=f"/cases/{other}")

    may_work = visit.may(Permission.WORK, case.process)
    can_answer = (
        visit.may(Permission.ANSWER, case.process)
        and process is not None
        and process.smtp is not None
        and case.merged_into is None
    )
    return CaseScreen(
        number=case.number,
        reference=case.reference,
        revision=case.revision,
        title=case.title,
        process_title=case.process_title,
        stage_title=case.stage_title,
        is_closed=case.status == "closed",
        is_overdue=case.overdue,
        opened_at=case.opened_at,
        updated_at=case.updated_at,
        due_at=case.due_at,
        assignee=assignee(case.assignee, names),
        assignee_id=case.assignee or "",
        flags=tuple(case.flags),
        participants=tuple(case.participants),
        stages=stage_buttons(case, visit.t.failures),
        entries=entries,
        fields=field_rows(case, process),
        history=tuple(history_entry(change, process, names) for change in history.items),
        people=assignable(visit, names, case.process, case.assignee or ""),
        links=tuple(
            CaseLink(
                number=other.number,
                reference=other.reference,
                href=f"/cases/{other.number}",
                title=other.title,
                kind=other.kind,
                by=other.by,
            )
            for other in case.links
        ),
        present=present,
        merged_into=link(case.merged_into) if case.merged_into else None,
        absorbed=tuple(link(other) for other in case.absorbed),
        later_href=f"/cases/{number}?cursor={following}" if following else None,
        draft_kinds=drafts,
        can_work=may_work and case.merged_into is None,
        can_unmerge=may_work and case.merged_into is not None,
        can_answer=can_answer,
        sends_no_mail=process is None or process.smtp is None,
    )


async def _present(
    visit: Visit, operation: str, body: dict[str, Any] | None = None
) -> tuple[Present, ...]:
    found: PresenceList = (await visit.api(operation, body=body)).body
    return tuple(Present(name=each.name, doing=each.doing) for each in found.items)


async def report_presence(visit: Visit) -> Response:
    """The report of an open case page every ten seconds; the response is who else has the case
    open.
    """
    doing = visit.text("doing")
    if doing == "leaving":
        await visit.api("end_presence")
        return Response(status_code=204)
    body = {"doing": doing or "reading"}
    present = await _present(visit, "report_presence", body)
    shown = [
        {
            "doing": each.doing,
            "initials": initials(each.name),
            "text": plain(visit.t.case.doing[each.doing].format(name=each.name)),
        }
        for each in present
    ]
    return JSONResponse({"present": shown})


async def _entries(visit: Visit, case: CaseView) -> tuple[tuple[Entry, ...], str | None]:
    """A page of the conversation, and the cursor of the next one. On the last page, the cursor is
    None, and the page ends with the waiting answers.
    """
    cursor = visit.request.query_params.get("cursor")
    query: dict[str, Any] = {"limit": MAX_ENTRIES} | ({"cursor": cursor} if cursor else {})
    comments: CommentList
    waiting: AnswerList
    comments, waiting = [
        reply.body
        for reply in await asyncio.gather(
            visit.api("list_comments", query=query), visit.api("list_answers")
        )
    ]
    # A case that is split off begins with a mail, and leaves one behind.
    mails = sum(comment.kind in _MAIL_KINDS for comment in comments.items)
    has_others = mails > 1 or comments.has_more or cursor is not None
    entries = [
        entry(case.number, comment, can_split=has_others and comment.kind in _MAIL_KINDS)
        for comment in comments.items
    ]
    if not comments.has_more:
        now = visit.desk.clock()
        entries += [waiting_entry(case.number, mail, now) for mail in waiting.items]
    return tuple(entries), comments.next


async def _draft_kinds(visit: Visit) -> tuple[str, ...]:
    drafts: DraftList = (await visit.api("list_drafts")).body
    return tuple(draft.kind for draft in drafts.items)


async def _latest_changes(visit: Visit, case: CaseView) -> History:
    query = {"after": max(0, case.revision - MAX_HISTORY), "limit": MAX_HISTORY}
    history: History = (await visit.api("show_history", query=query)).body
    return history


async def move(visit: Visit) -> Response:
    """Moves the case to another stage."""
    return await _done(visit, "move_case", {"stage": visit.text("stage")})


async def assign(visit: Visit) -> Response:
    """Assigns the case to a person, a group, or nobody."""
    return await _done(visit, "assign_case", {"to": visit.text("to") or None})


async def close(visit: Visit) -> Response:
    return await _done(visit, "close_case", {})


async def reopen(visit: Visit) -> Response:
    return await _done(visit, "reopen_case", {})


async def merge(visit: Visit) -> Response:
    """Merges the case into the one with the typed number, which may have a prefix."""
    await visit.api("show_case")  # whoever may not see it learns nothing about the other
    return await _done(visit, "merge_case", {"into": await typed_case(visit, visit.text("target"))})


async def unmerge(visit: Visit) -> Response:
    return await _done(visit, "unmerge_case", None)


async def split(visit: Visit) -> Response:
    """Splits one entry off into a new case."""
    current = (await visit.api("show_case")).revision
    reply = await visit.api(
        "split_case", body={"comments": [visit.text("comment")]}, expected=current
    )
    return visit.redirect(f"/cases/{reply.body.new_case}")


async def edit(visit: Visit) -> Response:
    """Changes title, due date and fields, whichever the form has."""
    body: dict[str, Any] = {}
    if title := visit.text("title"):
        body["title"] = title
    if "due_at" in visit.form:
        body["due_at"] = due_time(visit.text("due_at"), visit.page("").zone)
    if visit.text("with_fields"):
        case: CaseView = (await visit.api("show_case")).body
        body["fields"] = changed_fields(visit, case)
    return await _done(visit, "patch_case", body)


def typed_number(text: str) -> int:
    """The number of a case as people type it, with or without a prefix. Raises ProblemError."""
    digits = re.sub(r"[^0-9]", "", text)
    if not digits:
        raise ProblemError(422, "no-case-number", "give the number of a case, such as 235")
    return int(digits[:15])


async def typed_case(visit: Visit, text: str) -> int:
    """The number of a visible case, as people type it. Raises ProblemError 422 if there is none."""
    number = typed_number(text)
    try:
        await visit.api("show_case", path={"number": str(number)})
    except ProblemError as error:
        if error.problem.reason != "not-found":
            raise
        problem = "there is no such case; check the number"
        raise ProblemError(422, "no-such-case", problem) from error
    return number


def due_time(text: str, zone: str) -> datetime | None:
    """The time that a reader in `zone` typed; None if it is empty. Raises ProblemError 422."""
    if not text:
        return None
    try:
        local = datetime.fromisoformat(text)
    except ValueError as error:
        raise ProblemError(422, "no-time", "that is not a date and time") from error
    aware = local if local.tzinfo else local.replace(tzinfo=zone_of(zone))
    return aware.astimezone(UTC)


def changed_fields(visit: Visit, case: CaseView) -> dict[str, str | bool | None]:
    """The fields whose values differ from those of the case and from those that the form was filled
    with.
    """
    process = visit.desk.settings.processes.get(case.process)
    kinds = {field.name: field.type for field in process.fields} if process else {}
    changed: dict[str, str | bool | None] = {}
    for key in visit.form:
        name, was = key.removeprefix(FIELD), f"was.{key}"
        if name == key:
            continue
        text = visit.text(key).strip()
        value: str | bool | None = text or None
        if kinds.get(name) == "bool" and text:
            value = text == "true"
        current = case.fields[name].value if name in case.fields else None
        is_left = was in visit.form and visit.text(was).strip() == text
        if value != current and not is_left:
            changed[name] = value
    return changed


async def _done(visit: Visit, operation: str, body: dict[str, Any] | None) -> Response:
    seen = visit.revision
    reply = await visit.api(operation, body=body, expected=seen)
    number = visit.request.path_params["number"]
    if operation not in _WITH_UNDO or seen is None or reply.revision in {None, seen}:
        return visit.redirect(f"/cases/{number}")
    steps = write_steps([UndoStep(int(number), seen, reply.revision or 0)])
    message = _done_message(visit, operation, reply.body)
    return visit.redirect(f"/cases/{number}", message, undo=steps)


def _done_message(visit: Visit, operation: str, case: CaseView) -> str:
    t = visit.t.case
    match operation:
        case "move_case":
            return t.done_moved.format(stage=case.stage_title)
        case "assign_case":
            return t.done_assigned
        case "close_case":
            return t.done_closed
        case _:
            return t.done_reopened
