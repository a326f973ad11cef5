"""Finds the principal of a request by a cookie or a bearer token."""

from collections.abc import Collection
from typing import Literal

from schemas.changes import Actor
from schemas.stored.desk import DeskSession, Token, User
from services.casework.actors import WORKER, ActingAs
from services.desk.access import ALL_PERMISSIONS, Permission, Principal
from services.desk.accounts.accounts import Accounts
from services.desk.accounts.users import is_admin


class AccountAuthenticator:
    """Checks each proof in the database on every call, so that revoking it takes effect at once."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    async def by_cookie(self, value: str) -> Principal | None:
        """The principal of a session's cookie; None if it proves nothing. Raises TransientError."""
        found = await self._accounts.sessions.find(value)
        return None if found is None else self._of_session(*found)

    async def by_bearer(self, text: str) -> Principal | None:
        """The principal of a token; None if it proves nothing. Raises TransientError."""
        found = await self._accounts.tokens.find(text)
        return None if found is None else self._of_token(*found)

    async def again(self, principal: Principal) -> Principal | None:
        """The present state of a principal; None if the session or token has ended. Does not count
        as activity.

        Raises TransientError.
        """
        if principal.session is not None:
            session = await self._accounts.sessions.look_up(principal.session)
            if session is None:
                return None
            return self._of_session(session, await self._accounts.users.get(session.user))
        return None if principal.token is None else await self.of_owner("token", principal.token)

    async def of_owner(self, kind: Literal["person", "token"], actor: str) -> Principal | None:
        """The present state of the owner that a stored document names; None if they may do nothing.

        Raises TransientError.
        """
        if kind == "token":
            token = await self._accounts.tokens.get(actor)
            if token is None or not self._accounts.tokens.holds(token):
                return None
            user = await self._accounts.users.get(token.owner) if token.owner else None
            return self._of_token(token, user)
        user = await self._accounts.users.get(actor)
        return None if user is None else self._of_user(user)

    def _of_session(self, session: DeskSession, user: User | None) -> Principal | None:
        # A session that began before `desk.login` changed was proven in a way that is no longer
        # accepted.
        if user is None or session.method != self._accounts.settings.login:
            return None
        if session.method == "oidc":
            proven = (session.issuer, session.subject)
            if session.subject is None or proven != _identity(user):
                return None
        return self._of_user(user, session)

    def _of_user(self, user: User, session: DeskSession | None = None) -> Principal | None:
        """The principal of a person's session; None if the user is disabled."""
        if user.disabled_at is not None:
            return None
        admin = is_admin(user, self._accounts.settings)
        return Principal(
            acting=_acting(Actor(kind="person", id=user.id, name=user.name), user, admin=admin),
            scopes=ALL_PERMISSIONS if admin else ALL_PERMISSIONS - {Permission.ADMIN},
            admin=admin,
            session=session.id if session else None,
            expires_at=self._accounts.sessions.ends_at(session) if session else None,
        )

    def _of_token(self, token: Token, owner: User | None) -> Principal | None:
        if token.owner is None:
            return _program(token, acting=_ownerless(token), admin=True)
        if owner is None or owner.disabled_at is not None:
            return None
        admin = is_admin(owner, self._accounts.settings)
        actor = Actor(kind="token", id=token.id, name=token.name)
        acting = _acting(actor, owner, admin=admin, limited_to=token.roles)
        return _program(token, acting=acting, admin=admin)


def _program(token: Token, *, acting: ActingAs, admin: bool) -> Principal:
    """`admin` says whether the token may have that permission; its scopes say whether it has."""
    scopes = frozenset(Permission(scope) for scope in token.scopes)
    allowed = scopes if admin else scopes - {Permission.ADMIN}
    return Principal(
        acting=acting,
        scopes=allowed,
        processes=None if token.processes is None else frozenset(token.processes),
        admin=Permission.ADMIN in allowed,
        token=token.id,
        expires_at=token.expires_at,
    )


def _ownerless(token: Token) -> ActingAs:
    """The principal of a token without an owner, whose roles were given at the command line."""
    roles = token.roles if token.roles is not None else [WORKER]
    actor = Actor(kind="token", id=token.id, name=token.name)
    return ActingAs(actor, everything=True, limited_to=roles)


def _acting(
    actor: Actor, user: User, *, admin: bool, limited_to: Collection[str] | None = None
) -> ActingAs:
    return ActingAs(actor, user.groups, everything=admin, limited_to=limited_to, user=user.id)


def _identity(user: User) -> tuple[str | None, str | None]:
    return user.issuer, user.subject
