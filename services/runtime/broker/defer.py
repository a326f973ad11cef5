"""Messages of a process or mailbox that this service's settings do not know yet.

During a rollout of new settings, some replicas know a new process and others do not yet. For the
others, its messages are newer, not invalid: they wait in `<queue>.newer` until a replica that knows
the name requeues them. A message whose name stays unknown for PATIENCE_S is also requeued, and its
mail is parked for that reason. The time counts from the first deferral, which is in a header of the
message and therefore survives restarts.
"""

import time
from collections.abc import Collection, Mapping
from typing import Any

from schemas.reasons import ParkReason
from services.runtime.broker.connection import Broker
from services.runtime.broker.dead_letters import own_headers
from services.runtime.broker.messages import Delivery, Outgoing
from services.runtime.broker.topology import newer_name
from services.runtime.logs import get_logger
from services.runtime.settings import Settings

log = get_logger(__name__)

PATIENCE_S = 600.0  # a rollout takes minutes; after this time, the name is a mistake or was removed
WAITS_FOR = "x-mailcase-waits-for"
WAITS_SINCE_MS = "x-mailcase-waits-since-ms"


class KnownNames:
    """The processes, the mailboxes and the rules for fields (by their hashes) in the settings."""

    def __init__(
        self, processes: Collection[str], mailboxes: Collection[str], rules: Collection[str] = ()
    ) -> None:
        kinds = (("process", processes), ("mailbox", mailboxes), ("rule", rules))
        self._names = {f"{kind} {name}" for kind, names in kinds for name in names}

    @classmethod
    def of(cls, settings: Settings) -> "KnownNames":
        rules = [
            rule
            for process in settings.processes.values()
            for field in process.fields
            for rule, _ in field.rules()
        ]
        # `mailcase ingest` counts mails of a process without mailboxes as fetched from its name.
        bare = [name for name, process in settings.processes.items() if not process.mailboxes]
        return cls(settings.processes, [*settings.mailboxes, *bare], rules)

    def first_unknown(
        self, *, process: str, mailbox: str | None = None, rules: Collection[str] = ()
    ) -> str | None:
        """The first unknown name, such as `process NAME` or `rule HASH`; None if all are known."""
        asked = [f"process {process}"] + ([f"mailbox {mailbox}"] if mailbox is not None else [])
        asked += [f"rule {rule}" for rule in rules]
        return next((name for name in asked if name not in self._names), None)

    def waits_in_vain(self, headers: Mapping[str, Any]) -> bool:
        """Whether a deferred message must keep waiting: its name is unknown and there is time
        left.
        """
        name = headers.get(WAITS_FOR)
        return name is not None and name not in self._names and not is_out_of_time(headers)


def is_out_of_time(headers: Mapping[str, Any]) -> bool:
    """Whether the message has waited PATIENCE_S since it was first deferred."""
    since_ms = headers.get(WAITS_SINCE_MS)
    return isinstance(since_ms, int) and time.time() - since_ms / 1000 >= PATIENCE_S


def unknown_reason(name: str) -> ParkReason:
    """The reason to park mail with, for `process NAME` or `mailbox NAME`."""
    return ParkReason.UNKNOWN_PROCESS if name.startswith("process ") else ParkReason.UNKNOWN_MAILBOX


def unknown_evidence(name: str) -> str:
    minutes = round(PATIENCE_S / 60)
    return f"the settings have had no {name} for {minutes} minutes; add it and retry the mail, or discard it"


async def defer(broker: Broker, queue: str, delivery: Delivery, name: str) -> None:
    """Move a message of `queue` to the deferred queue, where it waits for a replica that knows
    `name`.

    Raises TransientError.
    """
    since_ms = delivery.headers.get(WAITS_SINCE_MS, int(time.time() * 1000))
    headers = own_headers(delivery) | {WAITS_FOR: name, WAITS_SINCE_MS: since_ms}
    await broker.publish(Outgoing.copy_of(delivery, newer_name(queue), headers))
    log.warning(
        "message_waits_for_settings", queue=queue, mail_key=delivery.message_id, unknown=name
    )
