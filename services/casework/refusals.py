"""An action that the rules do not allow: why, and what to do instead. Pure."""

from services.runtime.errors import PermanentError


class ActionRefusedError(PermanentError):
    """`reason` is a constant name for programs, `hint` says how to get what was wanted."""

    def __init__(self, reason: str, problem: str, hint: str) -> None:
        super().__init__(f"{problem}; {hint}")
        self.reason = reason
        self.problem = problem
        self.hint = hint


class StaleRevisionError(PermanentError):
    """The case has changed since the actor saw it: `expected` is what they saw, `current` what it
    is at.
    """

    def __init__(self, case: int, expected: int, current: int) -> None:
        super().__init__(
            f"case {case} is at revision {current}, not {expected}; look at it again, then repeat what you wanted"
        )
        self.case = case
        self.expected = expected
        self.current = current
