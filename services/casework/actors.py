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

    `everything` grants every role: to operators with access to the database, such as someone at the
    command line, to the desk's administrators, and to rules of the process. `limited_to` are the
    roles of a token that has fewer than its owner; None if there is no such limit. `user` is the
    person whose roles count if that is not the actor, such as the owner of a token.
    """

    actor: Actor
    groups: Collection[str] = ()
    everything: bool = False
    limited_to: Collection[str] | None = None
    user: str | None = None

    def roles_in(self, process: Process) -> frozenset[str]:
        """The roles in a process; empty for someone who may not even read there.

        `manager` and all roles that the process defines include `worker`, which includes `reader`.
        In a process without an access table, everyone with an account is a worker.
        """
        if self.everything:
            held = _BUILT_IN | {rule.role for rule in process.access}
        else:
            held = _granted(process, self.user or self.actor.id, self.groups)
        if self.limited_to is not None:
            held = _with_included(held) & frozenset(self.limited_to)
        return _with_included(held)


def normal_assignee(text: str) -> str:
    """A user's address as accounts have it, in lower case; `group:NAME` unchanged."""
    text = text.strip()
    return text if text.startswith("group:") else text.lower()


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
