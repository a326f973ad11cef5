"""`mailcase token create|list|revoke`: the tokens with which programs authenticate."""

import asyncio
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

import msgspec
from cyclopts import Parameter

from schemas.stored.desk import Token
from services.cli.accounts.context import opened_accounts, operator
from services.cli.terminal.output import DEFAULT_CONFIG, Config, Json, loaded
from services.cli.terminal.tables import print_table
from services.desk.accounts.credentials.tokens import check_limits
from services.desk.accounts.errors import AccountError
from services.runtime.errors import Mistake, SettingsError
from services.runtime.settings import Settings
from services.runtime.settings.durations import duration

_DURATION = re.compile(r"[1-9][0-9]{0,3}[mhdw]", re.ASCII)
_MAX_LIFETIME = timedelta(days=3650)

Name = Annotated[str, Parameter(help="The name of the program in histories.")]
Scope = Annotated[
    list[str],
    Parameter(
        name="--scope",
        negative="",
        help="cases:read, cases:work, cases:answer, parked:manage or admin; can be repeated.",
    ),
]
ProcessNames = Annotated[
    list[str] | None,
    Parameter(
        name="--process", negative="", help="Only this process; can be repeated. Default: all."
    ),
]
Role = Annotated[
    list[str] | None,
    Parameter(
        name="--role",
        negative="",
        help="Only this role; can be repeated. Default: all of --owner's; worker without an owner.",
    ),
]
Owner = Annotated[
    str | None,
    Parameter(
        name="--owner",
        help="The owner; the token has at most their roles. Default: no owner.",
    ),
]
Expires = Annotated[
    str, Parameter(name="--expires", help="How long it is valid: 12h, 90d, 52w or `never`.")
]


@dataclass(frozen=True)
class _Wanted:
    """The token that the command line describes."""

    name: str
    scopes: list[str]
    processes: list[str] | None
    roles: list[str] | None
    owner: str | None
    lifetime: timedelta | None


def create(
    name: Name,
    /,
    *,
    scope: Scope,
    process: ProcessNames = None,
    role: Role = None,
    owner: Owner = None,
    expires: Expires = "90d",
    config: Config = DEFAULT_CONFIG,
    json: Json = False,
) -> None:
    """Create a token and print it. It is printed only once and stored nowhere."""
    wanted = _Wanted(name, scope, process, role, owner, _lifetime(expires))
    text, token = asyncio.run(_created(loaded(config), wanted))
    print(msgspec.json.encode(_shown(token) | {"secret": text}).decode() if json else text)


def list_tokens(*, config: Config = DEFAULT_CONFIG, json: Json = False) -> None:
    """List all tokens, without their secrets."""
    tokens = asyncio.run(_all(loaded(config)))
    if json:
        for token in tokens:
            print(msgspec.json.encode(_shown(token)).decode())
        return
    if not tokens:
        print("no tokens")
        return
    headings = ("id", "name", "owner", "scopes", "limited to", "expires", "last used", "revoked")
    cells = [_cells(token) for token in tokens]
    print_table(headings, cells, whole=("id",), spare=("limited to", "last used", "owner"))


def revoke(
    token: Annotated[
        str, Parameter(help="The id of the token, as `mailcase token list` prints it.")
    ],
    /,
    *,
    config: Config = DEFAULT_CONFIG,
    json: Json = False,
) -> None:
    """Revoke a token. It stops working at once."""
    revoked = asyncio.run(_revoked(loaded(config), token))
    print(msgspec.json.encode(_shown(revoked)).decode() if json else f"{revoked.id}: revoked")


async def _created(settings: Settings, wanted: _Wanted) -> tuple[str, Token]:
    async with opened_accounts(settings, "token create") as accounts:
        check_limits(wanted.processes, wanted.roles, settings.processes)
        owner = wanted.owner
        return await accounts.make_token(
            wanted.name,
            wanted.scopes,
            owner=None if owner is None else (await accounts.users.existing(owner)).id,
            processes=wanted.processes,
            roles=wanted.roles,
            lifetime=wanted.lifetime,
            by=operator(),
        )


async def _all(settings: Settings) -> list[Token]:
    async with opened_accounts(settings, "token list") as accounts:
        return await accounts.tokens.all()


async def _revoked(settings: Settings, token_id: str) -> Token:
    async with opened_accounts(settings, "token revoke") as accounts:
        token = await accounts.revoke_token(token_id.strip(), by=operator())
        if token is None:
            hint = "`mailcase token list` shows all tokens"
            raise AccountError("no-such-token", "there is no such valid token", hint)
        return token


def _lifetime(text: str) -> timedelta | None:
    if text.strip() == "never":
        return None
    if not _DURATION.fullmatch(text.strip()) or duration(text.strip()) > _MAX_LIFETIME:
        hint = "give a time such as 12h, 90d or 52w, of at most 3650d, or `never`"
        raise SettingsError([Mistake("--expires", f"{text!r} is not such a time", hint)])
    return duration(text.strip())


def _shown(token: Token) -> dict[str, object]:
    """A token as `--json` prints it; its hash stays in the database."""
    shown: dict[str, object] = msgspec.structs.asdict(token)
    del shown["hash"]
    return shown


def _cells(token: Token) -> tuple[str, ...]:
    limits = [*(token.processes or []), *(token.roles or [])]
    times = (token.expires_at, token.last_used_at, token.revoked_at)
    return (
        token.id,
        token.name,
        token.owner or "",
        ", ".join(token.scopes),
        ", ".join(limits),
        *("never" if time is None else f"{time:%Y-%m-%d %H:%M}" for time in times),
    )
