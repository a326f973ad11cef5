"""Merging a case into another, and undoing it. Pure."""

from schemas.changes import Merged, Unmerged
from services.casework import actions
from services.casework.decisions.permissions import may_work_case
from services.casework.decisions.situation import Accepted, Situation
from services.casework.refusals import ActionRefusedError


def merge(action: actions.MergeInto, situation: Situation) -> Accepted:
    case, target = situation.case, situation.other
    if action.target == case.number:
        hint = "name another case"
        raise ActionRefusedError(
            "same-case", f"case {case.number} cannot be merged into itself", hint
        )
    if target is None or not may_work_case(situation, target):
        hint = "check the number"
        raise ActionRefusedError("no-such-case", f"there is no case {action.target}", hint)
    if target.merged_into is not None:
        problem = f"case {target.number} is itself merged into case {target.merged_into}"
        facts = {"case": str(target.number), "into": str(target.merged_into)}
        raise ActionRefusedError(
            "merged", problem, f"merge into case {target.merged_into}", **facts
        )
    if target.status == "closed":
        raise ActionRefusedError(
            "closed",
            f"case {target.number} is closed",
            "reopen it first, or merge the other way",
            case=str(target.number),
        )
    present = {participant.lower() for participant in target.participants}
    joined = [
        participant for participant in case.participants if participant.lower() not in present
    ]
    return Accepted(
        {
            case.number: [Merged(into=target.number, was_status=case.status)],
            target.number: [Merged(absorbed=case.number, joined=joined)],
        }
    )


def unmerge(_action: actions.Unmerge, situation: Situation) -> Accepted:
    """Restore the state of the case before the merge. `situation.other` is the case that it
    leaves.
    """
    case, target = situation.case, situation.other
    if case.merged_into is None or target is None:
        problem = f"case {case.number} is not merged into another case"
        raise ActionRefusedError("not-merged", problem, "nothing needs to be done")
    if not may_work_case(situation, target):
        problem = f"you may not work on case {target.number}, which the unmerge changes, too"
        raise ActionRefusedError(
            "not-allowed", problem, "ask someone with a role in the processes of both cases"
        )
    return Accepted(
        {
            case.number: [Unmerged(out_of=target.number, status=situation.status_before_merge)],
            target.number: [Unmerged(released=case.number, left=list(situation.joined_by_merge))],
        }
    )
