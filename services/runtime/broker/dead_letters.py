"""Moves messages that a consumer cannot process to the dead letters or to the deferred queue."""

import traceback
from collections.abc import Awaitable, Callable
from typing import Any

from schemas.codec import NewerVersionError, UnreadableMessageError
from schemas.reasons import DeadLetterReason
from services.runtime import metrics
from services.runtime.broker.connection import Broker
from services.runtime.broker.deliveries import COUNTS
from services.runtime.broker.messages import Delivery, Outgoing
from services.runtime.broker.topology import dead_name, newer_name
from services.runtime.logs import get_logger

log = get_logger(__name__)

# Moves a message out of its queue. It runs when the batch is handled, not when it is prepared:
# otherwise a stop between the two would move the message twice.
Rejection = Callable[[], Awaitable[None]]

_MAX_REASON_CHARS = 500
_MAX_TRACE_CHARS = 4000


async def reject_unreadable(
    broker: Broker, queue: str, delivery: Delivery, error: UnreadableMessageError
) -> None:
    """Move a message that cannot be decoded out of `queue`.

    A message of a newer version waits in the deferred queue for a service that decodes it. Any
    other becomes a dead letter. Raises TransientError.
    """
    if not isinstance(error, NewerVersionError):
        await dead_letter(broker, queue, delivery, f"{DeadLetterReason.UNREADABLE}: {error}", error)
        return
    await broker.publish(Outgoing.copy_of(delivery, newer_name(queue), own_headers(delivery)))
    log.warning(
        "message_waits_for_newer_version",
        queue=queue,
        mail_key=delivery.message_id,
        tag=delivery.tag,
    )


async def dead_letter(
    broker: Broker, queue: str, delivery: Delivery, reason: str, error: BaseException | None = None
) -> None:
    """Copy a message that can never be processed to `<queue>.dead`.

    The headers of the copy name the reason, the origin and the number of deliveries. Raises
    TransientError.
    """
    headers = {
        "x-mailcase-reason": reason[:_MAX_REASON_CHARS],
        "x-mailcase-queue": queue,
        "x-mailcase-attempts": delivery.attempts,
    }
    if error is not None:
        trace = "".join(traceback.format_exception(error))
        headers["x-mailcase-trace"] = trace[-_MAX_TRACE_CHARS:]
    headers["x-mailcase-exchange"] = delivery.exchange
    headers["x-mailcase-routing-key"] = delivery.routing_key
    await broker.publish(Outgoing.copy_of(delivery, dead_name(queue), headers))
    metrics.DEAD_LETTERED.labels(queue).inc()
    log.error(
        "message_dead_lettered",
        queue=queue,
        mail_key=delivery.message_id,
        reason=reason,
        hint="`mailcase dead list` shows it; retry or discard it once the cause is clear",
    )


def own_headers(delivery: Delivery) -> dict[str, Any]:
    """The message's own headers, without those in which the queue counts its deliveries."""
    return {name: value for name, value in delivery.headers.items() if name not in COUNTS}
