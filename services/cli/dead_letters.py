"""What a dead letter says of itself. Pure."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from schemas.codec import UnreadableMessageError, decode_case_message, decode_raw_mail, decode_send_mail
from schemas.mails import RawMail
from schemas.sending import AnswerCase, SendMail
from services.runtime.broker.messages import Delivery

ID_DIGITS = 12
# What dead-lettering added, by us or by the broker (rabbitmq.com/docs/dlx): it is not part of the message.
_ADDED = ("x-death", "x-first-death-", "x-last-death-", "x-delivery-count", "x-acquired-count")
_OURS = tuple(
    f"x-mailcase-{word}" for word in ("reason", "queue", "exchange", "routing-key", "attempts", "trace", "published-at")
)


@dataclass(frozen=True)
class DeadLetter:
    """A message of `<origin>.dead`. Equal contents have one id in one queue, where they are the same message twice, and
    another in each other queue: what is done to one of them there does not touch those here."""

    origin: str
    delivery: Delivery

    @cached_property
    def id(self) -> str:
        return hashlib.sha256(self.origin.encode() + b"\0" + self.delivery.body).hexdigest()[:ID_DIGITS]

    @property
    def reason(self) -> str:
        """Why it is here; the broker's word, such as `delivery_limit`, where it was the broker."""
        told = self._header("x-mailcase-reason") or self._death.get("reason") or "unknown"
        return str(told)

    @property
    def since(self) -> datetime | None:
        """When it came here; None where nothing tells."""
        at_ms, time = self.delivery.headers.get("x-mailcase-published-at-ms"), self._death.get("time")
        if isinstance(at_ms, int):
            return datetime.fromtimestamp(at_ms / 1000, UTC)
        if isinstance(time, datetime):
            return time if time.tzinfo else time.replace(tzinfo=UTC)
        return None

    @cached_property
    def content(self) -> RawMail | AnswerCase | SendMail | None:
        """The mail or the order that it carries; None where it cannot be read."""
        for decode in (decode_raw_mail, decode_case_message, decode_send_mail):
            try:
                message = decode(self.delivery.body)
            except UnreadableMessageError:
                continue
            return message if isinstance(message, RawMail | AnswerCase | SendMail) else message.mail
        return None

    @property
    def process(self) -> str | None:
        return self.content.process if isinstance(self.content, RawMail) else None

    @property
    def headers(self) -> dict[str, Any]:
        """Those that it had before."""
        return {name: value for name, value in self.delivery.headers.items() if not name.startswith((*_ADDED, *_OURS))}

    def came_by(self) -> str:
        """Exchange and routing key that it was first published with, as far as they are told."""
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
