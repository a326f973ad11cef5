"""Finds the principal of a request by its `Authorization` header, or else by its cookie."""

from starlette.requests import HTTPConnection

from services.desk.access import Principal
from services.desk.accounts.authenticator import AccountAuthenticator
from services.desk.accounts.web.cookies import Cookies, cookie_value
from services.desk.http.problems import ProblemError


class HttpAuthenticator:
    """The port `Authenticator` of the dispatcher."""

    def __init__(self, accounts: AccountAuthenticator, cookies: Cookies) -> None:
        self._accounts = accounts
        self._cookies = cookies

    async def principal(self, connection: HTTPConnection) -> Principal | None:
        """The principal that the request proves; None without a proof.

        Raises ProblemError 401 if the proof is invalid, revoked or expired; TransientError.
        """
        header = connection.headers.get("authorization")
        if header is not None:
            scheme, _, token = header.partition(" ")
            principal = (
                await self._accounts.by_bearer(token.strip())
                if scheme.lower() == "bearer"
                else None
            )
            if principal is None:
                raise _unauthorized("the token is unknown, revoked or expired; create a new one")
            return principal
        value = cookie_value(connection.headers.getlist("cookie"), self._cookies.session)
        if value is None:
            return None
        principal = await self._accounts.by_cookie(value)
        if principal is None:
            raise _unauthorized("the session has ended; sign in again")
        return principal

    async def again(self, principal: Principal) -> Principal | None:
        """The present state of a principal; None if the proof has ended. Does not count as activity
        of a session.

        Raises TransientError.
        """
        return await self._accounts.again(principal)


def _unauthorized(detail: str) -> ProblemError:
    # RFC 6750 section 3.1
    challenge = 'Bearer realm="mailcase", error="invalid_token"'
    return ProblemError(401, "not-signed-in", detail, headers={"WWW-Authenticate": challenge})
