"""Tokens of programs. A user creates tokens with at most their own rights; administrators see all
tokens.
"""

from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from schemas.stored.desk import Token
from services.desk.access import Permission
from services.desk.accounts.credentials.tokens import check_limits
from services.desk.http.endpoint import Call, Endpoint, NoQuery, Reply
from services.desk.http.problems import ProblemError, forbidden, not_found

Line = Annotated[str, Meta(min_length=1, max_length=200)]
MAX_DAYS = 3650
MAX_OWN_TOKENS = 50


class TokenView(msgspec.Struct, frozen=True, kw_only=True):
    """A token without its secret. `owner` is None for a program of its own.

    `processes` and `roles` limit it; None means no limit. Times are None for never.
    """

    id: str
    name: str
    owner: str | None
    scopes: list[str]
    processes: list[str] | None
    roles: list[str] | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


class TokenList(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens, the newest first."""

    items: list[TokenView]


class NewToken(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A token to create. `processes` and `roles` limit it; `expires_in_days` is None for never."""

    name: Line
    scopes: Annotated[list[Permission], Meta(min_length=1, max_length=10)]
    processes: Annotated[list[Line], Meta(max_length=1000)] | None = None
    roles: Annotated[list[Line], Meta(max_length=100)] | None = None
    expires_in_days: Annotated[int, Meta(ge=1, le=MAX_DAYS)] | None = 90


class MadeToken(msgspec.Struct, frozen=True, kw_only=True):
    """The new token. `secret` is the token itself, which is shown only once."""

    secret: str
    token: TokenView


async def list_tokens(call: Call[NoQuery, None]) -> Reply:
    """The caller's tokens; administrators see all. A token without the scope admin sees itself."""
    principal, stored = call.principal, call.desk.accounts.tokens
    if call.desk.access.may(principal, Permission.ADMIN):
        tokens = await stored.all()
    elif principal.token is not None:
        own = await stored.get(principal.token)
        tokens = [own] if own is not None else []
    else:
        tokens = await stored.all(principal.account)
    return Reply(TokenList(items=[_view(token) for token in tokens]))


async def make_token(call: Call[NoQuery, NewToken]) -> Reply:
    """Create a token that acts for the caller, with at most their rights. Only a signed-in person
    can do this: a token that could create others would outlive its own revocation.
    """
    user = call.principal.acting.user
    if call.principal.session is None or user is None:
        raise forbidden("only a signed-in person can create tokens; use `mailcase token create`")
    new = call.body
    if Permission.ADMIN in new.scopes and not call.principal.admin:
        raise forbidden("only an administrator can create a token with the scope admin")
    check_limits(new.processes, new.roles, call.desk.settings.processes)
    accounts, token_id = call.desk.accounts, f"tok_{call.new_id()[:16]}"
    mine = await accounts.tokens.all(user)
    is_repeated = any(token.id == token_id for token in mine)
    if not is_repeated and sum(map(accounts.tokens.holds, mine)) >= MAX_OWN_TOKENS:
        raise ProblemError(
            409, "too-many-tokens", f"you have {MAX_OWN_TOKENS} tokens; revoke one first"
        )
    secret, token = await accounts.make_token(
        new.name,
        [scope.value for scope in new.scopes],
        owner=user,
        processes=new.processes,
        roles=new.roles,
        lifetime=None if new.expires_in_days is None else timedelta(days=new.expires_in_days),
        by=call.principal.id,
        from_address=call.address,
        token_id=token_id,
    )
    made = MadeToken(secret=secret, token=_view(token))
    return Reply(made, status=200 if is_repeated else None)


async def revoke_token(call: Call[NoQuery, None]) -> Reply:
    """Revoke a token at once: the caller's own, or for administrators any. A token may revoke
    itself, and others only with the scope admin.
    """
    accounts, principal = call.desk.accounts, call.principal
    token = await accounts.tokens.get(call.path["token"])
    own = token is not None and (
        token.id == principal.token
        or (principal.session is not None and token.owner == principal.acting.user)
    )
    if token is None or not (own or call.desk.access.may(principal, Permission.ADMIN)):
        raise not_found("token")
    await accounts.revoke_token(token.id, by=principal.id, from_address=call.address)
    return Reply()


def _view(token: Token) -> TokenView:
    return TokenView(
        id=token.id,
        name=token.name,
        owner=token.owner,
        scopes=token.scopes,
        processes=token.processes,
        roles=token.roles,
        created_at=token.created_at,
        expires_at=token.expires_at,
        last_used_at=token.last_used_at,
        revoked_at=token.revoked_at,
    )


ROUTES: tuple[Endpoint[Any, Any], ...] = (
    Endpoint(
        method="GET",
        path="/tokens",
        name="list_tokens",
        summary="List tokens",
        handler=list_tokens,
        permission=None,
        response=TokenList,
        tag="people",
    ),
    Endpoint(
        method="POST",
        path="/tokens",
        name="make_token",
        summary="Create a token",
        handler=make_token,
        permission=None,
        body=NewToken,
        response=MadeToken,
        status=201,
        refusals=(409, 422),
        tag="people",
        secret=True,
    ),
    Endpoint(
        method="DELETE",
        path="/tokens/{token}",
        name="revoke_token",
        summary="Revoke a token",
        handler=revoke_token,
        permission=None,
        status=204,
        refusals=(404,),
        tag="people",
    ),
)
