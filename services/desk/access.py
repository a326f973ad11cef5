"""Decides who may see and do what, for the whole desk. Pure.

Lists, search, counts, exports, live streams and files all take their database filter from here, so
that no path to the data has rules of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from schemas.stored import Case
from services.casework.actors import MANAGER, READER, WORKER, ActingAs
from services.casework.refusals import ActionRefusedError
from services.runtime.settings import Process


class Permission(StrEnum):
    """A permission that a request needs. A token has some of them as its scopes; a session has
    all."""

    READ = "cases:read"
    WORK = "cases:work"
    ANSWER = "cases:answer"
    PARKED = "parked:manage"
    ADMIN = "admin"


ALL_PERMISSIONS = frozenset(Permission)
# The role in a process that a permission takes there. `admin` does not belong to a process.
_ROLE: Mapping[Permission, str] = {
    Permission.READ: READER,
    Permission.WORK: WORKER,
    Permission.ANSWER: WORKER,
    Permission.PARKED: MANAGER,
}


@dataclass(frozen=True)
class Principal:
    """Who makes a request, as proven by a session or a token.

    `scopes` are the permissions that the proof carries. `processes` limits a token to some
    processes; None if there is no such limit. An `admin` manages people and tokens, and has every
    role. Exactly one of `session` and `token`, the ids of the proof, is not None.
    """

    acting: ActingAs
    scopes: frozenset[Permission] = ALL_PERMISSIONS
    processes: frozenset[str] | None = None
    admin: bool = False
    session: str | None = None
    token: str | None = None
    expires_at: datetime | None = None

    @property
    def id(self) -> str:
        """The actor's id in histories and in the audit log."""
        return self.acting.actor.id

    @property
    def account(self) -> str:
        """Whose limits apply: the person, also for their tokens; or the token without an owner."""
        return self.acting.user or self.id


class Access:
    """Applies the rules of the processes in the settings."""

    def __init__(self, processes: Mapping[str, Process]) -> None:
        self._processes = processes

    def may(self, principal: Principal, permission: Permission, process: str | None = None) -> bool:
        """Whether a principal has a permission in `process`, or in any process if that is None."""
        if permission not in principal.scopes:
            return False
        if permission is Permission.ADMIN:
            return principal.admin
        if process is None:
            return bool(self.processes(principal, permission))
        known = self._processes.get(process)
        if known is None:
            return permission is Permission.PARKED and self._manages_all(principal)
        if not _within(principal, process):
            return False
        return _ROLE[permission] in principal.acting.roles_in(known)

    def require(self, principal: Principal, permission: Permission, process: str) -> None:
        """Raises ActionRefusedError `not-allowed` if the principal lacks the permission in a
        process that they may see.
        """
        if not self.may(principal, permission, process):
            problem = f"{permission.value} is needed in process {process}"
            raise ActionRefusedError(
                "not-allowed",
                problem,
                "ask a manager of the process for a role, or use another token",
            )

    def processes(
        self, principal: Principal, permission: Permission = Permission.READ
    ) -> tuple[str, ...]:
        """The processes in which a principal has a permission, in the order of the settings."""
        return tuple(name for name in self._processes if self.may(principal, permission, name))

    def filter(
        self, principal: Principal, permission: Permission = Permission.READ
    ) -> dict[str, Any]:
        """The database filter for what a principal may see. It applies to every document with a
        `process`.

        An administrator also manages parked mail of processes that the settings no longer have.
        """
        if permission is Permission.PARKED and self._manages_all(principal):
            return {}
        return {"process": {"$in": list(self.processes(principal, permission))}}

    def _manages_all(self, principal: Principal) -> bool:
        return (
            principal.admin
            and Permission.PARKED in principal.scopes
            and principal.processes is None
            and principal.acting.limited_to is None
        )

    def may_see(self, principal: Principal, case: Case) -> bool:
        """Whether a principal may see a case. If the settings no longer have its process, nobody
        may.
        """
        return self.may(principal, Permission.READ, case.process)


def _within(principal: Principal, process: str) -> bool:
    return principal.processes is None or process in principal.processes
