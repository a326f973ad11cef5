"""One OpenID provider: its description and keys, which are cached, and its responses about
log-ins.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, Final, TypeVar
from urllib.parse import urlencode, urlsplit, urlunsplit

from joserfc.jwk import KeySet

from schemas.reasons import IdentityProblem
from services.desk.accounts.oidc.errors import IdentityRefusedError, ProviderUnavailableError
from services.desk.accounts.oidc.id_tokens import (
    LogoutNotice,
    UnknownKeyError,
    id_token_claims,
    logout_notice,
    public_keys,
)
from services.desk.accounts.oidc.login_attempt import LoginAttempt
from services.desk.accounts.oidc.metadata import Metadata, discovery_url, parse_metadata
from services.desk.accounts.oidc.person import ProvenPerson, needs_userinfo, proven_person
from services.desk.accounts.oidc.transport import ProviderTransport
from services.runtime.errors import Mistake, SettingsError
from services.runtime.logs import get_logger
from services.runtime.settings.schema.desk import Oidc

T = TypeVar("T")
log = get_logger(__name__)

CALLBACK: Final = "/sign-in/provider/callback"
KEEP_S = 3600.0
# After a failure, log-ins do not wait for the provider again for so long; otherwise they would all
# wait in turn.
FAILURE_PAUSE_S = 5.0
# Tokens with unknown keys make us fetch the keys at most this often.
REFRESH_PAUSE_S = 10.0


def _with_query(url: str, query: Mapping[str, str]) -> str:
    parts = urlsplit(url)
    joined = f"{parts.query}&{urlencode(query)}" if parts.query else urlencode(query)
    return urlunsplit(parts._replace(query=joined))


def callback_of(public_url: str) -> str:
    """The URI to register with the provider, for a desk at `public_url`."""
    return public_url + CALLBACK


class Provider:
    """The provider of the settings. `redirect_uri` is our callback, as it is registered there."""

    def __init__(
        self,
        settings: Oidc,
        redirect_uri: str,
        clock: Callable[[], datetime],
        *,
        transport: ProviderTransport | None = None,
    ) -> None:
        """Raises SettingsError if `ca_file` cannot be used."""
        self._settings = settings
        self._issuer = settings.issuer or ""
        self._client_id = settings.client_id or ""
        self._redirect_uri = redirect_uri
        self._clock = clock
        self._transport = transport or _transport(settings)
        self._metadata: Metadata | None = None
        self._metadata_at_s = 0.0
        self._keys: KeySet | None = None
        self._keys_at_s = 0.0
        self._failure: tuple[float, str] | None = None
        self._lock = asyncio.Lock()

    async def check(self) -> str:
        """Fetch everything that a log-in needs; returns what was found, in words.

        Only a real log-in shows whether the provider knows our client and its secret. Raises
        ProviderUnavailableError.
        """
        await self._described()
        keys = await self._public_keys(fresh=False)
        await asyncio.to_thread(self._secret)
        return f"{self._issuer} publishes {len(keys.keys)} usable keys; redirect URI {self._redirect_uri}"

    async def authorization_url(self, attempt: LoginAttempt) -> str:
        """The URL to which the browser is sent. Raises ProviderUnavailableError."""
        metadata = await self._described()
        query = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": self._redirect_uri,
            "scope": " ".join(self._settings.scopes),
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
        }
        return _with_query(metadata.authorization_endpoint, query)

    async def end_session_url(self, back_to: str) -> str | None:
        """The URL at which a person ends their session at the provider; None if the provider has
        none. The provider redirects them to `back_to` if it knows that URI. Raises
        ProviderUnavailableError.

        OpenID Connect RP-Initiated Logout 1.0, section 2. Without an ID token, the provider asks
        before it ends a session, so that a foreign link cannot end one.
        """
        endpoint = (await self._described()).end_session_endpoint
        query = {"client_id": self._client_id, "post_logout_redirect_uri": back_to}
        return _with_query(endpoint, query) if endpoint else None

    async def person(self, attempt: LoginAttempt, code: str, issuer: str | None) -> ProvenPerson:
        """Who signed in, for the `code` and the `iss` of a callback whose state was checked.

        Raises IdentityRefusedError, ProviderUnavailableError.
        """
        metadata = await self._described()
        if issuer is None and metadata.sends_issuer:
            raise IdentityRefusedError(
                IdentityProblem.WRONG_ISSUER, "the callback does not name its provider"
            )
        if issuer is not None and issuer != self._issuer:
            raise IdentityRefusedError(
                IdentityProblem.WRONG_ISSUER, "the callback is from another provider"
            )
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_uri,
            "code_verifier": attempt.verifier,
        }
        secret = await asyncio.to_thread(self._secret)
        redeem = partial(self._transport.redeem, in_body=metadata.posts_secret)
        answer = await asyncio.to_thread(
            redeem, metadata.token_endpoint, form, self._client_id, secret
        )
        id_token = answer.get("id_token")
        if not isinstance(id_token, str):
            raise IdentityRefusedError(IdentityProblem.NO_TOKEN, "the provider sent no ID token")
        check = partial(
            id_token_claims,
            id_token,
            issuer=self._issuer,
            client_id=self._client_id,
            nonce=attempt.nonce,
            now=self._clock(),
        )
        claims = await self._with_keys(check)
        return proven_person(await self._completed(claims, answer, metadata), self._settings)

    async def logout(self, token: str) -> LogoutNotice:
        """The content of a logout token. Raises IdentityRefusedError, ProviderUnavailableError."""
        check = partial(
            logout_notice,
            token,
            issuer=self._issuer,
            client_id=self._client_id,
            now=self._clock(),
        )
        return await self._with_keys(check)

    async def _completed(
        self, claims: dict[str, Any], answer: dict[str, Any], metadata: Metadata
    ) -> dict[str, Any]:
        """The claims, with missing ones added from the userinfo endpoint if needed.

        Its response is about the same person only if it has the same `sub` (Core 1.0, section
        5.3.2).
        """
        access_token = answer.get("access_token")
        if (
            metadata.userinfo_endpoint is None
            or not isinstance(access_token, str)
            or not needs_userinfo(claims, self._settings)
        ):
            return claims
        more = await asyncio.to_thread(
            self._transport.get, metadata.userinfo_endpoint, access_token
        )
        if more.get("sub") != claims["sub"]:
            raise IdentityRefusedError(
                IdentityProblem.WRONG_SUBJECT, "userinfo is about another person"
            )
        return more | claims

    async def _with_keys(self, check: Callable[[KeySet], T]) -> T:
        """The result of `check` with the cached keys, or with new ones if the token names an
        unknown key.
        """
        try:
            return check(await self._public_keys(fresh=False))
        except UnknownKeyError:
            return check(await self._public_keys(fresh=True))

    async def _described(self) -> Metadata:
        async with self._lock:
            return await self._description()

    async def _description(self) -> Metadata:
        """As `_described`, under the lock. If the fetch fails, an old description is used."""
        if self._metadata is None or time.monotonic() - self._metadata_at_s > KEEP_S:
            try:
                document = await self._fetched(discovery_url(self._issuer))
                self._metadata = parse_metadata(document, self._issuer)
            except ProviderUnavailableError as error:
                if self._metadata is None:
                    raise
                log.warning("provider_unavailable", error=error)
            self._metadata_at_s = time.monotonic()
        return self._metadata

    async def _public_keys(self, *, fresh: bool) -> KeySet:
        async with self._lock:
            age_s = time.monotonic() - self._keys_at_s
            if self._keys is None or age_s > (REFRESH_PAUSE_S if fresh else KEEP_S):
                metadata = await self._description()
                document = await self._fetched(metadata.jwks_uri)
                try:
                    self._keys = public_keys(document)
                except ValueError as error:
                    raise ProviderUnavailableError(f"{metadata.jwks_uri}: {error}") from None
                self._keys_at_s = time.monotonic()
            return self._keys

    async def _fetched(self, url: str) -> dict[str, Any]:
        """The document at a public URL of the provider, under the lock."""
        if self._failure is not None and time.monotonic() - self._failure[0] < FAILURE_PAUSE_S:
            raise ProviderUnavailableError(self._failure[1])
        try:
            document = await asyncio.to_thread(self._transport.get, url)
        except (ProviderUnavailableError, IdentityRefusedError) as error:
            problem = error.problem if isinstance(error, IdentityRefusedError) else str(error)
            self._failure = time.monotonic(), problem
            raise ProviderUnavailableError(problem) from None
        self._failure = None
        return document

    def _secret(self) -> str:
        """The client's secret. It is read at each log-in, so that a changed one needs no
        restart.
        """
        path = self._settings.client_secret_file
        try:
            secret = path.read_text(encoding="utf-8").strip() if path is not None else ""
        except (OSError, UnicodeDecodeError):
            secret = ""
        if not secret:
            raise ProviderUnavailableError(
                f"{path} contains no client secret; put only the secret into it, "
                "and let the desk read the file"
            )
        return secret


def _transport(settings: Oidc) -> ProviderTransport:
    try:
        return ProviderTransport(settings.ca_file)
    except OSError as error:  # also of ssl
        hint = "name a PEM file with certificates of authorities"
        problem = f"{settings.ca_file} cannot be used: {error.strerror or error}"
        raise SettingsError([Mistake("desk.oidc.ca_file", problem, hint)]) from error
