"""The errors of accounts."""

from services.runtime.errors import PermanentError, TransientError


class AccountError(PermanentError):
    """A refused request of a person or a program: a constant reason, what is wrong, and how to fix
    it.

    `facts` are what the text names: for a text in another language.
    """

    def __init__(self, reason: str, problem: str, hint: str, **facts: str) -> None:
        super().__init__(f"{problem}; {hint}")
        self.reason = reason
        self.problem = problem
        self.hint = hint
        self.facts = facts


class LoginFailedError(AccountError):
    """The log-in failed. The message never says whether the account exists."""

    def __init__(self) -> None:
        super().__init__(
            "login-failed",
            "the address or the password is wrong",
            "try again, or ask an administrator for a new link",
        )


class TooManyAttemptsError(AccountError):
    """Too many log-ins failed. `retry_after_s` says when to try again. `is_first` is true for the
    first refusal of a window, so that the audit log has one entry for all of them.
    """

    def __init__(self, retry_after_s: int, *, is_first: bool) -> None:
        minutes = max(1, -(-retry_after_s // 60))
        super().__init__(
            "too-many-attempts",
            "too many log-ins from here failed",
            f"try again in {minutes} minute{'s' if minutes > 1 else ''}, or ask an administrator for a link",
            minutes=str(minutes),
        )
        self.retry_after_s = retry_after_s
        self.is_first = is_first


class BusyError(TransientError):
    """Too many log-ins are waiting to be checked."""

    def __init__(self) -> None:
        super().__init__("the desk checks other log-ins; try again in a few seconds")
