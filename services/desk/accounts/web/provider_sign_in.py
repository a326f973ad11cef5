"""Signing in with the OpenID provider: the redirect to it, its callback, and its back-channel
logout.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from schemas.reasons import IdentityProblem
from services.desk.accounts.errors import AccountError, TooManyAttemptsError
from services.desk.accounts.oidc.errors import IdentityRefusedError, ProviderUnavailableError
from services.desk.accounts.oidc.login_attempt import LoginAttempt
from services.desk.accounts.oidc.provider import CALLBACK, Provider
from services.desk.accounts.oidc.sign_on import SignOn
from services.desk.accounts.web.cookies import cookie_value
from services.desk.accounts.web.forms import read_form
from services.desk.accounts.web.pages import (
    PROVIDER,
    PROVIDER_SIGN_OUT,
    SIGN_IN,
    PlainPages,
    SignInForm,
)
from services.desk.accounts.web.sign_in import SignIn, page
from services.runtime.logs import get_logger

log = get_logger(__name__)

LOGOUT: Final = f"{PROVIDER}/logout"
# How long a log-in at the provider may take.
LOGIN_LIFETIME = timedelta(minutes=15)
_MAX_CODE_CHARS = 4096
_NO_STORE = {"Cache-Control": "no-store"}


@dataclass(frozen=True)
class ProviderSignIn:
    """The handlers of these routes."""

    sign_in: SignIn
    provider: Provider
    sign_on: SignOn

    def routes(self) -> Sequence[BaseRoute]:
        """Every route of this module."""
        pages, for_programs = self.sign_in.pages, PlainPages()
        return [
            Route(PROVIDER, page(self.begin, PROVIDER, pages), methods=["GET"]),
            Route(
                PROVIDER_SIGN_OUT, page(self.sign_out, PROVIDER_SIGN_OUT, pages), methods=["GET"]
            ),
            Route(CALLBACK, page(self.callback, CALLBACK, pages), methods=["GET"]),
            Route(LOGOUT, page(self.log_out, LOGOUT, for_programs), methods=["POST"]),
        ]

    async def begin(self, request: Request) -> Response:
        """Redirect the browser to the provider. A GET is safe, because nothing is stored here."""
        attempt = LoginAttempt.begin(request.query_params.get("next") or "/")
        try:
            url = await self.provider.authorization_url(attempt)
        except ProviderUnavailableError as error:
            log.warning("provider_unavailable", error=error)
            return self._failed(IdentityProblem.UNAVAILABLE)
        response = RedirectResponse(url, 303, _NO_STORE)
        cookies = self.sign_in.cookies
        cookie = cookies.set(cookies.login, attempt.cookie, LOGIN_LIFETIME)
        response.headers.append("Set-Cookie", cookie)
        return response

    async def sign_out(self, request: Request) -> Response:  # noqa: ARG002 - a handler's signature
        """Redirect the browser to the provider's own sign-out, where the provider asks the person.

        If the provider has none, redirect to the form.
        """
        try:
            url = await self.provider.end_session_url(self.sign_in.public_url + SIGN_IN)
        except ProviderUnavailableError as error:
            log.warning("provider_unavailable", error=error)
            return self._failed(IdentityProblem.UNAVAILABLE)
        return RedirectResponse(url or SIGN_IN, 303, _NO_STORE)

    async def callback(self, request: Request) -> Response:
        """Handle the browser's return from the provider: check everything, then begin a session.

        Failures are limited for each network.
        """
        limits, address = self.sign_in.accounts.limits, self.sign_in.client_address(request)
        try:
            counted = await limits.reserve_callback(address)
        except TooManyAttemptsError as error:
            if error.is_first:
                audit = self.sign_in.accounts.audit
                await audit.record("login-refused", address=address, thing="unknown account")
            return self.sign_in.limited(request, SignInForm(by_provider=True), error)
        cookies, query = self.sign_in.cookies, request.query_params
        held = cookie_value(request.headers.getlist("cookie"), cookies.login)
        attempt = LoginAttempt.from_cookie(held)
        try:
            if attempt is None or not attempt.has_state(_only(query.getlist("state"))):
                raise IdentityRefusedError(
                    IdentityProblem.WRONG_STATE, "the log-in did not begin in this browser"
                )
            code = _only(query.getlist("code"))
            if code is None or len(code) > _MAX_CODE_CHARS:
                reason = "the provider refused the log-in" if "error" in query else "no code"
                raise IdentityRefusedError(IdentityProblem.NO_CODE, reason)
            person = await self.provider.person(attempt, code, _only(query.getlist("iss")))
            logged_in = await self.sign_on.enter(person, self.sign_in.client(request))
        except AccountError as error:
            response = self._failed(error.reason)
            await self._note_failure(request, error)
        except ProviderUnavailableError as error:
            log.warning("provider_unavailable", error=error)
            await limits.release(counted)
            response = self._failed(IdentityProblem.UNAVAILABLE)
        else:
            await limits.release(counted)
            response = await self.sign_in.enter(request, logged_in, attempt.next)
        response.headers.append("Set-Cookie", cookies.clear(cookies.login))
        return response

    async def log_out(self, request: Request) -> Response:
        """Back-channel logout: the provider itself, not a browser, says who is logged out.

        The responses are those of OpenID Connect Back-Channel Logout 1.0, section 2.8.
        """
        token = (await read_form(request)).get("logout_token", "")
        try:
            await self.sign_on.log_out(await self.provider.logout(token))
        except IdentityRefusedError as error:
            log.warning("provider_logout_refused", reason=error.reason)
            description = {"error": "invalid_request", "error_description": error.problem}
            return JSONResponse(description, 400, _NO_STORE)
        return Response(status_code=200, headers=_NO_STORE)

    async def _note_failure(self, request: Request, error: AccountError) -> None:
        log.warning("provider_login_refused", reason=error.reason)
        address = self.sign_in.client_address(request)
        accounts = self.sign_in.accounts
        await accounts.audit.record("login-failed", address=address, thing=error.reason)

    def _failed(self, reason: str) -> Response:
        """Redirect to the sign-in page. The provider's text is not shown, since anyone can forge
        it.
        """
        query = urlencode({"problem": "provider", "reason": reason})
        return RedirectResponse(f"{SIGN_IN}?{query}", 303, _NO_STORE)


def _only(values: list[str]) -> str | None:
    """The value of a parameter; None if it is missing or occurs more than once."""
    return values[0] if len(values) == 1 else None
