"""One event per line: a constant name and fields, as JSON for programs or short for people.

    log = get_logger(__name__)
    log.info("mail_routed", mail_key=key, case=235)

Log what happened and to which mail, case or queue; never the text of a mail, a subject, an address,
a file name or a password. Passwords inside URLs are redacted here in every value; the rest is up to
the caller. No value can start a line of its own, reorder one or color a terminal: unprintable
characters are escaped.
"""

import logging
import os
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from itertools import islice
from pathlib import PurePath
from time import time as time_s
from types import TracebackType
from typing import Any, Final, Literal, TextIO
from uuid import UUID

import msgspec

from services.runtime.errors import MailcaseError
from services.runtime.masking import mask_secrets

MAX_VALUE_CHARS: Final = 2000
MAX_TRACEBACK_CHARS: Final = 20_000
MAX_ITEMS: Final = 100
MAX_DEPTH: Final = 6

# Our own loggers follow the level of the settings. All others (aio_pika, aiormq, pymongo, asyncio,
# ...) stay at warning: at info a client logs every connection, and at debug every frame with its
# content.
OWN_LOGGERS: Final = ("services", "schemas", "deploy", "__main__")

_HANDLER_NAME: Final = "mailcase"
_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
_COLOURS: Final = {
    "debug": "\x1b[2m",
    "warning": "\x1b[33m",
    "error": "\x1b[31m",
    "critical": "\x1b[31;1m",
}
_RESET: Final = "\x1b[0m"
_SPEAKABLE: Final = (BaseException, PurePath, date, time, timedelta, Enum, UUID)
_OWN_KEYS: Final = frozenset(("ts", "level", "logger", "event"))

_NOWHERE: Final = dict(vars(logging.LogRecord("", logging.INFO, "", 0, "", None, None)))

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


class EventRecord(logging.LogRecord):
    """A record whose message is the constant name of an event; `fields` are its identifiers."""

    def __init__(
        self, name: str, level: int, event: str, fields: Mapping[str, object], exc: ExcInfo | None
    ) -> None:
        # Where the code, the thread and the process are is not logged; to find it takes a third of
        # the time of a line.
        self.__dict__.update(_NOWHERE)
        self.name = name
        self.levelno = level
        self.levelname = logging.getLevelName(level)
        self.msg = event
        self.exc_info = exc
        self.created = time_s()
        self.fields = fields


class Logger:
    """A thin layer over `logging.Logger` for events with fields.

    Each method accepts `error`: its class, its message, the class of its direct cause and, for our
    own errors, mail key and mailbox become fields. The traceback is added at debug level, and for
    unexpected errors (not our own) logged at error level.
    """

    __slots__ = ("_logger",)

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger

    def debug(self, event: str, /, *, error: BaseException | None = None, **fields: object) -> None:
        """Log details for debugging."""
        if self._logger.isEnabledFor(logging.DEBUG):
            self._emit(logging.DEBUG, event, fields, error)

    def info(self, event: str, /, *, error: BaseException | None = None, **fields: object) -> None:
        """Log normal operation."""
        if self._logger.isEnabledFor(logging.INFO):
            self._emit(logging.INFO, event, fields, error)

    def warning(
        self, event: str, /, *, error: BaseException | None = None, **fields: object
    ) -> None:
        """Log a failure that resolves itself or is expected at times."""
        if self._logger.isEnabledFor(logging.WARNING):
            self._emit(logging.WARNING, event, fields, error)

    def error(self, event: str, /, *, error: BaseException | None = None, **fields: object) -> None:
        """Log a problem that needs a person."""
        if self._logger.isEnabledFor(logging.ERROR):
            unexpected = error is not None and not isinstance(error, MailcaseError)
            self._emit(logging.ERROR, event, fields, error, with_traceback=unexpected)

    def exception(
        self, event: str, /, *, error: BaseException | None = None, **fields: object
    ) -> None:
        """Like `error`, for the exception being handled unless another is given."""
        self.error(event, error=error or sys.exc_info()[1], **fields)

    def _emit(
        self,
        level: int,
        event: str,
        fields: dict[str, object],
        error: BaseException | None,
        *,
        with_traceback: bool = False,
    ) -> None:
        exc: ExcInfo | None = None
        if error is not None:
            fields = _error_fields(error) | fields
            if with_traceback or self._logger.isEnabledFor(logging.DEBUG):
                exc = (type(error), error, error.__traceback__)
        self._logger.handle(EventRecord(self._logger.name, level, event, fields, exc))


def get_logger(name: str) -> Logger:
    """The logger of a module: `get_logger(__name__)`."""
    return Logger(logging.getLogger(name))


def configure_logs(
    format: Literal["auto", "json", "console"],  # noqa: A002 - the name that the setting has
    level: Literal["debug", "info", "warning", "error"],
    stream: TextIO | None = None,
) -> None:
    """Send every log of this process, formatted, to `stream` (None: standard error). Repeatable.

    `auto` is `console` on a terminal and `json` otherwise. `NO_COLOR` switches colors off. Python's
    warnings are logged too.
    """
    stream = sys.stderr if stream is None else stream
    on_terminal = stream.isatty()
    as_json = format == "json" or (format == "auto" and not on_terminal)
    handler = logging.StreamHandler(stream)
    handler.set_name(_HANDLER_NAME)
    colour = on_terminal and not os.environ.get("NO_COLOR")
    handler.setFormatter(JsonFormatter() if as_json else ConsoleFormatter(colour=colour))
    root = logging.getLogger()
    for known in [known for known in root.handlers if known.get_name() == _HANDLER_NAME]:
        root.removeHandler(known)
        known.close()  # leaves the stream open
    root.addHandler(handler)
    root.setLevel(max(logging.WARNING, _LEVELS[level]))
    for name in OWN_LOGGERS:
        logging.getLogger(name).setLevel(_LEVELS[level])
    logging.captureWarnings(capture=True)


class JsonFormatter(logging.Formatter):
    """One JSON object per line: `ts` (RFC 3339, UTC), `level`, `logger`, `event`, then the fields.

    A field named like one of these four gets an underscore. `traceback`, if there is one, is a
    single string with line breaks. Records of libraries have the event `library_message` and their
    text in `message`.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line without its line break."""
        line: dict[str, object] = {
            "ts": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": _event(record),
        }
        for key, value in _fields(record).items():
            line[f"{key}_" if key in _OWN_KEYS else key] = _plain(value)
        if lines := _traceback_lines(record):
            line["traceback"] = "\n".join(lines)
        return msgspec.json.encode(line).decode()


class ConsoleFormatter(logging.Formatter):
    """`23:59:59.123Z warning router.service mail_parked mail_key=… reason="no process"`; a
    traceback is indented.
    """

    def __init__(self, *, colour: bool) -> None:
        super().__init__()
        self._colour = colour

    def format(self, record: logging.LogRecord) -> str:
        """The line without its line break; a traceback follows on lines that begin with a bar."""
        level = record.levelname.lower()
        at = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S.%f")[:-3]
        colour = _COLOURS.get(level, "") if self._colour else ""
        shown_level = f"{colour}{level:<7}{_RESET if colour else ''}"
        fields = [f"{key}={_shown(_plain(value))}" for key, value in _fields(record).items()]
        line = " ".join(
            (f"{at}Z", shown_level, record.name.removeprefix("services."), _event(record), *fields)
        )
        return "\n".join((line, *(f"    | {traced}" for traced in _traceback_lines(record))))


def _error_fields(error: BaseException) -> dict[str, object]:
    fields: dict[str, object] = {"error": type(error).__name__, "error_message": error}
    if error.__cause__ is not None:
        fields["error_cause"] = type(error.__cause__).__name__
    return fields | error.identifiers if isinstance(error, MailcaseError) else fields


def _event(record: logging.LogRecord) -> str:
    return _printable(str(record.msg)) if isinstance(record, EventRecord) else "library_message"


def _fields(record: logging.LogRecord) -> Mapping[str, object]:
    if isinstance(record, EventRecord):
        return {_printable(key): value for key, value in record.fields.items()}
    try:
        return {"message": record.getMessage()}
    except (TypeError, ValueError, KeyError):  # a library's arguments do not match its format
        return {"message": record.msg}


def _traceback_lines(record: logging.LogRecord) -> list[str]:
    """The lines of the traceback, the error's own last; empty if there is none.

    Local variables are left out, because they contain mail.
    """
    if record.exc_info is None or record.exc_info[1] is None:
        return []
    whole = "".join(traceback.format_exception(record.exc_info[1]))
    # Truncated twice, as in `_text`.
    text = mask_secrets(whole[-2 * MAX_TRACEBACK_CHARS :])[-MAX_TRACEBACK_CHARS:]
    return [_printable(line) for line in text.rstrip("\n").split("\n")]


def _plain(value: Any, depth: int = 0) -> Any:
    """A value in a form that is safe in JSON: redacted, truncated and without control characters.

    If a value is not known to be harmless, only its class is logged: the text of a message object
    would be a whole mail.
    """
    if type(value) is str and len(value) <= MAX_VALUE_CHARS and value.isprintable():
        return mask_secrets(value)  # as most values; the rest of `_text` would not change it
    if isinstance(value, str):
        return _text(value)
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        # Larger ones are valid JSON, but many readers convert them to floats.
        return int(value) if -(2**63) <= value < 2**63 else hex(value)[:40]
    if isinstance(value, Mapping | list | tuple | set | frozenset) and depth < MAX_DEPTH:
        return _plain_items(value, depth + 1)
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(value)} bytes>"
    return _text(value) if isinstance(value, _SPEAKABLE) else f"<{type(value).__name__}>"


def _plain_items(value: Any, depth: int) -> Any:
    if isinstance(value, Mapping):
        return {_text(key): _plain(item, depth) for key, item in islice(value.items(), MAX_ITEMS)}
    return [_plain(item, depth) for item in islice(value, MAX_ITEMS)]


def _text(value: object) -> str:
    try:
        text = str(value)
    except Exception as error:  # noqa: BLE001 - a value must not make a log line fail
        return f"<{type(value).__name__}: {type(error).__name__}>"
    # Cut before masking to limit the work, but far beyond the second cut, so that half a URL is
    # never left.
    text = mask_secrets(text[: 4 * MAX_VALUE_CHARS])
    return _printable(text if len(text) <= MAX_VALUE_CHARS else f"{text[:MAX_VALUE_CHARS]}…")


def _printable(text: str) -> str:
    """`text` with escapes for unprintable characters: line breaks, colors, direction marks,
    surrogates.
    """
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def _shown(value: Any) -> str:
    """A value on a console line: bare if it is one word, else as JSON, so it cannot pass for
    another field.
    """
    if isinstance(value, str) and value and not any(character in ' ="' for character in value):
        return value
    return msgspec.json.encode(value).decode()
