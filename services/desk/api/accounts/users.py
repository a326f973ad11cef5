"""Users: who may sign in. For administrators."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from schemas.stored.desk import User
from services.desk.access import Permission
from services.desk.accounts.users import checked_line, is_admin, normal_address
from services.desk.http.endpoint import Call, Endpoint, NoQuery, Reply

Address = Annotated[str, Meta(min_length=3, max_length=254)]
Line = Annotated[str, Meta(min_length=1, max_length=200)]
Groups = Annotated[list[Line], Meta(max_length=100)]


class UserView(msgspec.Struct, frozen=True, kw_only=True):
    """A user. `admin` is true if the account or the settings say so. `signs_in_by` is password,
    provider, or nothing yet.
    """

    address: str
    name: str
    groups: list[str]
    admin: bool
    disabled: bool
    signs_in_by: str
    created_at: datetime


class UserList(msgspec.Struct, frozen=True, kw_only=True):
    """All users, by address."""

    items: list[UserView]


class NewUser(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A user to add."""

    address: Address
    name: Line
    groups: Groups = []
    admin: bool = False


class InvitedUser(msgspec.Struct, frozen=True, kw_only=True):
    """The user, with the one-time link for them; None when people sign in with the OpenID
    provider.
    """

    user: UserView
    link: str | None


class UserPatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A JSON merge patch (RFC 7396): what is left out stays."""

    name: Line | msgspec.UnsetType = msgspec.UNSET
    groups: Groups | msgspec.UnsetType = msgspec.UNSET
    admin: bool | msgspec.UnsetType = msgspec.UNSET
    disabled: bool | msgspec.UnsetType = msgspec.UNSET


class NewLink(msgspec.Struct, frozen=True, kw_only=True):
    """A one-time link, which sets a new password."""

    link: str


async def list_users(call: Call[NoQuery, None]) -> Reply:
    """All users."""
    users = await call.desk.accounts.users.all()
    return Reply(UserList(items=[_view(call, user) for user in users]))


async def add_user(call: Call[NoQuery, NewUser]) -> Reply:
    """Add a user; with accounts of our own, the answer has the one-time link for them."""
    new = call.body
    user, link = await call.desk.accounts.add_user(
        new.address,
        new.name,
        new.groups,
        admin=new.admin,
        by=call.principal.id,
        from_address=call.address,
    )
    return Reply(InvitedUser(user=_view(call, user), link=link))


async def patch_user(call: Call[NoQuery, UserPatch]) -> Reply:
    """Change a user. A disabled one is signed out at once, and their tokens stop working."""
    accounts, patch, address = call.desk.accounts, call.body, normal_address(call.path["user"])
    user = await accounts.users.existing(address)
    by: dict[str, str] = {"by": call.principal.id, "from_address": call.address}
    changes: dict[str, Any] = {}
    if patch.name is not msgspec.UNSET:
        changes["name"] = checked_line(patch.name, "name")
    if patch.groups is not msgspec.UNSET:
        changes["groups"] = [checked_line(group, "group") for group in patch.groups]
    if patch.admin is not msgspec.UNSET:
        changes["admin"] = patch.admin
    if changes:
        user = await accounts.change_user(address, changes, **by)
    if patch.disabled is not msgspec.UNSET:
        act = accounts.disable if patch.disabled else accounts.enable
        user = await act(address, **by)
    return Reply(_view(call, user))


async def make_link(call: Call[NoQuery, None]) -> Reply:
    """Create a one-time link for setting a new password. Earlier links stop working."""
    link = await call.desk.accounts.make_link(
        normal_address(call.path["user"]), by=call.principal.id, from_address=call.address
    )
    return Reply(NewLink(link=link))


async def detach_identity(call: Call[NoQuery, None]) -> Reply:
    """Part a user from their identity at the OpenID provider; the next that proves the address gets
    the account. Their sessions by the provider end at once.
    """
    await call.desk.accounts.detach_identity(
        normal_address(call.path["user"]), by=call.principal.id, from_address=call.address
    )
    return Reply(status=204)


def _view(call: Call[Any, Any], user: User) -> UserView:
    by_password = "password" if user.password_hash is not None else "nothing"
    return UserView(
        address=user.id,
        name=user.name,
        groups=user.groups,
        admin=is_admin(user, call.desk.settings.desk),
        disabled=user.disabled_at is not None,
        signs_in_by="provider" if user.subject is not None else by_password,
        created_at=user.created_at,
    )


ROUTES: tuple[Endpoint[Any, Any], ...] = (
    Endpoint(
        method="GET",
        path="/users",
        name="list_users",
        summary="List users",
        handler=list_users,
        permission=Permission.ADMIN,
        response=UserList,
        tag="people",
    ),
    Endpoint(
        method="POST",
        path="/users",
        name="add_user",
        summary="Add a user",
        handler=add_user,
        permission=Permission.ADMIN,
        body=NewUser,
        response=InvitedUser,
        status=201,
        refusals=(409, 422),
        tag="people",
        secret=True,
    ),
    Endpoint(
        method="PATCH",
        path="/users/{user}",
        name="patch_user",
        summary="Change a user",
        handler=patch_user,
        permission=Permission.ADMIN,
        body=UserPatch,
        response=UserView,
        refusals=(404, 409, 422),
        tag="people",
    ),
    Endpoint(
        method="POST",
        path="/users/{user}/links",
        name="make_link",
        summary="Create a one-time link",
        handler=make_link,
        permission=Permission.ADMIN,
        response=NewLink,
        status=201,
        refusals=(404, 409, 422),
        tag="people",
        secret=True,
    ),
    Endpoint(
        method="DELETE",
        path="/users/{user}/identity",
        name="detach_identity",
        summary="Detach a user from their identity at the OpenID provider",
        handler=detach_identity,
        permission=Permission.ADMIN,
        status=204,
        refusals=(404, 409, 422),
        tag="people",
    ),
)
