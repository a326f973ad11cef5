"""Messages to and from the broker, as values."""

from collections.abc import Mapping
from typing import Any, Self

import msgspec

from schemas import codec
from services.runtime.broker.topology import EVENT


class Delivery(msgspec.Struct, frozen=True):
    """A delivered message. `redelivered` means that, according to the broker, it may have been
    delivered before.

    `attempts` counts this delivery and the earlier ones, including those that an outage caused.
    `published_at_s` is in seconds since the epoch by the publisher's clock, None if it is not
    known.
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


class Outgoing(msgspec.Struct, frozen=True):
    """A message to publish: `tag` goes to the AMQP property `type`, `message_id` is the mail key.

    With the default exchange, "", the routing key is the name of a queue.
    """

    exchange: str
    routing_key: str
    body: bytes
    tag: str
    message_id: str
    content_type: str = "application/msgpack"
    mandatory: bool = True
    headers: dict[str, Any] | None = None

    @classmethod
    def of(
        cls, message: msgspec.Struct, message_id: str, routing_key: str, *, exchange: str = ""
    ) -> Self:
        """A message between services, in MessagePack; some queue must take it."""
        return cls(exchange, routing_key, codec.encode(message), codec.tag_of(message), message_id)

    @classmethod
    def event(
        cls,
        message: msgspec.Struct,
        message_id: str,
        routing_key: str,
        *,
        tag: str = "",
        content_type: str = "application/json",
    ) -> Self:
        """An event in JSON; it needs no listener. `tag` is by default that of the struct."""
        body, tag = codec.encode_json(message), tag or codec.tag_of(message)
        return cls(EVENT, routing_key, body, tag, message_id, content_type, mandatory=False)

    @classmethod
    def copy_of(cls, delivery: Delivery, queue: str, headers: Mapping[str, Any]) -> Self:
        """A delivered message, unchanged except for its headers, for `queue`."""
        return cls(
            "", queue, delivery.body, delivery.tag, delivery.message_id, headers=dict(headers)
        )
