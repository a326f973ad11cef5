"""The errors of signing in with an OpenID provider."""

from services.desk.accounts.errors import AccountError
from services.runtime.errors import TransientError


class ProviderUnavailableError(TransientError):
    """The provider does not answer, or its answer does not follow OpenID Connect."""


class IdentityRefusedError(AccountError):
    """What the browser or the provider sent proves nothing; `reason` is a constant word for the
    log.

    The message holds no part of a token.
    """

    def __init__(self, reason: str, problem: str) -> None:
        super().__init__(
            reason, problem, "sign in again, or ask an administrator to look at the log"
        )
