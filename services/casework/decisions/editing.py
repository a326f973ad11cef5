"""Changes assignee, title and due date of a case, and adds notes. Pure."""

from schemas.changes import Assigned, DueSet, Noted, Titled
from services.casework import actions
from services.casework.actors import normal_assignee
from services.casework.decisions.situation import Accepted, Situation, one_change
from services.casework.refusals import ActionRefusedError

MAX_TITLE_CHARS = 500
MAX_NOTE_CHARS = 1_000_000


def assign(action: actions.Assign, situation: Situation) -> Accepted:
    case = situation.case
    to = normal_assignee(action.to) if action.to else None
    if to is not None and "@" not in to and not to.startswith("group:"):
        hint = "give a user's address, or group:NAME"
        raise ActionRefusedError("invalid-assignee", f"{to!r} is neither a user nor a group", hint)
    if to == case.assignee:
        problem = f"case {case.number} is assigned to {to or 'nobody'} already"
        raise ActionRefusedError("already-there", problem, "nothing needs to be done")
    return one_change(case, Assigned(was=case.assignee, to=to))


def set_title(action: actions.SetTitle, situation: Situation) -> Accepted:
    title = " ".join(action.title.split())
    if not title or len(title) > MAX_TITLE_CHARS:
        problem = "the title is empty" if not title else f"the title has {len(title)} characters"
        raise ActionRefusedError(
            "invalid-title", problem, f"give a title of 1 to {MAX_TITLE_CHARS} characters"
        )
    if title == situation.case.title:
        raise ActionRefusedError(
            "already-there", "the case has this title already", "nothing needs to be done"
        )
    return one_change(situation.case, Titled(was=situation.case.title, to=title))


def set_due(action: actions.SetDue, situation: Situation) -> Accepted:
    case = situation.case
    if case.status == "closed":
        hint = f"reopen case {case.number} first"
        problem = f"case {case.number} is closed"
        raise ActionRefusedError("closed", problem, hint, case=str(case.number))
    if action.due_at == case.due_at:
        raise ActionRefusedError(
            "already-there", "the case has this due date already", "nothing needs to be done"
        )
    return one_change(case, DueSet(was=case.due_at, to=action.due_at))


def add_note(action: actions.AddNote, situation: Situation) -> Accepted:
    if not action.text.strip():
        raise ActionRefusedError("empty-note", "the note has no text", "write something")
    if len(action.text) > MAX_NOTE_CHARS:
        problem = f"the note has {len(action.text)} characters"
        raise ActionRefusedError(
            "note-too-long",
            problem,
            f"attach a text of more than {MAX_NOTE_CHARS} characters as a file",
        )
    changes = {situation.case.number: [Noted(comment=situation.comment_id)]}
    return Accepted(changes, note=action.text)
