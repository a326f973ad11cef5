"""What goes to the broker and what comes from it, as values."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Outgoing:
    """A message to publish: `tag` goes to the AMQP property `type`, `message_id` is the mail key."""

    exchange: str
    routing_key: str
    body: bytes
    tag: str
    message_id: str
    content_type: str = "application/msgpack"
    mandatory: bool = True
    headers: dict[str, Any] | None = None


@dataclass(frozen=True)
class Delivery:
    """A message as it came: `redelivered` is the broker's word that it may have come before.

    `attempts` counts this delivery and those before it, of which an outage may have caused any.
    `published_at_s` is in seconds since the epoch by the publisher's clock, None where it did not tell.
    """

    body: bytes
    message_id: str
    tag: str
    redelivered: bool
    routing_key: str
    exchange: str
    headers: dict[str, Any]
    published_at_s: float | None = None
    attempts: int = 1
