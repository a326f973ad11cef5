"""Tokens of programs, in the database."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from schemas.stored import from_document, to_document
from schemas.stored.desk import Token, User
from services.desk.access import Permission
from services.desk.accounts.credentials.random_values import hashed
from services.desk.accounts.credentials.token_format import is_token, new_token
from services.desk.accounts.errors import AccountError
from services.desk.accounts.joined_users import joined_user, with_user
from services.desk.accounts.subjects import Announce, of_token
from services.desk.accounts.users import checked_line
from services.runtime.settings import Process
from services.runtime.store.mongo import Store

_TOUCH_EVERY = timedelta(minutes=1)
_BUILT_IN_ROLES = frozenset({"reader", "worker", "manager"})


class Tokens:
    """Creates, finds and revokes tokens."""

    def __init__(self, store: Store, clock: Callable[[], datetime], announce: Announce) -> None:
        self._tokens = store.collection(Token.COLLECTION)
        self._clock = clock
        self._announce = announce

    async def create(
        self,
        name: str,
        scopes: Sequence[str],
        *,
        owner: str | None = None,
        processes: Sequence[str] | None = None,
        roles: Sequence[str] | None = None,
        lifetime: timedelta | None = None,
        token_id: str | None = None,
    ) -> tuple[str, Token]:
        """The token itself, which is not stored, and its document; None for a random id. Raises
        AccountError.

        If the owner has a token with that id that was never used, the new text replaces its text.
        """
        text, now = new_token(), self._clock()
        token = Token(
            id=token_id or f"tok_{secrets.token_hex(8)}",
            name=checked_line(name, "name"),
            owner=owner,
            hash=hashed(text),
            scopes=checked_scopes(scopes),
            processes=None if processes is None else sorted(set(processes)),
            roles=None if roles is None else sorted(set(roles)),
            created_at=now,
            expires_at=None if lifetime is None else now + lifetime,
        )
        if await self._tokens.insert_missing([to_document(token)]):
            return text, token
        unused = {"_id": token.id, "owner": owner, "last_used_at": None, "revoked_at": None}
        renewed = await self._tokens.update_returning(unused, {"$set": {"hash": token.hash}})
        if renewed is None:
            raise AccountError(
                "token-exists", "the token exists, and was used or revoked", "create another one"
            )
        return text, from_document(renewed, Token)

    async def find(self, text: str) -> tuple[Token, User | None] | None:
        """The token and its owner, None if it has none, or none anymore. None if there is no such
        token, or if it is revoked or expired.
        """
        if not is_token(text):
            return None
        found = await self._tokens.aggregate(with_user({"hash": hashed(text)}, "owner"))
        if not found:
            return None
        document = found[0]
        token = from_document(document, Token)
        now = self._clock()
        if not self.holds(token):
            return None
        if token.last_used_at is None or now - token.last_used_at >= _TOUCH_EVERY:
            await self._tokens.update({"_id": token.id}, {"$max": {"last_used_at": now}})
        return token, joined_user(document)

    def holds(self, token: Token) -> bool:
        """Whether a token is valid: neither revoked nor expired."""
        expired = token.expires_at is not None and self._clock() >= token.expires_at
        return token.revoked_at is None and not expired

    async def get(self, token_id: str) -> Token | None:
        """The token with this id, even if it is revoked; None if there is none."""
        document = await self._tokens.find_one({"_id": token_id})
        return from_document(document, Token) if document else None

    async def all(self, owner: str | None = None) -> list[Token]:
        """Every token, or those of one user, the newest first."""
        query = {} if owner is None else {"owner": owner}
        found = await self._tokens.find(query, sort="-created_at")
        return [from_document(document, Token) for document in found]

    async def revoke(self, token_id: str) -> Token | None:
        """End a token at once. None if there is none, or if it is revoked already."""
        document = await self._tokens.update_returning(
            {"_id": token_id, "revoked_at": None}, {"$set": {"revoked_at": self._clock()}}
        )
        if document is None:
            return None
        await self._announce([of_token(token_id)])
        return from_document(document, Token)


def checked_scopes(scopes: Sequence[str]) -> list[str]:
    """The scopes without duplicates. Raises AccountError if there are none, or if one is
    unknown.
    """
    known = [permission.value for permission in Permission]
    wrong = sorted(set(scopes) - set(known))
    if wrong or not scopes:
        problem = (
            f"there is no scope {wrong[0][:40]!r}" if wrong else "a token needs at least one scope"
        )
        raise AccountError("invalid-scope", problem, f"the scopes are {', '.join(known)}")
    return [scope for scope in known if scope in scopes]


def check_limits(
    processes: Sequence[str] | None, roles: Sequence[str] | None, known: Mapping[str, Process]
) -> None:
    """Raises AccountError for a process or a role that the settings do not have."""
    for process in processes or ():
        if process not in known:
            hint = f"the processes are {', '.join(known)}"
            raise AccountError("invalid-process", f"there is no process {process[:60]!r}", hint)
    own = {rule.role for process in known.values() for rule in process.access}
    for role in roles or ():
        if role not in own | _BUILT_IN_ROLES:
            hint = f"the roles are {', '.join(sorted(own | _BUILT_IN_ROLES))}"
            raise AccountError("invalid-role", f"there is no role {role[:60]!r}", hint)
