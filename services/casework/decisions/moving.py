"""Moving a case to another stage or process. Pure."""

from collections.abc import Sequence

from schemas.changes import Assigned, StageMoved, What
from schemas.stored import Case
from services.casework import actions
from services.casework.actors import MANAGER, WORKER, normal_assignee
from services.casework.decisions.deadlines import due_at
from services.casework.decisions.situation import Accepted, AutomaticMail, Situation, known_process
from services.casework.refusals import ActionRefusedError
from services.runtime.settings import Process, Stage


def move(action: actions.Move, situation: Situation) -> Accepted:
    case = situation.case
    if action.process is not None and action.process != case.process:
        return _move_to_process(action, action.process, situation)
    process = known_process(situation)
    target = process.stage(action.stage or "")
    if target is None:
        names = ", ".join(stage.name for stage in process.stages)
        problem = f"process {process.name} has no stage {action.stage or ''!r}"
        raise ActionRefusedError("no-such-stage", problem, f"its stages are {names}")
    current = process.stage(case.stage)
    if target.name == case.stage:
        raise ActionRefusedError(
            "already-there",
            f"case {case.number} is already at {target.name}",
            "nothing needs to be done",
            to=target.title,
        )
    if current is not None:
        _require_transition(current, target, situation, process)
    _require_fields(process, target, case)
    return _enter(process, target, situation)


def _move_to_process(action: actions.Move, name: str, situation: Situation) -> Accepted:
    process = situation.processes.get(name)
    if process is None:
        names = ", ".join(situation.processes)
        raise ActionRefusedError(
            "no-such-process", f"there is no process {name!r}", f"the processes are {names}"
        )
    roles = situation.acting.roles_in(process)
    if WORKER not in roles:
        hint = "ask someone with a role in both"
        raise ActionRefusedError(
            "not-allowed", f"you have no role in process {name} that may work on cases", hint
        )
    target = process.initial_stage if action.stage is None else process.stage(action.stage)
    if target is None or (not target.initial and MANAGER not in roles):
        hint = f"leave the stage out, and the case begins at {process.initial_stage.name}"
        raise ActionRefusedError(
            "no-such-stage", f"a case cannot enter {name} at {action.stage!r}", hint
        )
    left = situation.process
    current = left.stage(situation.case.stage) if left is not None else None
    if left is not None and current is not None:
        _require_role(current, situation, left)
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
    assignee = normal_assignee(enter.assign) if enter.assign is not None else None
    if assignee is not None and assignee != case.assignee:
        by_rule[case.number] = [Assigned(was=case.assignee, to=assignee)]
    mail = None
    if enter.send_to is not None and enter.text is not None:
        mail = AutomaticMail(target.name, enter.send_to, enter.subject, enter.text)
    return Accepted({case.number: [moved]}, by_rule=by_rule, mail=mail)


def _require_transition(
    current: Stage, target: Stage, situation: Situation, process: Process
) -> None:
    if target.name not in current.next:
        names = ", ".join(current.next)
        problem = f"stage {current.name} does not lead to {target.name}"
        titles = [stage.title for stage in process.stages if stage.name in current.next]
        raise ActionRefusedError(
            "no-transition",
            problem,
            f"the next stages are: {names}" if names else "no stage follows it",
            stage=current.title,
            to=target.title,
            names=", ".join(titles),
        )
    _require_role(current, situation, process)


def _require_role(current: Stage, situation: Situation, process: Process) -> None:
    """Raises ActionRefusedError if the actor may not move a case out of `current`."""
    roles = situation.acting.roles_in(process)
    if current.roles and MANAGER not in roles and roles.isdisjoint(current.roles):
        problem = f"only {' or '.join(current.roles)} may move a case out of {current.name}"
        raise ActionRefusedError(
            "not-allowed",
            problem,
            "ask someone with that role",
            stage=current.title,
            names=", ".join(current.roles),
        )


def _require_fields(process: Process, target: Stage, case: Case) -> None:
    required = [declared for declared in process.fields if target.name in declared.required_for]
    missing = [declared for declared in required if declared.name not in case.fields]
    if missing:
        problem = f"stage {target.name} needs {', '.join(field.name for field in missing)}"
        titles = ", ".join(field.title or field.name for field in missing)
        hint = "set the missing fields first"
        raise ActionRefusedError("missing-field", problem, hint, to=target.title, names=titles)
