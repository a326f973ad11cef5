"""Errors for actions that are not allowed: why, and what to do instead. Pure."""

from services.runtime.errors import PermanentError


class ActionRefusedError(PermanentError):
    """The rules do not allow the action. `reason` is a constant name for programs; `hint` says what
    to do instead.

    `facts` are what the text names, with the titles of stages and fields in place of their names:
    for a text in another language.
    """

    def __init__(self, reason: str, problem: str, hint: str, **facts: str) -> None:
        super().__init__(f"{problem}; {hint}")
        self.reason = reason
        self.problem = problem
        self.hint = hint
        self.facts = facts


class StaleRevisionError(PermanentError):
    """The case has changed since the actor saw it: `expected` is the revision that they saw,
    `current` the present one.
    """

    def __init__(self, case: int, expected: int, current: int) -> None:
        super().__init__(
            f"case {case} is at revision {current}, not {expected}; look at it again, then repeat what you wanted"
        )
        self.case = case
        self.expected = expected
        self.current = current
