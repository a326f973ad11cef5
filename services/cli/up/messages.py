"""Converts log lines to messages for people, if people should know them. Pure."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

REPEAT_AFTER_S = 600.0
MAX_REMEMBERED = 200
_HIDDEN = {"error", "error_message", "error_cause", "hint", "retry_in_s", "traceback", "kind"}
_DIGEST = re.compile(r"[0-9a-f]{32,64}")
_KEY_DIGITS = 12
# Expected while everything starts or stops together.
_NOT_FOR_PEOPLE = {
    "stage_drain_cut_short",
    "stage_exit_forced",
    "stop_cut_short",
    "library_message",
}


@dataclass(frozen=True)
class Message:
    """A line, and perhaps a hint."""

    text: str
    level: Literal["info", "warning", "error"]
    hint: str = ""


@dataclass(frozen=True)
class RecordedMail:
    """The fields of the event `mail_recorded` of a case writer."""

    key: str
    outcome: str
    mailbox: str
    case: int | None


def _decoded(line: bytes) -> dict[str, Any] | None:
    try:
        return msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None


def message_of(service: str, line: bytes) -> Message | None:
    """The message in a log line; None if it is not for people."""
    event = _decoded(line)
    if event is None:
        return None
    name, level = str(event.get("event", "")), event.get("level")
    if name == "mailbox_connected":
        return Message(f"mailbox {event.get('mailbox')}: connected", "info")
    if level not in {"warning", "error"} or name in _NOT_FOR_PEOPLE:
        return None
    reason = str(event.get("error_message") or event.get("reason") or "")
    details = " ".join(
        f"{key}={_shown(value)}"
        for key, value in event.items()
        if key not in _HIDDEN and key not in {"ts", "level", "logger", "event"} and value != reason
    )
    head = f"{service}: {name.replace('_', ' ')}" + (f" ({details})" if details else "")
    text = f"{head}: {reason}" if reason else head
    return Message(text, "error" if level == "error" else "warning", str(event.get("hint") or ""))


def _shown(value: object) -> object:
    """A mail key is shortened to as many digits as commands take; the log has it whole."""
    return value[:_KEY_DIGITS] if isinstance(value, str) and _DIGEST.fullmatch(value) else value


def recorded_mail(line: bytes) -> RecordedMail | None:
    """The mail that a log line reports as recorded; None for any other line."""
    if b'"mail_recorded"' not in line:
        return None
    event = _decoded(line)
    if event is None or event.get("event") != "mail_recorded":
        return None
    case = event.get("case")
    return RecordedMail(
        str(event.get("mail_key", "")),
        str(event.get("outcome", "")),
        str(event.get("mailbox", "")),
        case if isinstance(case, int) else None,
    )


class RepeatFilter:
    """Lets a message through once in ten minutes."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._shown_s: dict[Message, float] = {}

    def is_new(self, message: Message) -> bool:
        now_s = self._clock()
        if now_s - self._shown_s.get(message, -REPEAT_AFTER_S) < REPEAT_AFTER_S:
            return False
        if len(self._shown_s) >= MAX_REMEMBERED:
            del self._shown_s[next(iter(self._shown_s))]
        self._shown_s.pop(message, None)
        self._shown_s[message] = now_s
        return True
