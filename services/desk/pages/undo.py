"""The steps that undo an action on cases: for each case, the revisions before and after it.

The history says what the state was before. The page therefore needs no copy of it, and nobody can
undo into a state that never existed. In a cookie, steps are text: `12.6.7-13.1.2`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

MAX_CASES = 200
MAX_CHARS = 3_500  # browsers store at most 4,096 bytes of a cookie
_STEP = re.compile(r"([1-9]\d{0,14})\.(\d{1,9})\.([1-9]\d{0,8})")


@dataclass(frozen=True)
class UndoStep:
    """The changes of a case after revision `before`, up to `after`."""

    number: int
    before: int
    after: int


def write_steps(steps: Sequence[UndoStep]) -> str:
    """The steps as text; empty if there are none, or more than fit in a cookie."""
    text = "-".join(f"{step.number}.{step.before}.{step.after}" for step in steps)
    return text if len(text) <= MAX_CHARS else ""


def read_steps(text: str) -> list[UndoStep]:
    """The steps in a text by `write_steps`; invalid ones are left out."""
    found = [_STEP.fullmatch(part) for part in text[:MAX_CHARS].split("-")[:MAX_CASES]]
    steps = [UndoStep(*(int(digits) for digits in match.groups())) for match in found if match]
    return [step for step in steps if step.before < step.after <= step.before + 5]


def inverse(what: str, details: dict[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """The operation that undoes a change of that kind, with its body; None if there is none."""
    match what:
        case "assigned":
            return "assign_case", {"to": details.get("was")}
        case "stage-moved" if details.get("from_process") == details.get("to_process"):
            return "move_case", {"stage": details["from_stage"]}
        case "closed":
            return "reopen_case", {}
        case "reopened":
            return "close_case", {}
        case _:
            return None
