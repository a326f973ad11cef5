"""Puts the HTTP side of accounts together."""

from collections.abc import Sequence

from starlette.routing import BaseRoute

from services.desk.accounts.authenticator import AccountAuthenticator
from services.desk.accounts.oidc.provider import Provider, callback_of
from services.desk.accounts.oidc.sign_on import SignOn
from services.desk.accounts.web.cookies import Cookies
from services.desk.accounts.web.http_authenticator import HttpAuthenticator
from services.desk.accounts.web.pages import PlainPages, SignInPages
from services.desk.accounts.web.provider_sign_in import ProviderSignIn
from services.desk.accounts.web.sign_in import SignIn
from services.desk.desk import Desk


def http_authenticator(desk: Desk) -> HttpAuthenticator:
    """The authenticator of requests."""
    return HttpAuthenticator(AccountAuthenticator(desk.accounts), Cookies.of(desk.public_url))


def sign_in_routes(desk: Desk, pages: SignInPages | None = None) -> Sequence[BaseRoute]:
    """The routes to sign in and out. `pages` renders their pages; None means plain ones.

    Raises SettingsError.
    """
    sign_in = SignIn(
        accounts=desk.accounts,
        cookies=Cookies.of(desk.public_url),
        pages=pages or PlainPages(),
        public_url=desk.public_url,
        client_address=desk.client_address,
    )
    if desk.settings.desk.login == "local":
        return sign_in.routes()
    oidc = desk.settings.desk.oidc
    provider = Provider(oidc, callback_of(desk.public_url), desk.accounts.now)
    sign_on = SignOn(desk.accounts, desk.store, oidc.issuer or "")
    return [*sign_in.routes(), *ProviderSignIn(sign_in, provider, sign_on).routes()]
