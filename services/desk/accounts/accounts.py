"""The actions on accounts: log in and out, invite, disable, set passwords. Each one is audited."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.stored.desk import AuditEvent, DeskSession, LinkPurpose, OneTimeLink, Token, User
from services.desk.accounts.credentials.links import OneTimeLinks
from services.desk.accounts.credentials.passwords import Passwords, checked_password
from services.desk.accounts.credentials.tokens import Tokens
from services.desk.accounts.errors import (
    AccountError,
    BusyError,
    LoginFailedError,
    TooManyAttemptsError,
)
from services.desk.accounts.login_limits import LoginLimits
from services.desk.accounts.sessions import Sessions
from services.desk.accounts.subjects import Announce, announce_nothing
from services.desk.accounts.users import Users, checked_line, no_such_user, normal_address
from services.desk.audit_log import AuditLog
from services.runtime.settings.schema.desk import Desk as DeskSettings
from services.runtime.store.mongo import Store

_MAX_TYPED = 254  # characters of an address (RFC 5321 section 4.5.3.1.3)


@dataclass(frozen=True)
class Client:
    """Where a request comes from: its network address, its browser, the value of its device
    cookie.
    """

    address: str = ""
    user_agent: str = ""
    device: str | None = None


@dataclass(frozen=True)
class LoggedIn:
    """A new session, with the values of its cookie and of the device cookie. These values are not
    stored.
    """

    user: User
    session: DeskSession
    cookie: str
    device: str


def utc_now() -> datetime:
    """The time in milliseconds, as precise as the database stores it."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


class Accounts:
    """The accounts of the desk. For the audit log, `by` is who acts, and `address` is their network
    address.
    """

    def __init__(
        self,
        store: Store,
        settings: DeskSettings,
        *,
        passwords: Passwords | None = None,
        clock: Callable[[], datetime] = utc_now,
        announce: Announce = announce_nothing,
    ) -> None:
        """`announce` makes every desk check the open streams of the subjects whose access
        changed.
        """
        self.settings = settings
        self.users = Users(store, clock, announce)
        self.sessions = Sessions(store, settings, clock, announce)
        self.tokens = Tokens(store, clock, announce)
        self.links = OneTimeLinks(store, settings.base_url, clock)
        self.limits = LoginLimits(store, clock)
        self.audit = AuditLog(store, settings.audit_days, clock)
        self.passwords = passwords or Passwords()
        self._clock = clock

    async def log_in(self, address: str, password: str, client: Client) -> LoggedIn:
        """Log in with a password.

        Raises LoginFailedError, TooManyAttemptsError, AccountError if people log in with OpenID,
        BusyError, TransientError.
        """
        self._require_local()
        account = address.strip().lower()[:_MAX_TYPED]
        counted = await self._reserved(account, client)
        user = await self.users.get(account)
        stored = user.password_hash if user is not None and user.disabled_at is None else None
        matches = await self._matches(password, stored, counted)
        if user is None or stored is None or not matches:
            await self._note_failure(user, client)
            raise LoginFailedError
        if self.passwords.is_outdated(stored):
            renewed = await self.passwords.hash(password)
            changes = {"password_hash": renewed}
            user = await self.users.change(user.id, changes, {"password_hash": stored})
            if user is None:
                raise LoginFailedError
        return await self._begin(user, client)

    async def open_link(self, code: str) -> OneTimeLink:
        """The purpose of a one-time link; changes nothing. Raises AccountError."""
        self._require_local()
        link = await self.links.find(code)
        if link.purpose == "first" and await self.users.any():
            raise AccountError(
                "link-unusable", "there are users already", "log in, or ask an administrator"
            )
        return link

    async def use_link(
        self, code: str, password: str, client: Client, *, address: str = "", name: str = ""
    ) -> LoggedIn:
        """Set a password by a one-time link, end all other sessions, and log in.

        `address` and `name` are those of the first account, for the link of an installation without
        users. Raises AccountError, BusyError, TransientError.
        """
        link = await self.open_link(code)
        known = await self.users.existing(link.user) if link.user is not None else None
        if known is not None and known.disabled_at is not None:
            raise no_such_user()
        if known is None:  # before the link is used up
            address, name = normal_address(address), checked_line(name, "name")
        normal = checked_password(password, known.id if known is not None else address)
        password_hash = await self.passwords.hash(normal)
        await self.links.use(code)
        if known is None:
            known = await self.users.add(address, name, admin=True)
            await self._note("user-added", known.id, client.address, known.id)
        user = await self._set_password(known.id, password_hash)
        await self._note("link-used", user.id, client.address, link.purpose)
        return await self._begin(user, client)

    async def change_password(
        self, user: User, current: str, password: str, client: Client
    ) -> LoggedIn:
        """Replace the password, end all sessions, and log in again. Raises as `log_in`."""
        self._require_local()
        counted = await self._reserved(user.id, client)
        if not await self._matches(current, user.password_hash, counted):
            await self._note_failure(user, client)
            raise LoginFailedError
        normal = checked_password(password, user.id)
        changed = await self._set_password(user.id, await self.passwords.hash(normal))
        await self._note("password-changed", user.id, client.address, user.id)
        return await self._begin(changed, client)

    async def log_out(self, session: DeskSession, address: str) -> None:
        """End one session."""
        await self.sessions.revoke({"_id": session.id})
        await self._note("logged-out", session.user, address)

    async def add_user(
        self,
        address: str,
        name: str,
        groups: Sequence[str],
        *,
        admin: bool,
        by: str,
        from_address: str = "",
    ) -> tuple[User, str | None]:
        """A new user and their one-time link, which is None if people log in with OpenID. Raises
        AccountError.
        """
        user = await self.users.add(address, name, groups, admin=admin)
        await self._note("user-added", by, from_address, user.id)
        if self.settings.login == "oidc":
            return user, None
        return user, await self.make_link(user.id, by=by, from_address=from_address)

    async def make_link(self, address: str, *, by: str, from_address: str = "") -> str:
        """A one-time link for a user to set a password. Raises AccountError."""
        self._require_local()
        user = await self.users.existing(address)
        if user.disabled_at is not None:
            raise AccountError(
                "user-disabled", f"{user.id} is disabled", f"`mailcase user enable {user.id}` first"
            )
        purpose: LinkPurpose = "invite" if user.password_hash is None else "reset"
        url = await self.links.create(user.id, purpose)
        await self._note("link-made", by, from_address, user.id)
        return url

    async def first_link(self) -> str | None:
        """The link for the first visitor of an installation; None once there is a user, or if
        people log in with OpenID.
        """
        if self.settings.login == "oidc" or await self.users.any():
            return None
        return await self.links.create(None, "first")

    async def change_user(
        self, address: str, changes: dict[str, Any], *, by: str, from_address: str = ""
    ) -> User:
        """Change a user's name, groups or administrator status. Raises AccountError."""
        user = await self.users.change(address, changes)
        if user is None:
            raise no_such_user()
        await self._note("user-changed", by, from_address, user.id)
        return user

    async def disable(self, address: str, *, by: str, from_address: str = "") -> User:
        """Prevent a user from logging in; their sessions and tokens end at once. Raises
        AccountError."""
        user = await self.users.change(address, {"disabled_at": self._clock()})
        if user is None:
            raise no_such_user()
        await self.sessions.revoke({"user": user.id})
        await self.links.withdraw(user.id)
        await self.limits.forget_devices(user.id)
        await self._note("user-disabled", by, from_address, user.id)
        return user

    async def enable(self, address: str, *, by: str, from_address: str = "") -> User:
        """Let a user log in again; earlier sessions are not restored. Raises AccountError."""
        existing = await self.users.existing(address)
        await self.sessions.revoke({"user": existing.id})
        user = await self.users.change(existing.id, {"disabled_at": None})
        await self._note("user-enabled", by, from_address, existing.id)
        return user or existing

    async def detach_identity(self, address: str, *, by: str, from_address: str = "") -> User:
        """Detach an account from its identity at the OpenID provider. The next identity that proves
        the address gets the account. Sessions of the former identity end at once. Raises
        AccountError.
        """
        existing = await self.users.existing(address)
        if existing.subject is None:
            raise AccountError(
                "no-identity",
                f"{existing.id} has no identity",
                "`mailcase user list` shows who has",
            )
        user = await self.users.change(existing.id, {"issuer": None, "subject": None})
        await self.sessions.revoke({"user": existing.id, "method": "oidc"})
        await self._note("identity-detached", by, from_address, existing.id)
        return user or existing

    async def revoke_session(
        self, session_id: str, owner: str | None, *, by: str, from_address: str = ""
    ) -> bool:
        """End the session with this id, which must belong to `owner` if that is given; False if
        there is none.
        """
        query = {"_id": session_id} | ({"user": owner} if owner is not None else {})
        ended = await self.sessions.revoke(query)
        if ended:
            await self._note("session-revoked", by, from_address, session_id[:12])
        return bool(ended)

    async def make_token(
        self,
        name: str,
        scopes: Sequence[str],
        *,
        owner: str | None,
        processes: Sequence[str] | None,
        roles: Sequence[str] | None,
        lifetime: timedelta | None,
        by: str,
        from_address: str = "",
        token_id: str | None = None,
    ) -> tuple[str, Token]:
        """A token, and its stored record. Raises as `Tokens.create`."""
        text, token = await self.tokens.create(
            name,
            scopes,
            owner=owner,
            processes=processes,
            roles=roles,
            lifetime=lifetime,
            token_id=token_id,
        )
        await self._note("token-made", by, from_address, token.id)
        return text, token

    async def revoke_token(self, token_id: str, *, by: str, from_address: str = "") -> Token | None:
        """End a token at once; None if there is no valid token with this id."""
        token = await self.tokens.revoke(token_id)
        if token is not None:
            await self._note("token-revoked", by, from_address, token.id)
        return token

    async def begin_by_provider(
        self, user: User, client: Client, provider_session: str | None
    ) -> LoggedIn:
        """Begin a session of someone whom the OpenID provider authenticated. Raises
        LoginFailedError.
        """
        return await self._begin(user, client, provider_session=provider_session)

    def now(self) -> datetime:
        """The current time."""
        return self._clock()

    def _require_local(self) -> None:
        if self.settings.login != "local":
            raise AccountError(
                "login-by-provider",
                "people log in with the OpenID provider here",
                'manage passwords there, or set desk.login = "local"',
            )

    async def _reserved(self, account: str, client: Client) -> list[str]:
        try:
            return await self.limits.reserve(account, client.address, client.device)
        except TooManyAttemptsError as error:
            if error.is_first:
                user = await self.users.get(account)
                await self._note_failure(user, client, "login-refused")
            raise

    async def _matches(self, password: str, stored: str | None, counted: list[str]) -> bool:
        """Check a password, and uncount the attempt unless it is wrong. Raises BusyError."""
        try:
            matches = await self.passwords.matches(password, stored)
        except BusyError:
            await self.limits.release(counted)
            raise
        if matches:
            await self.limits.release(counted)
        return matches

    async def _note_failure(
        self, user: User | None, client: Client, what: AuditEvent = "login-failed"
    ) -> None:
        """Audit a failed log-in. What was typed as the address of an unknown account is left out:
        it may be a password.
        """
        thing = user.id if user is not None else "unknown account"
        await self.audit.record(what, address=client.address, thing=thing)

    async def _note(self, what: AuditEvent, by: str, address: str, thing: str = "") -> None:
        await self.audit.record(what, actor=by, address=address, thing=thing)

    async def _set_password(self, user_id: str, password_hash: str) -> User:
        user = await self.users.change(
            user_id, {"password_hash": password_hash}, {"disabled_at": None}
        )
        if user is None:
            raise no_such_user()
        await self.sessions.revoke({"user": user_id})
        await self.limits.forget_devices(user_id)
        return user

    async def _begin(
        self, user: User, client: Client, *, provider_session: str | None = None
    ) -> LoggedIn:
        device = await self.limits.remember_device(user.id, client.device)
        cookie, session = await self.sessions.begin(
            user,
            client.address,
            client.user_agent,
            method=self.settings.login,
            provider_session=provider_session,
        )
        # The password was changed, or the user disabled, since the proof was checked.
        now = await self.users.get(user.id)
        if now is None or now.disabled_at or now.password_hash != user.password_hash:
            await self.sessions.revoke({"_id": session.id})
            raise LoginFailedError
        await self._note("logged-in", user.id, client.address)
        return LoggedIn(now, session, cookie, device)
