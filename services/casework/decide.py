"""Whether an action is allowed, and what it changes. Pure.

One function per action, all of the same shape: what is known goes in, changes come out, or an
`ActionRefusedError`. Everyone who works a case goes through `decide`, so that rules cannot differ
between the command line, the desk and programs.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from schemas.changes import (
    Assigned,
    Closed,
    DueSet,
    FieldsSet,
    FieldValue,
    Merged,
    Noted,
    Opened,
    Reopened,
    Split,
    StageMoved,
    Titled,
    Unmerged,
    What,
)
from schemas.stored import Case, CaseStatus
from services.casework import actions
from services.casework.actors import MANAGER, WORKER, ActingAs
from services.casework.durations import duration
from services.casework.field_values import InvalidFieldError, normal_form
from services.casework.refusals import ActionRefusedError
from services.runtime.settings import Field, Process, Stage

MAX_TITLE_CHARS = 500
MAX_NOTE_CHARS = 1_000_000
FIELD_CONFLICT = "field-conflict"
_MAIL_KINDS = frozenset({"mail", "bounce", "automatic"})


@dataclass(frozen=True)
class CommentInfo:
    """A comment of the case, as far as splitting needs it."""

    id: str
    kind: str
    at: datetime
    subject: str = ""
    author: str = ""


@dataclass(frozen=True)
class Situation:
    """Everything that a decision may depend on.

    `processes` are the settings by name. `other` is the target of a merge, or the case that this one
    was merged into; None when it does not exist or plays no part. `status_before_merge` and
    `joined_by_merge` are from the history, for an unmerge: the case's status before, and the participants
    that the target got and that have not written to it since. `comments` are the case's own, for a split,
    which also needs `new_number`. `comment_id` names a comment that the action writes.
    """

    case: Case
    processes: Mapping[str, Process]
    acting: ActingAs
    now: datetime
    other: Case | None = None
    status_before_merge: CaseStatus = "open"
    joined_by_merge: Sequence[str] = ()
    comments: Sequence[CommentInfo] = ()
    new_number: int | None = None
    comment_id: str = ""

    @property
    def process(self) -> Process | None:
        """The rules of the case's process; None when the settings no longer have it."""
        return self.processes.get(self.case.process)


@dataclass(frozen=True)
class AutomaticMail:
    """What a stage sends when a case enters it; templates, to be filled in by whoever writes the outbox."""

    stage: str
    to: str
    subject: str | None
    text: str


@dataclass(frozen=True)
class Accepted:
    """What an action changes, by case number, in order. `by_rule` follow from the settings, not from the actor.

    `note` is the text of the comment to write, None for most; `mail` goes out; `split` are the comments
    that go to the new case.
    """

    changes: Mapping[int, Sequence[What]]
    by_rule: Mapping[int, Sequence[What]] = field(default_factory=dict)
    note: str | None = None
    mail: AutomaticMail | None = None
    split: Sequence[str] = ()


def decide(action: actions.Action, situation: Situation) -> Accepted:
    """What `action` changes. Raises ActionRefusedError when the rules do not allow it."""
    _require_worker(situation)
    if situation.case.merged_into is not None and not isinstance(action, actions.Unmerge):
        target = situation.case.merged_into
        raise ActionRefusedError(
            "merged",
            f"case {situation.case.number} is merged into case {target}",
            f"work case {target}, or unmerge case {situation.case.number} first",
        )
    handler: Callable[[Any, Situation], Accepted] = _HANDLERS[type(action)]
    return handler(action, situation)


def due_at(stage: Stage | None, now: datetime) -> datetime | None:
    """When a case that enters `stage` now is due; None when the stage sets no time."""
    return now + duration(stage.due_after) if stage is not None and stage.due_after else None


def due_at_stage(processes: Mapping[str, Process], process: str, stage: str, now: datetime) -> datetime | None:
    """As `due_at`, by names; None when the settings do not have them."""
    known = processes.get(process)
    return due_at(known.stage(stage), now) if known is not None else None


def _move(action: actions.Move, situation: Situation) -> Accepted:
    case = situation.case
    if action.process is not None and action.process != case.process:
        return _move_to_process(action, action.process, situation)
    process = _known_process(situation)
    target = process.stage(action.stage or "")
    if target is None:
        names = ", ".join(stage.name for stage in process.stages)
        problem = f"process {process.name} has no stage {action.stage or ''!r}"
        raise ActionRefusedError("no-such-stage", problem, f"its stages are {names}")
    current = process.stage(case.stage)
    if target.name == case.stage:
        raise ActionRefusedError("already-there", f"case {case.number} is at {target.name}", "nothing is left to do")
    if current is not None:
        _require_transition(current, target, situation, process)
    _require_fields(process, target, case)
    return _enter(process, target, situation)


def _move_to_process(action: actions.Move, name: str, situation: Situation) -> Accepted:
    process = situation.processes.get(name)
    if process is None:
        names = ", ".join(situation.processes)
        raise ActionRefusedError("no-such-process", f"there is no process {name!r}", f"the processes are {names}")
    roles = situation.acting.roles_in(process)
    if WORKER not in roles:
        hint = "ask someone with a role in both"
        raise ActionRefusedError("not-allowed", f"you have no role in process {name} that may work cases", hint)
    target = process.initial_stage if action.stage is None else process.stage(action.stage)
    if target is None or (not target.initial and MANAGER not in roles):
        hint = f"leave the stage out, so that the case begins at {process.initial_stage.name}"
        raise ActionRefusedError("no-such-stage", f"a case cannot enter {name} at {action.stage!r}", hint)
    _require_fields(process, target, situation.case)
    return _enter(process, target, situation)


def _enter(process: Process, target: Stage, situation: Situation) -> Accepted:
    case, now = situation.case, situation.now
    moved = StageMoved(
        from_stage=case.stage,
        to_stage=target.name,
        from_process=case.process,
        to_process=process.name,
        due_at=None if target.final else due_at(target, now),
        closed=target.final and case.status == "open",
        reopened=not target.final and case.status == "closed",
    )
    enter = target.on_enter
    by_rule: dict[int, Sequence[What]] = {}
    if enter.assign is not None and enter.assign != case.assignee:
        by_rule[case.number] = [Assigned(was=case.assignee, to=enter.assign)]
    mail = None
    if enter.send_to is not None and enter.text is not None:
        mail = AutomaticMail(target.name, enter.send_to, enter.subject, enter.text)
    return Accepted({case.number: [moved]}, by_rule=by_rule, mail=mail)


def _assign(action: actions.Assign, situation: Situation) -> Accepted:
    case = situation.case
    to = action.to.strip() if action.to else None
    if to is not None and "@" not in to and not to.startswith("group:"):
        hint = "give a user's address, or group:NAME"
        raise ActionRefusedError("invalid-assignee", f"{to!r} is neither a user nor a group", hint)
    if to == case.assignee:
        problem = f"case {case.number} is assigned to {to or 'nobody'} already"
        raise ActionRefusedError("already-there", problem, "nothing is left to do")
    return _one(case, Assigned(was=case.assignee, to=to))


def _set_title(action: actions.SetTitle, situation: Situation) -> Accepted:
    title = " ".join(action.title.split())
    if not title or len(title) > MAX_TITLE_CHARS:
        problem = "the title is empty" if not title else f"the title has {len(title)} characters"
        raise ActionRefusedError("invalid-title", problem, f"give one of 1 to {MAX_TITLE_CHARS} characters")
    if title == situation.case.title:
        raise ActionRefusedError("already-there", "the case has that title", "nothing is left to do")
    return _one(situation.case, Titled(was=situation.case.title, to=title))


def _set_due(action: actions.SetDue, situation: Situation) -> Accepted:
    case = situation.case
    if case.status == "closed":
        hint = f"reopen case {case.number} first"
        raise ActionRefusedError("closed", f"case {case.number} is closed", hint)
    if action.due_at == case.due_at:
        raise ActionRefusedError("already-there", "the case has that due date", "nothing is left to do")
    return _one(case, DueSet(was=case.due_at, to=action.due_at))


def _set_fields(action: actions.SetFields, situation: Situation) -> Accepted:
    case, process = situation.case, _known_process(situation)
    values: dict[str, FieldValue | None] = {}
    for name, text in action.fields.items():
        declared = process.field(name)
        if text is None:
            values[name] = None
        elif declared is None:
            names = ", ".join(known.name for known in process.fields) or "none"
            problem = f"process {process.name} has no field {name!r}"
            raise ActionRefusedError("no-such-field", problem, f"its fields are: {names}")
        else:
            values[name] = _typed_in(declared, text, situation)
    changed = {name: value for name, value in values.items() if _differs(value, case.fields.get(name))}
    if not changed:
        raise ActionRefusedError("already-there", "the fields have those values", "nothing is left to do")
    was = {name: case.fields[name] for name in changed if name in case.fields}
    flags = [flag for flag in case.flags if flag != FIELD_CONFLICT] if FIELD_CONFLICT in case.flags else None
    return _one(case, FieldsSet(values=changed, was=was, flags=flags))


def _typed_in(declared: Field, text: str | bool, situation: Situation) -> FieldValue:
    try:
        value = normal_form(declared, text)
    except InvalidFieldError as error:
        raise ActionRefusedError("invalid-value", f"{declared.name}: {error}", error.hint) from error
    return FieldValue(value=value, source="person", evidence="", by=situation.acting.actor.id, at=situation.now)


def _differs(value: FieldValue | None, before: FieldValue | None) -> bool:
    if value is None or before is None:
        return value is not before
    return value.value != before.value or before.source != "person"


def _add_note(action: actions.AddNote, situation: Situation) -> Accepted:
    if not action.text.strip():
        raise ActionRefusedError("empty-note", "the note has no text", "write something")
    if len(action.text) > MAX_NOTE_CHARS:
        problem = f"the note has {len(action.text)} characters"
        raise ActionRefusedError("note-too-long", problem, f"attach a text over {MAX_NOTE_CHARS} characters as a file")
    changes = {situation.case.number: [Noted(comment=situation.comment_id)]}
    return Accepted(changes, note=action.text)


def _close(_action: actions.Close, situation: Situation) -> Accepted:
    case = situation.case
    if case.status == "closed":
        raise ActionRefusedError("already-there", f"case {case.number} is closed already", "nothing is left to do")
    return _one(case, Closed())


def _reopen(_action: actions.Reopen, situation: Situation) -> Accepted:
    case, process = situation.case, situation.process
    if case.status == "open":
        raise ActionRefusedError("already-there", f"case {case.number} is open already", "nothing is left to do")
    stage = process.stage(case.stage) if process else None
    return _one(case, Reopened(due_at=due_at(stage, situation.now)))


def _merge(action: actions.MergeInto, situation: Situation) -> Accepted:
    case, target = situation.case, situation.other
    if action.target == case.number:
        hint = "name another case"
        raise ActionRefusedError("same-case", f"case {case.number} cannot be merged into itself", hint)
    if target is None or not _may_work(situation, target):
        hint = "look the number up again"
        raise ActionRefusedError("no-such-case", f"there is no case {action.target}", hint)
    if target.merged_into is not None:
        problem = f"case {target.number} is itself merged into case {target.merged_into}"
        raise ActionRefusedError("merged", problem, f"merge into case {target.merged_into}")
    if target.status == "closed":
        raise ActionRefusedError("closed", f"case {target.number} is closed", "reopen it first, or merge the other way")
    present = {participant.lower() for participant in target.participants}
    joined = [participant for participant in case.participants if participant.lower() not in present]
    return Accepted(
        {
            case.number: [Merged(into=target.number, was_status=case.status)],
            target.number: [Merged(absorbed=case.number, joined=joined)],
        }
    )


def _split(action: actions.SplitOff, situation: Situation) -> Accepted:
    case, process = situation.case, _known_process(situation)
    own = {comment.id: comment for comment in situation.comments}
    wanted = list(dict.fromkeys(action.comments))
    unknown = [comment_id for comment_id in wanted if comment_id not in own]
    if not wanted or unknown:
        problem = f"case {case.number} has no comment {unknown[0]}" if unknown else "no comment is named"
        raise ActionRefusedError("no-such-comment", problem, "name comments of this case by their ids")
    going = [own[comment_id] for comment_id in wanted if own[comment_id].kind in _MAIL_KINDS]
    staying = [comment for comment in situation.comments if comment.id not in wanted and comment.kind in _MAIL_KINDS]
    if not going:
        hint = "name at least one mail: a case begins with one"
        raise ActionRefusedError("no-mail", "none of these comments is a mail", hint)
    if not staying:
        hint = "leave at least one mail in the case"
        raise ActionRefusedError("no-mail", f"no mail would be left in case {case.number}", hint)
    if situation.new_number is None:
        raise ValueError("a split needs the number of the new case")
    first = min(going, key=lambda comment: (comment.at, comment.id))
    title = " ".join((action.title or first.subject or case.title).split())[:MAX_TITLE_CHARS]
    initial = process.initial_stage
    opened = Opened(
        process=process.name,
        stage=initial.name,
        title=title,
        mailbox=case.mailbox,
        opened_at=situation.now,
        comment=first.id,
        due_at=due_at(initial, situation.now),
        refers_to=case.number,
        split_from=case.number,
    )
    changes: dict[int, Sequence[What]] = {
        case.number: [Split(to=situation.new_number, comments=wanted)],
        situation.new_number: [opened],
    }
    return Accepted(changes, split=wanted)


def _require_worker(situation: Situation) -> None:
    if not _may_work(situation, situation.case):
        problem = f"you may not work cases of process {situation.case.process}"
        raise ActionRefusedError("not-allowed", problem, "ask a manager of the process for a role")


def _may_work(situation: Situation, case: Case) -> bool:
    return may_work(situation.processes, situation.acting, case)


def may_work(processes: Mapping[str, Process], acting: ActingAs, case: Case) -> bool:
    """Whether an actor may work a case. Operators alone may work one whose process the settings lost."""
    process = processes.get(case.process)
    if process is None:
        return acting.everything
    return WORKER in acting.roles_in(process)


def _known_process(situation: Situation) -> Process:
    process = situation.process
    if process is None:
        problem = f"the settings have no process {situation.case.process!r}"
        raise ActionRefusedError("no-such-process", problem, "add it, or move the case to another process")
    return process


def _require_transition(current: Stage, target: Stage, situation: Situation, process: Process) -> None:
    if target.name not in current.next:
        names = ", ".join(current.next) or "none"
        problem = f"stage {current.name} does not lead to {target.name}"
        raise ActionRefusedError("no-transition", problem, f"the next stages are: {names}")
    roles = situation.acting.roles_in(process)
    if current.roles and MANAGER not in roles and roles.isdisjoint(current.roles):
        problem = f"only {' or '.join(current.roles)} may move a case out of {current.name}"
        raise ActionRefusedError("not-allowed", problem, "ask someone with that role")


def _require_fields(process: Process, target: Stage, case: Case) -> None:
    required = [declared.name for declared in process.fields if target.name in declared.required_for]
    missing = [name for name in required if name not in case.fields]
    if missing:
        problem = f"stage {target.name} needs {', '.join(missing)}"
        raise ActionRefusedError("missing-field", problem, "set the missing fields first")


def _one(case: Case, what: What) -> Accepted:
    return Accepted({case.number: [what]})


def _unmerge(_action: actions.Unmerge, situation: Situation) -> Accepted:
    """The case as it was before it was merged; `other` is the case that it leaves."""
    case, target = situation.case, situation.other
    if case.merged_into is None or target is None:
        problem = f"case {case.number} is merged into no other case"
        raise ActionRefusedError("not-merged", problem, "nothing is left to do")
    return Accepted(
        {
            case.number: [Unmerged(out_of=target.number, status=situation.status_before_merge)],
            target.number: [Unmerged(released=case.number, left=list(situation.joined_by_merge))],
        }
    )


_HANDLERS: Mapping[type, Callable[[Any, Situation], Accepted]] = {
    actions.Move: _move,
    actions.Assign: _assign,
    actions.SetTitle: _set_title,
    actions.SetDue: _set_due,
    actions.SetFields: _set_fields,
    actions.AddNote: _add_note,
    actions.Close: _close,
    actions.Reopen: _reopen,
    actions.MergeInto: _merge,
    actions.Unmerge: _unmerge,
    actions.SplitOff: _split,
}
