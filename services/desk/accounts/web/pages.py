"""The pages before signing in: their content, and a plain version without a template engine."""

from dataclasses import dataclass
from html import escape
from typing import Literal, Protocol
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from services.desk.accounts.credentials.passwords import MAX_CHARS, MIN_CHARS
from services.desk.accounts.errors import AccountError
from services.desk.http.dispatch import error_response

SIGN_IN = "/sign-in"
SIGN_OUT = "/sign-out"
WELCOME = "/welcome"
PROVIDER = "/sign-in/provider"
PROVIDER_SIGN_OUT = f"{PROVIDER}/sign-out"

SignInProblem = Literal["failed", "limited", "busy", "provider", "unavailable"]


@dataclass(frozen=True)
class SignInForm:
    """The form to sign in. `next` is the path to go to afterwards; `address` is what was typed
    before.

    `reason` is an `IdentityProblem` if the provider's proof was refused, else empty.

    `by_provider` shows a link to the OpenID provider instead of the form; if `signed_out`, also a
    link to sign out there.
    """

    next: str = "/"
    address: str = ""
    problem: SignInProblem | None = None
    reason: str = ""
    by_provider: bool = False
    signed_out: bool = False


@dataclass(frozen=True)
class WelcomeForm:
    """The form of a one-time link. `is_valid` is false if the link cannot be used anymore.

    `is_first` also asks for name and address: the first visitor creates the first account.
    `problem` says what is wrong with the input; it is None if nothing is.
    """

    token: str
    name: str = ""
    address: str = ""
    is_valid: bool = True
    is_first: bool = False
    problem: AccountError | None = None


class SignInPages(Protocol):
    """Shows the pages before signing in."""

    def sign_in(self, request: Request, form: SignInForm, status: int) -> Response:
        """The form to sign in."""

    def welcome(self, request: Request, form: WelcomeForm, status: int) -> Response:
        """The form of a one-time link."""

    def error(self, request: Request, error: Exception) -> Response:
        """The response to a request that failed."""


_PROBLEMS: dict[SignInProblem, str] = {
    "failed": "The address or the password is wrong.",
    "limited": "Too many attempts failed. Try again in some minutes.",
    "busy": "Too many people sign in at once. Try again in a few seconds.",
    "unavailable": "A server does not answer. Try again in a few seconds.",
    "provider": "Your organization did not confirm the sign-in. Try again, or ask an administrator.",
}
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "Content-Security-Policy": (
        "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
}


class PlainPages:
    """Bare HTML, in English."""

    def sign_in(self, request: Request, form: SignInForm, status: int) -> Response:  # noqa: ARG002
        """The form to sign in."""
        problem = _PROBLEMS[form.problem] if form.problem else ""
        if form.by_provider:
            links = _link(provider_href(form.next), "Sign in with your organization")
            if form.signed_out:
                links += _link(PROVIDER_SIGN_OUT, "Sign out of your organization too")
            return _page("Sign in", problem, links, status)
        fields = (
            _hidden("next", form.next),
            _field("Address", "address", "email", form.address),
            _field("Password", "password", "password"),
        )
        return _page("Sign in", problem, _form(SIGN_IN, fields, "Sign in"), status)

    def welcome(self, request: Request, form: WelcomeForm, status: int) -> Response:  # noqa: ARG002
        """The form of a one-time link."""
        if not form.is_valid:
            text = (
                "This link was used already, or it is too old. Ask an administrator for a new one."
            )
            return _page("Welcome", text, "", status)
        who = (
            (
                _field("Name", "name", "text", form.name),
                _field("Address", "address", "email", form.address),
            )
            if form.is_first
            else (f"<p>{escape(form.name)} ({escape(form.address)})</p>",)
        )
        hint = f"New password, {MIN_CHARS} to {MAX_CHARS} characters"
        passwords = (
            _field(hint, "password", "password"),
            _field("The same again", "repeat", "password"),
        )
        fields = (_hidden("token", form.token), *who, *passwords)
        problem = str(form.problem or "")
        return _page("Welcome", problem, _form(WELCOME, fields, "Set the password"), status)

    def error(self, request: Request, error: Exception) -> Response:  # noqa: ARG002
        """A problem as the API shows it."""
        return error_response(error)


def provider_href(next_path: str) -> str:
    """The link to the provider. It is not a form, because `form-action` stops Chromium from
    following a form's redirect to another site.
    """
    return f"{PROVIDER}?{urlencode({'next': next_path})}"


def _link(href: str, text: str) -> str:
    return f'<p><a href="{escape(href)}">{text}</a></p>'


def _form(action: str, fields: tuple[str, ...], button: str) -> str:
    return (
        f'<form method="post" action="{action}">{"".join(fields)}<button>{button}</button></form>'
    )


def _hidden(name: str, value: str) -> str:
    return f'<input type="hidden" name="{name}" value="{escape(value)}">'


def _field(label: str, name: str, kind: str, value: str = "") -> str:
    return (
        f'<p><label>{label}<br><input type="{kind}" name="{name}" value="{escape(value)}" required>'
        "</label></p>"
    )


def _page(title: str, problem: str, content: str, status: int) -> Response:
    alert = f'<p role="alert">{escape(problem)}</p>' if problem else ""
    html = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title} · Mailcase</title>'
        f"<h1>{title}</h1>{alert}{content}</html>"
    )
    return HTMLResponse(html, status, headers=_HEADERS)
