"""Dead letters, read from their headers and bodies. Pure."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from schemas.codec import (
    UnreadableMessageError,
    decode_case_message,
    decode_raw_mail,
    decode_send_mail,
)
from schemas.fields import FieldsRead
from schemas.mails import RawMail
from schemas.reasons import DeadLetterReason
from schemas.sending import AnswerCase, SendMail
from services.runtime.broker.messages import Delivery

ID_DIGITS = 12
# Headers that dead-lettering added, by Mailcase or by the broker (rabbitmq.com/docs/dlx).
_ADDED = ("x-death", "x-first-death-", "x-last-death-", "x-delivery-count", "x-acquired-count")
_OURS = tuple(
    f"x-mailcase-{word}"
    for word in ("reason", "queue", "exchange", "routing-key", "attempts", "trace", "published-at")
)


@dataclass(frozen=True)
class DeadLetter:
    """A message in the queue `<origin>.dead`.

    Messages with equal content have the same id in one queue, where they are duplicates, and
    different ids in different queues, so that an action on one queue does not affect another.
    """

    origin: str
    delivery: Delivery

    @cached_property
    def id(self) -> str:
        return hashlib.sha256(self.origin.encode() + b"\0" + self.delivery.body).hexdigest()[
            :ID_DIGITS
        ]

    @property
    def reason(self) -> str:
        """Why it was dead-lettered; the broker's reason, such as `delivery_limit`, if the broker
        did it.
        """
        return str(
            self._header("x-mailcase-reason")
            or self._death.get("reason")
            or DeadLetterReason.UNKNOWN
        )

    @property
    def since(self) -> datetime | None:
        """When it was dead-lettered; None if no header records it."""
        at_ms, time = (
            self.delivery.headers.get("x-mailcase-published-at-ms"),
            self._death.get("time"),
        )
        if isinstance(at_ms, int):
            return datetime.fromtimestamp(at_ms / 1000, UTC)
        if isinstance(time, datetime):
            return time if time.tzinfo else time.replace(tzinfo=UTC)
        return None

    @cached_property
    def content(self) -> RawMail | AnswerCase | SendMail | FieldsRead | None:
        """The mail or the command that it carries; None if it cannot be decoded."""
        for decode in (decode_raw_mail, decode_case_message, decode_send_mail):
            try:
                message = decode(self.delivery.body)
            except UnreadableMessageError:
                continue
            commands = RawMail | AnswerCase | SendMail | FieldsRead
            return message if isinstance(message, commands) else message.mail
        return None

    @property
    def process(self) -> str | None:
        return self.content.process if isinstance(self.content, RawMail) else None

    @property
    def headers(self) -> dict[str, Any]:
        """The headers that it had before it was dead-lettered."""
        return {
            name: value
            for name, value in self.delivery.headers.items()
            if not name.startswith((*_ADDED, *_OURS))
        }

    def first_publication(self) -> str:
        """The exchange and the routing key that it was first published with, as far as the headers
        record them.
        """
        exchange = self._header("x-mailcase-exchange") or self._death.get("exchange") or ""
        keys = self._death.get("routing-keys") or [""]
        key = self._header("x-mailcase-routing-key") or keys[0]
        return f"{exchange or 'default exchange'}, {key or self.origin}"

    @property
    def _death(self) -> dict[str, Any]:
        deaths = self.delivery.headers.get("x-death")
        first = deaths[0] if isinstance(deaths, list) and deaths else {}
        return first if isinstance(first, dict) else {}

    def _header(self, name: str) -> str | None:
        value = self.delivery.headers.get(name)
        return value if isinstance(value, str) else None
