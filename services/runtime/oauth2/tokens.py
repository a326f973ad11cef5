"""Access tokens for mail servers without passwords: OAuth 2.0 (RFC 6749) of Microsoft and Google.

Their libraries msal and google-auth (the extra `oauth2`) implement the flows; they are imported for
the first token. They block, so they run in the caller's thread.
"""

import json
import os
import threading
import time
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from http.client import HTTPException
from pathlib import Path
from typing import Any

from schemas.reasons import MailboxProblem
from services.runtime import metrics
from services.runtime.oauth2.http import NoTokenError, TokenHttp
from services.runtime.settings import OAuth2, Settings

MICROSOFT_URL = "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"
MICROSOFT_SCOPE = "https://outlook.office365.com/.default"
GOOGLE_URL = "https://oauth2.googleapis.com/token"
GOOGLE_SCOPE = "https://mail.google.com/"

# how long before its expiry a token is renewed, so that it does not expire during a log-in
EARLY_S = 300.0
SHORT_S = 300.0  # how long a token without a known expiry is kept
EXTRA_HINT = "install the extra: .venv/bin/pip install '.[oauth2]' in Mailcase's folder"


class TokenRefusedError(Exception):
    """No token was issued; `hint` says how to fix it. A retry may succeed.

    `problem` is the kind of failure, and `answer` what another server said about it, empty if none
    did.
    """

    def __init__(self, message: str, hint: str, problem: MailboxProblem, answer: str = "") -> None:
        super().__init__(message)
        self.hint = hint
        self.problem = problem
        self.answer = answer


@dataclass(frozen=True)
class AccessToken:
    """A bearer token of OAuth 2.0 (RFC 6750); call `refused` if a mail server rejects it."""

    text: str = field(repr=False)
    refused: Callable[[], None] = field(default=lambda: None, repr=False, compare=False)


class TokenSource:
    """Tokens of one `[oauth2.NAME]`, cached until shortly before they expire.

    Thread-safe; `token` blocks.
    """

    def __init__(
        self,
        name: str,
        oauth2: OAuth2,
        environ: Mapping[str, str],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`clock` gives seconds since the epoch."""
        self._name = name
        self._oauth2 = oauth2
        self._environ = environ
        self._clock = clock
        self._lock = threading.Lock()
        # by user, with the time at which it expires
        self._kept: dict[str, tuple[AccessToken, float]] = {}
        if oauth2.secret_expires is not None:
            metrics.SECRET_EXPIRY.labels(name).set_function(lambda: self.secret_expiry_s() or 0.0)

    def token(self, user: str) -> AccessToken:
        """A token for the mailbox of `user`. Raises TokenRefusedError if none is issued."""
        subject = "" if self._oauth2.provider == "microsoft" else user
        with self._lock:
            token, end_s = self._kept.get(subject, (None, 0.0))
            if token is None or end_s - EARLY_S <= self._clock():
                text, lasts_s = self._ask(subject)
                token = AccessToken(text, partial(self._forget, subject))
                self._kept[subject] = (token, self._clock() + lasts_s)
            return token

    def _forget(self, subject: str) -> None:
        """Drop a token that the mail server rejected, so that the next call requests a new one."""
        with self._lock:
            self._kept.pop(subject, None)

    def secret_expiry_s(self) -> float | None:
        """Seconds until the client's secret expires, at the end of its last day; None if not
        known.
        """
        if self._oauth2.secret_expires is None:
            return None
        day = date.fromisoformat(self._oauth2.secret_expires) + timedelta(days=1)
        return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() - self._clock()

    def _ask(self, user: str) -> tuple[str, float]:
        """A new token and its lifetime in seconds."""
        secret = self._secret()
        try:
            return (
                _microsoft(self._oauth2, secret)
                if self._oauth2.provider == "microsoft"
                else self._google(secret, user)
            )
        except ImportError as error:
            problem = f"{error.name} is not installed"
            raise self._refused(problem, EXTRA_HINT, MailboxProblem.TOKEN_LIBRARY) from error
        # not chained: the libraries' errors may show what was sent
        except NoTokenError as error:
            raise self._refused(
                str(error),
                "check the tenant, the client and the secret, and the permissions of the app",
                MailboxProblem.NO_TOKEN,
                error.answer,
            ) from None
        except (OSError, HTTPException) as error:
            problem = f"{urllib.parse.urlsplit(self._url).hostname} does not answer: {error}"
            raise self._refused(
                problem,
                "check that this service can reach it",
                MailboxProblem.TOKEN_UNREACHABLE,
                str(error),
            ) from error

    @property
    def _url(self) -> str:
        return self._oauth2.token_url or (
            GOOGLE_URL if self._oauth2.provider == "google" else _microsoft_url(self._oauth2)
        )

    def _google(self, secret: str, user: str) -> tuple[str, float]:
        try:
            return _google(secret, user, self._oauth2.scope or GOOGLE_SCOPE, self._url)
        # not chained: it may show the secret
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            problem = f"its secret is not a JSON key of Google ({type(error).__name__})"
            raise self._refused(
                problem, "save the JSON key of a service account, or the JSON of an authorized user"
            ) from None

    def _secret(self) -> str:
        oauth2 = self._oauth2
        if oauth2.secret_file is None:
            where, secret = (
                f"the variable {oauth2.secret_env}",
                self._environ.get(oauth2.secret_env or "", ""),
            )
        else:
            where, secret = str(oauth2.secret_file), self._from_file(oauth2.secret_file)
        if not secret.strip():
            raise self._refused(f"{where} contains no secret", "put it there")
        return secret.strip()

    def _from_file(self, path: Path) -> str:
        try:
            return path.read_text(encoding="utf-8")
        except OSError as error:
            problem = f"{path} cannot be read: {error.strerror}"
            raise self._refused(problem, "let the user of this service read it") from error
        except UnicodeDecodeError:  # not chained: the error carries the bytes
            raise self._refused(f"{path} is not UTF-8", "save the secret as UTF-8") from None

    def _refused(
        self,
        text: str,
        hint: str,
        problem: MailboxProblem = MailboxProblem.TOKEN_SECRET,
        answer: str = "",
    ) -> TokenRefusedError:
        message = f"no token from oauth2.{self._name}: {text}"
        return TokenRefusedError(message, hint, problem, answer)


def token_sources(settings: Settings) -> dict[str, TokenSource]:
    """One token source for each `[oauth2.NAME]`."""
    return {name: TokenSource(name, oauth2, os.environ) for name, oauth2 in settings.oauth2.items()}


def _microsoft_url(oauth2: OAuth2) -> str:
    return MICROSOFT_URL.format(tenant=urllib.parse.quote(oauth2.tenant or ""))


def _microsoft(oauth2: OAuth2, secret: str) -> tuple[str, float]:
    """The application's own token (RFC 6749 section 4.4), from msal's internal client class.

    msal's application classes first request the directory's endpoints, although they are known, and
    accept no `token_url`.
    """
    from msal.oauth2cli import Client  # noqa: PLC0415 - an extra, `oauth2`

    configuration = {"token_endpoint": oauth2.token_url or _microsoft_url(oauth2)}
    client = Client(
        configuration,
        oauth2.client_id,
        http_client=TokenHttp(),
        default_body={"client_secret": secret},
    )
    answer: dict[str, Any] = client.obtain_token_for_client(scope=oauth2.scope or MICROSOFT_SCOPE)
    return answer["access_token"], _seconds(answer.get("expires_in"))


def _google(secret: str, user: str, scope: str, url: str) -> tuple[str, float]:
    """A token for `user`; the secret is Google's JSON: a service account's key or a refresh
    token.
    """
    key: dict[str, Any] = json.loads(secret)
    from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415 - an extra, `oauth2`
    from google.oauth2 import credentials, service_account  # noqa: PLC0415 - as above

    # The library does not type these two.
    from_key: Any = service_account.Credentials.from_service_account_info
    from_token: Any = credentials.Credentials
    if key["type"] == "service_account":
        # The address in the file is ignored: a file is easier to replace than the settings.
        info = key | {"token_uri": url}
        made = from_key(info, scopes=[scope], subject=user)
    else:
        names = ("client_id", "client_secret", "refresh_token")
        known = {name: str(key[name]) for name in names}
        made = from_token(None, token_uri=url, **known)
    try:
        made.refresh(TokenHttp())
    except GoogleAuthError as error:
        reason = str(error.args[0] if error.args else error)[:300]
        raise NoTokenError(reason, reason) from None
    ends: datetime | None = made.expiry  # naive UTC
    return made.token, SHORT_S if ends is None else (
        ends.replace(tzinfo=UTC) - datetime.now(UTC)
    ).total_seconds()


def _seconds(lifetime: object) -> float:
    try:
        return float(str(lifetime))
    except ValueError:
        return SHORT_S
