"""The errors of signing in with an OpenID provider."""

from schemas.reasons import IdentityProblem
from services.desk.accounts.errors import AccountError
from services.runtime.errors import TransientError


class ProviderUnavailableError(TransientError):
    """The provider does not respond, or its response does not follow OpenID Connect."""


class IdentityRefusedError(AccountError):
    """The browser or the provider sent no valid proof. `reason` is an IdentityProblem.

    The message contains no part of a token.
    """

    def __init__(self, reason: IdentityProblem, problem: str) -> None:
        super().__init__(
            reason, problem, "sign in again, or ask an administrator to look at the log"
        )
