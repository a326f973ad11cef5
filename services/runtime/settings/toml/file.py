"""Reads the settings file into a tree of tables. Errors name the line and column."""

import codecs
import re
import tomllib
from pathlib import Path
from typing import Any

from services.runtime.errors import Mistake, SettingsError
from services.runtime.settings.toml.hints import hint_for
from services.runtime.settings.toml.places import Places

# Far larger than any settings, but smaller than a mailbox file that is named by mistake.
MAX_FILE_BYTES = 4 * 1024 * 1024

_PLACE = re.compile(r" \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)$")


def read_tree(path: Path) -> tuple[dict[str, Any], Places]:
    """The tables of the TOML file at `path`, and their lines.

    A UTF-8 byte order mark, which Windows editors add, is ignored.

    :raises SettingsError: with one mistake, if the file cannot be read, is not UTF-8 or not TOML.
    """
    try:
        return _parse(_read(path))
    except SettingsError as error:
        raise SettingsError(error.mistakes, file=str(path)) from error.__cause__


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError as error:
        hint = "create it with `mailcase init`, or name another with --config"
        raise _unusable("there is no such file", hint) from error
    except IsADirectoryError as error:
        raise _unusable("is a directory", "name the file in it with --config") from error
    except OSError as error:
        raise _unusable(
            f"cannot be read: {error.strerror}", "let the user of this service read it"
        ) from error
    if len(data) > MAX_FILE_BYTES:
        raise _unusable(
            f"is larger than {MAX_FILE_BYTES // 2**20} MiB", "name the settings' file with --config"
        )
    return data


def _parse(data: bytes) -> tuple[dict[str, Any], Places]:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise _unusable("is UTF-16", "save it as UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig")
        # Not chained: the error contains the whole file.
        raise _unusable(f"{_end_of(before)}: is not UTF-8", "save it as UTF-8") from None
    try:
        return tomllib.loads(text), Places(text)
    except tomllib.TOMLDecodeError as error:
        raise _unusable(_placed(str(error), text), _hint(str(error), text)) from error
    # a number with thousands of digits, or brackets nested as deeply
    except (ValueError, RecursionError) as error:
        raise _unusable(
            "contains a number that is too large, or is nested too deeply", "fix this first"
        ) from error


def _placed(message: str, text: str) -> str:
    """The parser's message after its place: `line 3, column 8: Invalid value`."""
    place = _PLACE.search(message)
    if place is None:
        return message
    where = f"line {place['line']}, column {place['column']}" if place["line"] else _end_of(text)
    return f"{where}: {message[: place.start()]}"


def _hint(message: str, text: str) -> str:
    """The usual cause of the mistake in that line."""
    place = _PLACE.search(message)
    if place is None:
        return "fix this first"
    lines = text.split("\n")
    number = int(place["line"]) if place["line"] else len(lines)
    return hint_for(message[: place.start()], lines[min(number, len(lines)) - 1])


def _end_of(text: str) -> str:
    """The place just after `text`: lines and columns count from 1."""
    lines = text.split("\n")
    return f"line {len(lines)}, column {len(lines[-1]) + 1}"


def _unusable(problem: str, hint: str) -> SettingsError:
    return SettingsError([Mistake("", problem, hint)])
