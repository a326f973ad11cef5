"""What an action on a case returns. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from schemas.changes import Change
from schemas.stored import Case
from services.casework.refusals import ActionRefusedError


@dataclass(frozen=True)
class Done:
    """The result of an action: the case as it is now, its new changes, and the other effects.

    `written` are the changes of all affected cases, for publishing.
    """

    case: Case
    changes: Sequence[Change]
    comment: str | None = None
    new_case: int | None = None
    outgoing: Sequence[str] = field(default_factory=tuple)
    written: Sequence[Change] = field(default_factory=tuple)


def no_such_case(number: int) -> ActionRefusedError:
    """The same error for a case that does not exist and for one that the actor may not see."""
    return ActionRefusedError("no-such-case", f"there is no case {number}", "check the number")
