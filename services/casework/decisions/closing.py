"""Closing and reopening a case. Pure."""

from schemas.changes import Closed, Reopened
from services.casework import actions
from services.casework.decisions.deadlines import due_at
from services.casework.decisions.situation import Accepted, Situation, one_change
from services.casework.refusals import ActionRefusedError


def close(_action: actions.Close, situation: Situation) -> Accepted:
    case = situation.case
    if case.status == "closed":
        raise ActionRefusedError(
            "already-there", f"case {case.number} is closed already", "nothing needs to be done"
        )
    return one_change(case, Closed())


def reopen(_action: actions.Reopen, situation: Situation) -> Accepted:
    case, process = situation.case, situation.process
    if case.status == "open":
        raise ActionRefusedError(
            "already-there", f"case {case.number} is open already", "nothing needs to be done"
        )
    stage = process.stage(case.stage) if process else None
    return one_change(case, Reopened(due_at=due_at(stage, situation.now)))
