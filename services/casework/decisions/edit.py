"""Changes several properties of a case in one step, all or none. Pure."""

from collections.abc import Callable

from msgspec import UNSET

from schemas.changes import What
from services.casework import actions
from services.casework.decisions.editing import set_due, set_title
from services.casework.decisions.fields import set_fields
from services.casework.decisions.situation import Accepted, Situation
from services.casework.refusals import ActionRefusedError


def edit(action: actions.Edit, situation: Situation) -> Accepted:
    """The changes, without properties that already have their new values. Raises ActionRefusedError
    like the single actions, and if nothing changes.
    """
    steps: list[Callable[[], Accepted]] = []
    if action.title is not UNSET:
        title = actions.SetTitle(title=action.title)
        steps.append(lambda: set_title(title, situation))
    if action.due_at is not UNSET:
        due = actions.SetDue(due_at=action.due_at)
        steps.append(lambda: set_due(due, situation))
    if action.fields:
        fields = actions.SetFields(fields=action.fields)
        steps.append(lambda: set_fields(fields, situation))
    changes: list[What] = []
    for step in steps:
        try:
            changes += step().changes[situation.case.number]
        except ActionRefusedError as refusal:
            if refusal.reason != "already-there":
                raise
    if not changes:
        raise ActionRefusedError(
            "already-there", "the case has these values already", "nothing needs to be done"
        )
    return Accepted({situation.case.number: changes})
