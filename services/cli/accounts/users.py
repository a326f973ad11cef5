"""`mailcase user add|list|disable|enable|link|detach`: who may sign in to the desk."""

import asyncio
from typing import Annotated

import msgspec
from cyclopts import Parameter

from schemas.stored.desk import User
from services.cli.accounts.context import opened_accounts, operator
from services.cli.terminal.output import DEFAULT_CONFIG, Config, Json, loaded, printable
from services.cli.terminal.tables import print_table
from services.desk.accounts.users import is_admin
from services.runtime.settings import Settings

Address = Annotated[str, Parameter(help="The user's address.")]
Name = Annotated[str, Parameter(name="--name", help="The name that others see.")]
Group = Annotated[
    list[str] | None,
    Parameter(
        name="--group",
        negative="",
        help="A group, as the access tables of the settings name it; can be repeated.",
    ),
]
Admin = Annotated[
    bool,
    Parameter(
        name="--admin", negative="", help="Let the user do everything, including managing users."
    ),
]


def add(
    address: Address,
    /,
    *,
    name: Name,
    group: Group = None,
    admin: Admin = False,
    config: Config = DEFAULT_CONFIG,
    json: Json = False,
) -> None:
    """Add a user and print a one-time link with which they set their password.

    With an OpenID provider there is no link: they sign in there.
    """
    settings = loaded(config)
    user, link = asyncio.run(_added(settings, address, name, group or [], admin=admin))
    if json:
        print(msgspec.json.encode(_shown(user, settings) | {"link": link}).decode())
    elif link is not None:
        print(link)
    else:
        print(f"{user.id} signs in with the OpenID provider")


def list_users(*, config: Config = DEFAULT_CONFIG, json: Json = False) -> None:
    """List all users."""
    settings = loaded(config)
    users = asyncio.run(_all(settings))
    if json:
        for user in users:
            print(msgspec.json.encode(_shown(user, settings)).decode())
        return
    if not users:
        print("no users")
        return
    headings = ("address", "name", "groups", "may", "signs in by", "since")
    cells = [_cells(user, settings) for user in users]
    print_table(headings, cells, whole=("address",), spare=("since", "signs in by"))


def disable(address: Address, /, *, config: Config = DEFAULT_CONFIG, json: Json = False) -> None:
    """Prevent a user from signing in. Their sessions and tokens end at once."""
    settings = loaded(config)
    _print_user(asyncio.run(_switched(settings, address, on=False)), settings, json=json)


def enable(address: Address, /, *, config: Config = DEFAULT_CONFIG, json: Json = False) -> None:
    """Let a disabled user sign in again."""
    settings = loaded(config)
    _print_user(asyncio.run(_switched(settings, address, on=True)), settings, json=json)


def link(address: Address, /, *, config: Config = DEFAULT_CONFIG, json: Json = False) -> None:
    """Print a one-time link for setting a new password. Earlier links stop working."""
    url = asyncio.run(_linked(loaded(config), address))
    print(msgspec.json.encode({"link": url}).decode() if json else url)


def detach(address: Address, /, *, config: Config = DEFAULT_CONFIG) -> None:
    """Detach a user from their identity at the OpenID provider.

    The next identity that proves the address gets the account.
    """
    user = asyncio.run(_detached(loaded(config), address))
    print(f"{user.id}: detached")


async def _added(
    settings: Settings, address: str, name: str, groups: list[str], *, admin: bool
) -> tuple[User, str | None]:
    async with opened_accounts(settings, "user add") as accounts:
        return await accounts.add_user(address, name, groups, admin=admin, by=operator())


async def _all(settings: Settings) -> list[User]:
    async with opened_accounts(settings, "user list") as accounts:
        return await accounts.users.all()


async def _switched(settings: Settings, address: str, *, on: bool) -> User:
    async with opened_accounts(settings, "user enable" if on else "user disable") as accounts:
        switch = accounts.enable if on else accounts.disable
        return await switch(address, by=operator())


async def _detached(settings: Settings, address: str) -> User:
    async with opened_accounts(settings, "user detach") as accounts:
        return await accounts.detach_identity(address, by=operator())


async def _linked(settings: Settings, address: str) -> str:
    async with opened_accounts(settings, "user link") as accounts:
        return await accounts.make_link(address, by=operator())


def _shown(user: User, settings: Settings) -> dict[str, object]:
    """A user as `--json` prints them."""
    return {
        "address": user.id,
        "name": user.name,
        "groups": user.groups,
        "admin": is_admin(user, settings.desk),
        "disabled": user.disabled_at is not None,
        "signs_in_by": _way(user),
        "created_at": user.created_at,
    }


def _way(user: User) -> str:
    if user.subject is not None:
        return "provider"
    return "password" if user.password_hash is not None else "nothing"


def _cells(user: User, settings: Settings) -> tuple[str, ...]:
    may = "everything" if is_admin(user, settings.desk) else "work"
    return (
        user.id,
        user.name,
        ", ".join(user.groups),
        may if user.disabled_at is None else "disabled",
        _way(user),
        f"{user.created_at:%Y-%m-%d}",
    )


def _print_user(user: User, settings: Settings, *, json: bool) -> None:
    if json:
        print(msgspec.json.encode(_shown(user, settings)).decode())
        return
    state = "enabled" if user.disabled_at is None else "disabled"
    print(f"{user.id} ({printable(user.name)}): {state}")
