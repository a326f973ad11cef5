"""Whether an action is allowed, and what it changes. Pure.

There is one function per action. Each takes the situation and returns changes, or raises
`ActionRefusedError`. The command line, the desk and programs all use `decide`, so that their rules
cannot differ.
"""

from collections.abc import Callable, Mapping
from typing import Any

from services.casework import actions
from services.casework.decisions.closing import close, reopen
from services.casework.decisions.edit import edit
from services.casework.decisions.editing import add_note, assign, set_due, set_title
from services.casework.decisions.fields import set_fields
from services.casework.decisions.merging import merge, unmerge
from services.casework.decisions.moving import move
from services.casework.decisions.permissions import require_worker
from services.casework.decisions.situation import Accepted, Situation
from services.casework.decisions.splitting import split
from services.casework.refusals import ActionRefusedError


def decide(action: actions.Action, situation: Situation) -> Accepted:
    """The changes of `action`. Raises ActionRefusedError if the rules do not allow it."""
    require_worker(situation)
    if situation.case.merged_into is not None and not isinstance(action, actions.Unmerge):
        target = situation.case.merged_into
        raise ActionRefusedError(
            "merged",
            f"case {situation.case.number} is merged into case {target}",
            f"work on case {target}, or unmerge case {situation.case.number} first",
            case=str(situation.case.number),
            into=str(target),
        )
    handler: Callable[[Any, Situation], Accepted] = _HANDLERS[type(action)]
    return handler(action, situation)


_HANDLERS: Mapping[type, Callable[[Any, Situation], Accepted]] = {
    actions.Move: move,
    actions.Assign: assign,
    actions.SetTitle: set_title,
    actions.SetDue: set_due,
    actions.SetFields: set_fields,
    actions.Edit: edit,
    actions.AddNote: add_note,
    actions.Close: close,
    actions.Reopen: reopen,
    actions.MergeInto: merge,
    actions.Unmerge: unmerge,
    actions.SplitOff: split,
}
