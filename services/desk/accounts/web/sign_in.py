"""Signing in and out with forms: with a password, by a one-time link."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import wraps

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from services.desk.accounts.accounts import Accounts, Client, LoggedIn
from services.desk.accounts.errors import (
    AccountError,
    BusyError,
    LoginFailedError,
    TooManyAttemptsError,
)
from services.desk.accounts.login_limits import DEVICE_LIFETIME
from services.desk.accounts.web.cookies import Cookies, cookie_value
from services.desk.accounts.web.forms import read_form
from services.desk.accounts.web.next_path import safe_next
from services.desk.accounts.web.pages import (
    SIGN_IN,
    SIGN_OUT,
    WELCOME,
    SignInForm,
    SignInPages,
    WelcomeForm,
)
from services.desk.http.csrf import is_same_origin
from services.desk.http.dispatch import ROUTE
from services.desk.http.problems import ProblemError
from services.runtime.errors import TransientError

Handler = Callable[[Request], Awaitable[Response]]
_TYPED_CHARS = 254


@dataclass(frozen=True)
class SignIn:
    """The form handlers. `client_address` returns the network address of a request."""

    accounts: Accounts
    cookies: Cookies
    pages: SignInPages
    public_url: str
    client_address: Callable[[Request], str]

    def routes(self) -> list[BaseRoute]:
        """Every route of this module."""
        return [
            Route(SIGN_IN, page(self.show_sign_in, SIGN_IN, self.pages), methods=["GET"]),
            Route(SIGN_IN, page(self.sign_in, SIGN_IN, self.pages), methods=["POST"]),
            Route(WELCOME, page(self.show_welcome, WELCOME, self.pages), methods=["GET"]),
            Route(WELCOME, page(self.welcome, WELCOME, self.pages), methods=["POST"]),
            Route(SIGN_OUT, page(self.sign_out, SIGN_OUT, self.pages), methods=["POST"]),
        ]

    async def show_sign_in(self, request: Request) -> Response:
        """Show the form; changes nothing."""
        is_refused = request.query_params.get("problem") == "provider"
        form = SignInForm(
            next=safe_next(request.query_params.get("next")),
            problem="provider" if is_refused else None,
            reason=request.query_params.get("reason", "") if is_refused else "",
            by_provider=self._by_provider,
            signed_out="out" in request.query_params,
        )
        return self.pages.sign_in(request, form, 200)

    async def sign_in(self, request: Request) -> Response:
        """Check the password, and begin a session under a new cookie."""
        self.require_own_page(request)
        fields = await read_form(request)
        address = fields.get("address", "")[:_TYPED_CHARS]
        form = SignInForm(next=safe_next(fields.get("next")), address=address)
        try:
            logged_in = await self.accounts.log_in(
                address, fields.get("password", ""), self.client(request)
            )
        except LoginFailedError:
            return self._refused(request, form, "failed", 401)
        except TooManyAttemptsError as error:
            return self.limited(request, form, error)
        except BusyError:
            return self._refused(request, form, "busy", 503)
        except TransientError:
            return self._refused(request, form, "unavailable", 503)
        return await self.enter(request, logged_in, form.next)

    async def show_welcome(self, request: Request) -> Response:
        """Show the form of a one-time link. Changes nothing, because mail scanners open links,
        too.
        """
        token = request.query_params.get("token", "")
        return await self._welcome_form(request, token, None, 200)

    async def welcome(self, request: Request) -> Response:
        """Set the password of a one-time link, and begin a session."""
        self.require_own_page(request)
        fields = await read_form(request)
        token, password = fields.get("token", ""), fields.get("password", "")
        name = fields.get("name", "")
        address = fields.get("address", "")[:_TYPED_CHARS]
        if password != fields.get("repeat", password):
            differ = AccountError(
                "passwords-differ", "the two passwords are different", "type the same twice"
            )
            return await self._welcome_form(request, token, differ, 422, name=name, address=address)
        try:
            logged_in = await self.accounts.use_link(
                token, password, self.client(request), address=address, name=name
            )
        except AccountError as error:
            return await self._welcome_form(request, token, error, 422, name=name, address=address)
        except TransientError:
            form = WelcomeForm(
                token=token,
                name=name,
                address=address,
                is_first="name" in fields,
                problem=AccountError("unavailable", "a server does not answer", "try again"),
            )
            return self.pages.welcome(request, form, 503)
        return await self.enter(request, logged_in, "/")

    async def sign_out(self, request: Request) -> Response:
        """End the session of the cookie, whether it is valid or not, and delete the cookie."""
        self.require_own_page(request)
        await self.end_session(request)
        target = f"{SIGN_IN}?out=1" if self._by_provider else SIGN_IN
        response = RedirectResponse(target, 303, {"Cache-Control": "no-store"})
        response.headers.append("Set-Cookie", self.cookies.clear(self.cookies.session))
        return response

    @property
    def _by_provider(self) -> bool:
        return self.accounts.settings.login == "oidc"

    def client(self, request: Request) -> Client:
        """The client of the request."""
        return Client(
            address=self.client_address(request),
            user_agent=request.headers.get("user-agent", ""),
            device=cookie_value(request.headers.getlist("cookie"), self.cookies.device),
        )

    async def enter(self, request: Request, logged_in: LoggedIn, next_path: str) -> Response:
        """End the browser's former session, set the new one, and redirect to a path of ours."""
        await self.end_session(request)
        response = RedirectResponse(safe_next(next_path), 303, {"Cache-Control": "no-store"})
        for cookie in cookies_of(logged_in, self.cookies):
            response.headers.append("Set-Cookie", cookie)
        return response

    async def end_session(self, request: Request) -> None:
        """End the session of the request's cookie, if there is one."""
        value = cookie_value(request.headers.getlist("cookie"), self.cookies.session)
        found = await self.accounts.sessions.find(value) if value is not None else None
        if found is not None:
            session, _ = found
            await self.accounts.log_out(session, self.client_address(request))

    def require_own_page(self, request: Request) -> None:
        """Raises ProblemError 403 if another site sent the form: it could sign a victim out, or in
        as the attacker.
        """
        if not is_same_origin(request.headers, self.public_url):
            raise ProblemError(
                403, "cross-site", "the form came from another site; use the desk's own pages"
            )

    def limited(self, request: Request, form: SignInForm, error: TooManyAttemptsError) -> Response:
        """The form after too many failed attempts."""
        response = self._refused(request, form, "limited", 429)
        response.headers["Retry-After"] = str(error.retry_after_s)
        return response

    def _refused(self, request: Request, form: SignInForm, problem: str, status: int) -> Response:
        refused = replace(form, problem=problem)  # type: ignore[arg-type] # one of the words
        return self.pages.sign_in(request, refused, status)

    async def _welcome_form(
        self,
        request: Request,
        token: str,
        problem: AccountError | None,
        status: int,
        *,
        name: str = "",
        address: str = "",
    ) -> Response:
        try:
            link = await self.accounts.open_link(token)
            user = await self.accounts.users.existing(link.user) if link.user is not None else None
        except AccountError:
            return self.pages.welcome(request, WelcomeForm(token="", is_valid=False), 410)
        form = WelcomeForm(
            token=token,
            name=user.name if user is not None else name,
            address=user.id if user is not None else address,
            is_first=user is None,
            problem=problem,
        )
        return self.pages.welcome(request, form, status)


def cookies_of(logged_in: LoggedIn, cookies: Cookies) -> tuple[str, str]:
    """The `Set-Cookie` headers of a new session: its own cookie, and the device cookie."""
    lifetime = logged_in.session.expires_at - logged_in.session.created_at
    return (
        cookies.set(cookies.session, logged_in.cookie, lifetime),
        cookies.set(cookies.device, logged_in.device, DEVICE_LIFETIME),
    )


def page(handler: Handler, template: str, pages: SignInPages) -> Handler:
    """Wrap a handler: its errors become responses of `pages`, and logs and metrics name its
    route.
    """

    @wraps(handler)
    async def handled(request: Request) -> Response:
        request.scope[ROUTE] = template
        try:
            return await handler(request)
        except Exception as error:  # noqa: BLE001 - every error becomes a response
            return pages.error(request, error)

    return handled
