"""Who the caller is, and what they may do."""

from datetime import datetime
from typing import Any

import msgspec

from services.desk.access import Permission
from services.desk.http.endpoint import Call, Endpoint, NoQuery, Reply


class RoleView(msgspec.Struct, frozen=True, kw_only=True):
    """The caller's roles in a process."""

    process: str
    roles: list[str]


class Me(msgspec.Struct, frozen=True, kw_only=True):
    """The caller. `kind` is person or token; `id` is how histories name the caller.

    `user` is the address of the person, or of the token's owner, None for a program of its own.
    `expires_at` is when session or token ends, None for never.
    """

    kind: str
    id: str
    name: str
    user: str | None
    groups: list[str]
    admin: bool
    permissions: list[str]
    roles: list[RoleView]
    expires_at: datetime | None


async def show_me(call: Call[NoQuery, None]) -> Reply:
    """Who the caller is and what they may do."""
    principal, access = call.principal, call.desk.access
    acting = principal.acting
    processes = call.desk.settings.processes
    return Reply(
        Me(
            kind=acting.actor.kind,
            id=acting.actor.id,
            name=acting.actor.name,
            user=acting.user,
            groups=list(acting.groups),
            admin=principal.admin,
            permissions=[
                permission.value for permission in Permission if access.may(principal, permission)
            ],
            roles=[
                RoleView(process=name, roles=sorted(acting.roles_in(processes[name])))
                for name in access.processes(principal)
            ],
            expires_at=principal.expires_at,
        )
    )


ROUTES: tuple[Endpoint[Any, Any], ...] = (
    Endpoint(
        method="GET",
        path="/me",
        name="show_me",
        summary="Show who the caller is",
        handler=show_me,
        permission=None,
        response=Me,
        tag="people",
    ),
)
