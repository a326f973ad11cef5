"""Who acts, and in which roles. Pure."""

from collections.abc import Collection
from dataclasses import dataclass

from schemas.changes import Actor
from services.runtime.settings import Process

READER = "reader"
WORKER = "worker"
MANAGER = "manager"

_BUILT_IN = frozenset({READER, WORKER, MANAGER})


@dataclass(frozen=True)
class ActingAs:
    """An actor, with everything that determines their roles.

    `everything` is for an operator who has the database itself at hand, such as someone at the
    command line, for the desk's administrators, and for rules of the process: they hold every role.
    `limited_to` are the roles of a token that has fewer than its owner; None when there is no such
    limit. `user` is whose roles count if it is not the actor: the owner of a token.
    """

    actor: Actor
    groups: Collection[str] = ()
    everything: bool = False
    limited_to: Collection[str] | None = None
    user: str | None = None

    def roles_in(self, process: Process) -> frozenset[str]:
        """The roles in a process, empty for someone who may not even read there.

        `manager` and every role of the process's own include `worker`, which includes `reader`. A
        process without an access table makes everyone with an account a worker.
        """
        if self.everything:
            held = _BUILT_IN | {rule.role for rule in process.access}
        else:
            held = _granted(process, self.user or self.actor.id, self.groups)
        if self.limited_to is not None:
            held = _with_included(held) & frozenset(self.limited_to)
        return _with_included(held)


def _granted(process: Process, user: str, groups: Collection[str]) -> frozenset[str]:
    if not process.access:
        return frozenset({WORKER})
    address = user.casefold()
    return frozenset(
        rule.role
        for rule in process.access
        if address in {member.casefold() for member in rule.users}
        or not set(groups).isdisjoint(rule.groups)
    )


def _with_included(held: frozenset[str]) -> frozenset[str]:
    return held if held <= {READER} else held | {READER, WORKER}
