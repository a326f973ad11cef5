"""Access to the desk after a restore: nothing that was revoked since the backup may become valid
again."""

from dataclasses import dataclass

from schemas.stored.desk import Token, User
from services.cli.accounts.context import opened_accounts, operator
from services.runtime.settings import Settings


@dataclass(frozen=True)
class RestoredAccess:
    """Tokens that the restore revoked, and users who can sign in as at the time of the backup."""

    revoked: list[Token]
    users: list[User]


async def revoke_access(settings: Settings, *, keep_tokens: bool) -> RestoredAccess:
    """Revoke every token unless they are kept; sessions and links are in no backup.

    The backup does not know what was revoked after it. Raises TransientError.
    """
    async with opened_accounts(settings, "restore") as accounts:
        held = [token for token in await accounts.tokens.all() if accounts.tokens.holds(token)]
        if not keep_tokens:
            for token in held:
                await accounts.revoke_token(token.id, by=operator())
        users = [user for user in await accounts.users.all() if user.disabled_at is None]
        return RestoredAccess([] if keep_tokens else held, users)
