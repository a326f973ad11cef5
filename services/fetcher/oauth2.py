"""Access tokens for mail servers that take no passwords: OAuth 2.0 (RFC 6749) as Microsoft and Google want it.

Each flow is one form posted to the token endpoint, so no library of theirs is needed; only signing Google's assertion
for a service account needs `cryptography` (the extra `oauth2`).
"""

import base64
import json
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import partial
from http.client import HTTPException
from pathlib import Path
from typing import Any

import msgspec

from services.fetcher import metrics
from services.fetcher.credentials import AccessToken
from services.fetcher.ports import Trouble
from services.fetcher.transport import RefusedError
from services.runtime.settings import OAuth2

MICROSOFT_URL = "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"
MICROSOFT_SCOPE = "https://outlook.office365.com/.default"
GOOGLE_URL = "https://oauth2.googleapis.com/token"
GOOGLE_SCOPE = "https://mail.google.com/"
JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"  # RFC 7523

TIMEOUT_S = 15.0
EARLY_S = 300.0  # a token is renewed so long before its end, so that none ends during a log-in
_MAX_ANSWER_BYTES = 256 * 1024


class _Answer(msgspec.Struct):
    """RFC 6749 section 5.1."""

    access_token: str
    expires_in: float = 300.0


class TokenSource:
    """Tokens of one `[oauth2.NAME]`, kept until shortly before their end. For threads; `token` blocks."""

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
        self._kept: dict[str, tuple[AccessToken, float]] = {}  # by user; the other number is when it ends
        if oauth2.secret_expires is not None:
            metrics.SECRET_EXPIRY.labels(name).set_function(lambda: self.secret_expiry_s() or 0.0)

    def token(self, user: str) -> AccessToken:
        """A token for the mailbox of `user`. Raises RefusedError where there is none to be had."""
        subject = "" if self._oauth2.provider == "microsoft" else user
        with self._lock:
            token, end_s = self._kept.get(subject, (None, 0.0))
            if token is None or end_s - EARLY_S <= self._clock():
                answer = self._ask(*self._request(subject))
                token = AccessToken(answer.access_token, partial(self._forget, subject))
                self._kept[subject] = (token, self._clock() + answer.expires_in)
            return token

    def _forget(self, subject: str) -> None:
        """The mail server refused it: ask for a new one the next time."""
        with self._lock:
            self._kept.pop(subject, None)

    def secret_expiry_s(self) -> float | None:
        """Seconds until the client's secret ends, at the end of its last day; None where no day is known."""
        if self._oauth2.secret_expires is None:
            return None
        day = date.fromisoformat(self._oauth2.secret_expires) + timedelta(days=1)
        return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() - self._clock()

    def _request(self, user: str) -> tuple[str, dict[str, str]]:
        """URL and form."""
        oauth2, secret = self._oauth2, self._secret()
        if oauth2.provider == "google":
            return self._google(secret, user)
        form = {
            "grant_type": "client_credentials",  # RFC 6749 section 4.4
            "client_id": oauth2.client_id or "",
            "client_secret": secret,
            "scope": oauth2.scope or MICROSOFT_SCOPE,
        }
        return oauth2.token_url or MICROSOFT_URL.format(tenant=urllib.parse.quote(oauth2.tenant or "")), form

    def _google(self, secret: str, user: str) -> tuple[str, dict[str, str]]:
        """The secret is the JSON that Google gives out: a service account's key, or a user's refresh token."""
        try:
            key: dict[str, Any] = json.loads(secret)
            kind, url = key["type"], self._oauth2.token_url or GOOGLE_URL
            if kind == "service_account":
                assertion = _assertion(key, user, self._oauth2.scope or GOOGLE_SCOPE, url, int(self._clock()))
                return url, {"grant_type": JWT_GRANT, "assertion": assertion}
            names = ("client_id", "client_secret", "refresh_token")
            return url, {"grant_type": "refresh_token"} | {name: str(key[name]) for name in names}
        except ImportError as error:
            mend = "install the extra: pip install 'mailcase[oauth2]'"
            raise self._refused("signing for a service account needs cryptography", mend) from error
        except (ValueError, KeyError, TypeError) as error:  # not chained: it may show what the secret holds
            problem = f"its secret is no JSON key of Google's ({type(error).__name__})"
            raise self._refused(problem, "save the JSON of a service account's key or of an authorized user") from None

    def _secret(self) -> str:
        oauth2 = self._oauth2
        if oauth2.secret_file is None:
            where, secret = f"the variable {oauth2.secret_env}", self._environ.get(oauth2.secret_env or "", "")
        else:
            where, secret = str(oauth2.secret_file), self._from_file(oauth2.secret_file)
        if not secret.strip():
            raise self._refused(f"{where} holds no secret", "put it there")
        return secret.strip()

    def _from_file(self, path: Path) -> str:
        try:
            return path.read_text(encoding="utf-8")
        except OSError as error:
            problem = f"{path} cannot be read: {error.strerror}"
            raise self._refused(problem, "let the user of this service read it") from error
        except UnicodeDecodeError:  # not chained: the error carries the bytes
            raise self._refused(f"{path} is not UTF-8", "save the secret as UTF-8") from None

    def _ask(self, url: str, form: Mapping[str, str]) -> _Answer:
        request = urllib.request.Request(url, urllib.parse.urlencode(form).encode())  # noqa: S310 - TokenUrl checks it
        try:
            with _opener.open(request, timeout=TIMEOUT_S) as response:
                return msgspec.json.decode(response.read(_MAX_ANSWER_BYTES), type=_Answer, strict=False)
        except urllib.error.HTTPError as error:
            with error:
                raise self._refused(_reason(error), "check tenant, client and secret, and the app's rights") from None
        except (OSError, HTTPException) as error:
            problem = f"{urllib.parse.urlsplit(url).hostname} does not answer: {error}"
            raise self._refused(problem, "check that this service may reach it") from error
        except msgspec.MsgspecError:  # not chained: it may show part of a token
            raise self._refused("the answer holds no token", "check token_url") from None

    def _refused(self, problem: str, mend: str) -> RefusedError:
        return RefusedError(f"no token from oauth2.{self._name}: {problem}", Trouble.PASSWORD, mend)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A secret goes where the settings say and nowhere else."""

    def redirect_request(self, *_arguments: object, **_more: object) -> None:
        return None


_opener = urllib.request.build_opener(_NoRedirects)


def _reason(error: urllib.error.HTTPError) -> str:
    """The endpoint's own words (RFC 6749 section 5.2), which hold no secret."""
    try:
        told = json.loads(error.read(_MAX_ANSWER_BYTES))
        words = " ".join(f"{told['error']} {told.get('error_description', '')}".split())
    except (ValueError, KeyError, TypeError, OSError, AttributeError):
        words = ""
    return f"HTTP {error.code} {words}".strip()[:300]


def _assertion(key: Mapping[str, Any], user: str, scope: str, audience: str, now_s: int) -> str:
    """A signed JWT by which a service account acts for `user`.

    developers.google.com/identity/protocols/oauth2/service-account#httprest; RS256 is RFC 7518 section 3.3.
    """
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415 - an extra, `oauth2`
    from cryptography.hazmat.primitives.asymmetric import padding, rsa  # noqa: PLC0415 - as above

    private = serialization.load_pem_private_key(str(key["private_key"]).encode(), password=None)
    if not isinstance(private, rsa.RSAPrivateKey):
        raise TypeError("not an RSA key")
    claims = {"iss": key["client_email"], "sub": user, "scope": scope, "aud": audience}
    claims |= {"iat": now_s, "exp": now_s + 3600}
    head = {"alg": "RS256", "typ": "JWT"} | ({"kid": key["private_key_id"]} if "private_key_id" in key else {})
    signed = b".".join(_base64(json.dumps(part).encode()) for part in (head, claims))
    return b".".join([signed, _base64(private.sign(signed, padding.PKCS1v15(), hashes.SHA256()))]).decode()


def _base64(content: bytes) -> bytes:
    return base64.urlsafe_b64encode(content).rstrip(b"=")
