"""A log-in that was started and is not finished at the provider. Pure.

State, nonce and PKCE's verifier are all derived from one random value, which is only in a cookie of
the browser that began the log-in. A callback is therefore valid only in that browser, and log-ins
that are begun store nothing in the database.
"""

import base64
import hashlib
from dataclasses import dataclass
from secrets import compare_digest

from services.desk.accounts.credentials.random_values import random_value
from services.desk.accounts.web.next_path import safe_next

_SEPARATOR = "~"  # does not occur in base64
_MAX_NEXT_CHARS = 100


@dataclass(frozen=True)
class LoginAttempt:
    """A log-in; `next` is the path to go to afterwards."""

    secret: str
    next: str = "/"

    @classmethod
    def begin(cls, next_path: str) -> "LoginAttempt":
        """A new log-in. A path that is too long for the cookie becomes `/`."""
        path = safe_next(next_path)
        return cls(random_value(), path if len(path) <= _MAX_NEXT_CHARS else "/")

    @classmethod
    def from_cookie(cls, value: str | None) -> "LoginAttempt | None":
        """The log-in of a cookie; None if the cookie is not valid."""
        secret, separator, encoded = (value or "").partition(_SEPARATOR)
        if not separator or not secret:
            return None
        try:
            path = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
        except ValueError:
            return None
        return cls(secret, safe_next(path))

    @property
    def cookie(self) -> str:
        """The cookie's value."""
        encoded = base64.urlsafe_b64encode(self.next.encode()).decode().rstrip("=")
        return f"{self.secret}{_SEPARATOR}{encoded}"

    @property
    def state(self) -> str:
        """The value that the callback must return."""
        return self._derived("state")

    @property
    def nonce(self) -> str:
        """The value that the ID token must contain."""
        return self._derived("nonce")

    @property
    def verifier(self) -> str:
        """PKCE's verifier (RFC 7636 section 4.1), which stays here until the code is redeemed."""
        return self._derived("verifier")

    @property
    def challenge(self) -> str:
        """PKCE's challenge by S256."""
        return _encoded(hashlib.sha256(self.verifier.encode()).digest())

    def has_state(self, state: str | None) -> bool:
        """Whether a callback belongs to this log-in."""
        given = (state or "").encode("utf-8", "replace")
        return compare_digest(given, self.state.encode())

    def _derived(self, purpose: str) -> str:
        return _encoded(hashlib.sha256(f"{purpose} {self.secret}".encode()).digest())


def _encoded(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
