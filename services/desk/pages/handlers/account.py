"""The pages before signing in, language and theme, and one's own account."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from services.desk.accounts.errors import AccountError, LoginFailedError
from services.desk.accounts.web.cookies import Cookies
from services.desk.accounts.web.pages import (
    PROVIDER_SIGN_OUT,
    SignInForm,
    WelcomeForm,
    provider_href,
)
from services.desk.accounts.web.sign_in import cookies_of
from services.desk.api.accounts.sessions import SessionList
from services.desk.pages.browsers import browser_name
from services.desk.pages.errors import error_page_alone
from services.desk.pages.i18n import CATALOGS
from services.desk.pages.views.people import AccountView, LinkView, SessionRow, SignInView
from services.desk.pages.visit import Site, Visit, local_path

_YEAR_S = 365 * 24 * 3600


@dataclass(frozen=True)
class TemplateSignInPages:
    """The port `SignInPages` of accounts, by our templates."""

    site: Site

    def sign_in(self, request: Request, form: SignInForm, status: int) -> Response:
        """The form to sign in."""
        visit = Visit(self.site, request, None)
        view = SignInView(
            next=form.next,
            address=form.address,
            error=form.problem,
            detail=visit.t.failures.identities.get(form.reason, ""),
            has_local=not form.by_provider,
            provider_href=provider_href(form.next) if form.by_provider else None,
            provider_out_href=PROVIDER_SIGN_OUT if form.by_provider and form.signed_out else None,
        )
        page = visit.page(visit.t.sign_in.title)
        return visit.html_alone("people/sign_in.html", page, status=status, view=view)

    def welcome(self, request: Request, form: WelcomeForm, status: int) -> Response:
        """The form of a one-time link."""
        visit = Visit(self.site, request, None)
        view = LinkView(
            token=form.token,
            name=form.name,
            address=form.address,
            is_valid=form.is_valid,
            is_first=form.is_first,
            error=_refusal(visit, form.problem) if form.problem else None,
        )
        page = visit.page(visit.t.sign_in.link_title)
        return visit.html_alone("people/link.html", page, status=status, view=view)

    def error(self, request: Request, error: Exception) -> Response:
        """The page for an error."""
        return error_page_alone(Visit(self.site, request, None), error)


async def home(visit: Visit) -> Response:
    """Redirects to the list “To do”."""
    return visit.redirect("/todo")


async def preferences(visit: Visit) -> Response:
    """Stores language and theme in cookies of this browser."""
    response = visit.redirect(local_path(visit.text("next")) or "/todo")
    if (language := visit.text("language")) in CATALOGS:
        response.set_cookie("language", language, max_age=_YEAR_S, samesite="lax")
    if (theme := visit.text("theme")) in {"auto", "light", "dark"}:
        response.set_cookie("theme", theme, max_age=_YEAR_S, samesite="lax")
    return response


async def show_account(visit: Visit) -> Response:
    """Shows the reader's own sessions."""
    return await _account_page(visit)


async def end_session(visit: Visit) -> Response:
    """Ends another session of the reader."""
    await visit.api("end_session")
    return visit.redirect("/account")


async def change_password(visit: Visit) -> Response:
    """Replaces the password, ends all sessions and begins a new one."""
    accounts = visit.desk.accounts
    user = await accounts.users.existing(visit.principal.id)
    try:
        session = await accounts.change_password(
            user, visit.text("current"), visit.text("password"), visit.client
        )
    except LoginFailedError:
        return await _account_page(visit, visit.t.people.wrong_password, "current")
    except AccountError as error:
        field = "current" if error.reason == "too-many-attempts" else "password"
        return await _account_page(visit, _refusal(visit, error), field)
    response = visit.redirect("/account")
    for cookie in cookies_of(session, Cookies.of(visit.desk.public_url)):
        response.headers.append("Set-Cookie", cookie)
    return response


def _refusal(visit: Visit, error: AccountError) -> str:
    return visit.t.failures.refusal(error.reason, error.facts, str(error))


async def _account_page(visit: Visit, error: str | None = None, error_field: str = "") -> Response:
    """The page; with an error, as the response to the form for the password."""
    user = await visit.desk.accounts.users.existing(visit.principal.id)
    sessions: SessionList = (await visit.api("list_sessions")).body
    view = AccountView(
        name=user.name,
        address=user.id,
        sessions=tuple(
            SessionRow(
                id=session.id,
                browser=browser_name(session.user_agent),
                details=session.user_agent,
                started_at=session.created_at,
                seen_at=session.last_seen_at,
                is_current=session.current,
            )
            for session in sessions.items
        ),
        has_password=user.password_hash is not None,
        error=error,
        error_field=error_field,
    )
    page = visit.page(visit.t.people.my_account, "account")
    status = 200 if error is None else 422
    return await visit.html("people/account.html", page, status=status, view=view)
