"""Begins sessions of people whom the provider authenticated, and ends them when the provider logs
people out.
"""

from typing import Any

from schemas.reasons import IdentityProblem
from schemas.stored import to_document
from schemas.stored.desk import SeenLogoutToken, User
from services.desk.accounts.accounts import Accounts, Client, LoggedIn
from services.desk.accounts.credentials.random_values import hashed
from services.desk.accounts.errors import AccountError
from services.desk.accounts.oidc.errors import IdentityRefusedError
from services.desk.accounts.oidc.id_tokens import CLOCK_SKEW, MAX_AGE, LogoutNotice
from services.desk.accounts.oidc.person import ProvenPerson
from services.runtime.logs import get_logger
from services.runtime.store.errors import TakenError
from services.runtime.store.mongo import Store

log = get_logger(__name__)


class SignOn:
    """Sign-on of people from the provider."""

    def __init__(self, accounts: Accounts, store: Store, issuer: str) -> None:
        self._accounts = accounts
        self._seen = store.collection(SeenLogoutToken.COLLECTION)
        self._issuer = issuer

    async def enter(self, person: ProvenPerson, client: Client) -> LoggedIn:
        """Begin a session of an authenticated person. Their account is created at the first log-in.

        Raises IdentityRefusedError if they are disabled, or if their address belongs to someone
        else.
        """
        user = await self._user(person)
        if user.disabled_at is not None:
            raise IdentityRefusedError(IdentityProblem.DISABLED, "the account is disabled")
        # The account keeps its address: histories name it, and access tables give it roles.
        changes = {"name": person.name, "groups": list(person.groups)}
        # If the identity is detached meanwhile, no session of it must remain.
        same = {"disabled_at": None, "issuer": person.issuer, "subject": person.subject}
        current = await self._accounts.users.change(user.id, changes, same)
        if current is None:
            detail = "the account was disabled, or its identity detached; sign in again"
            raise IdentityRefusedError(IdentityProblem.DISABLED, detail)
        return await self._accounts.begin_by_provider(current, client, person.session)

    async def log_out(self, notice: LogoutNotice) -> int:
        """End the sessions that the provider ended, at once in every replica; returns how many.

        Raises IdentityRefusedError for a notice that was used before: whoever saw it could
        otherwise end later sessions.
        """
        seen = SeenLogoutToken(
            id=hashed(f"{self._issuer} {notice.id}"),
            expires_at=self._accounts.now() + MAX_AGE + 2 * CLOCK_SKEW,
        )
        try:
            await self._seen.insert([to_document(seen)])
        except TakenError:
            raise IdentityRefusedError(
                IdentityProblem.REPLAYED, "the logout token was used before"
            ) from None
        query: dict[str, Any] = {"issuer": self._issuer}
        if notice.subject is not None:
            query["subject"] = notice.subject
        if notice.session is not None:
            query["provider_session"] = notice.session
        ended = await self._accounts.sessions.revoke(query)
        log.info("provider_logged_out", sessions=len(ended))
        return len(ended)

    async def _user(self, person: ProvenPerson) -> User:
        known = await self._accounts.users.by_identity(person.issuer, person.subject)
        if known is not None:
            return known
        identity = {"issuer": person.issuer, "subject": person.subject}
        existing = await self._accounts.users.get(person.address)
        if existing is None:
            return await self._added(person)
        # An account that was created in advance, or when people had passwords here.
        claimed = await self._accounts.users.change(existing.id, identity, {"subject": None})
        if claimed is None:
            raise _taken()
        return claimed

    async def _added(self, person: ProvenPerson) -> User:
        try:
            return await self._accounts.users.add(
                person.address,
                person.name,
                person.groups,
                issuer=person.issuer,
                subject=person.subject,
            )
        except AccountError:  # another log-in of theirs was first
            user = await self._accounts.users.by_identity(person.issuer, person.subject)
            if user is None:
                raise _taken() from None
            return user


def _taken() -> IdentityRefusedError:
    return IdentityRefusedError(
        IdentityProblem.ADDRESS_TAKEN, "the address belongs to another person of the provider"
    )
