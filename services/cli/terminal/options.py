"""Options that several commands share, with their validation."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, Token
from cyclopts.validators import Number

from services.runtime.errors import Mistake, SettingsError

_LARGEST = 2**63 - 1  # a 64-bit integer, in the database and the broker


def reject_blank(_type: object, value: str | None) -> None:
    """Reject a blank value: a script's unset variable would otherwise select everything."""
    if value is not None and not value.strip():
        raise ValueError("is empty")


def _case_number(_type: object, tokens: Sequence[Token]) -> int:
    """A case number in any form that people copy: `235`, `#235`, `[#235]`, `[Case #235]`."""
    text = tokens[0].value.strip()
    found = re.fullmatch(r"\[?\s*(?:[^\[\]#]{0,40}#)?\s*([1-9][0-9]{0,18})\s*\]?", text, re.ASCII)
    if found is None or int(found[1]) > _LARGEST:
        raise ValueError(f"{text!r} is not a case number: give it as 235, #235 or [#235]")
    return int(found[1])


CaseNumber = Annotated[
    int,
    Parameter(
        help="The case's number: 235, #235 or [#235].",
        converter=_case_number,
        n_tokens=1,
        allow_leading_hyphen=True,
    ),
]
TextFile = Annotated[
    Path,
    Parameter(
        name="--text-file",
        allow_leading_hyphen=True,
        help="The text, in UTF-8; `-` reads standard input.",
    ),
]
Attach = Annotated[
    list[Path] | None,
    Parameter(name="--attach", negative="", help="A file to attach; can be repeated."),
]
Limit = Annotated[
    int,
    Parameter(
        name="--limit",
        help="Maximum number of entries; 0 shows all.",
        validator=Number(gte=0, lte=2**31 - 1),
    ),
]
Rate = Annotated[
    float,
    Parameter(
        name="--rate",
        help="Maximum number of mails per second; 0 for no limit.",
        validator=Number(gte=0, lte=1e6),
    ),
]
FromOffset = Annotated[
    int | None,
    Parameter(
        name="--from-offset",
        help="Resume at this offset, as an interrupted replay printed it.",
        validator=Number(gte=0, lte=_LARGEST),
    ),
]
Process = Annotated[
    str | None,
    Parameter(name="--process", help="Only mails of this process.", validator=reject_blank),
]
Mailbox = Annotated[
    str | None,
    Parameter(name="--mailbox", help="Only mails of this mailbox.", validator=reject_blank),
]
Before = Annotated[
    str | None,
    Parameter(
        name="--before",
        help="Only entries older than this: a time (UTC), or an age such as 2h or 7d.",
    ),
]
Everything = Annotated[
    bool,
    Parameter(name="--all", negative="", help="Select everything that matches the other options."),
]
Raw = Annotated[
    bool,
    Parameter(
        name="--raw",
        negative="",
        help="Write the exact bytes to standard output, and nothing else.",
    ),
]
Why = Annotated[
    str, Parameter(name="--why", help="The reason, which is recorded.", validator=reject_blank)
]

MIN_KEY = 8  # digits of a mail key that identify a mail

_AGE = re.compile(r"([0-9]{1,6})\s*([smhdw])", re.ASCII)
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_MOMENT = "give a time such as 2026-11-23T08:15 (UTC) or an age such as 90m, 2h, 7d"


def moment(text: str, option: str, now: datetime) -> datetime:
    """A time such as `2026-11-23T08:15` (UTC unless it has an offset), or an age such as `2h` or
    `7d`.

    Raises SettingsError, naming `option`.
    """
    age = _AGE.fullmatch(text.strip())
    try:
        if age:
            return now - timedelta(seconds=int(age[1]) * _UNITS_S[age[2]])
        time = datetime.fromisoformat(text.strip())
        return time.astimezone(UTC) if time.tzinfo is not None else time.replace(tzinfo=UTC)
    except ValueError:
        raise SettingsError(
            [Mistake(option, f"{text!r} is neither a time nor an age", _MOMENT)]
        ) from None
    except OverflowError:
        raise SettingsError([Mistake(option, f"{text!r} is out of range", _MOMENT)]) from None


def coming_moment(text: str, option: str, now: datetime) -> datetime:
    """A time as for `moment`, or a time from now such as `2h` or `7d`.

    Raises SettingsError, naming `option`.
    """
    try:
        time = moment(text, option, now)
        return now + (now - time) if _AGE.fullmatch(text.strip()) else time
    except (SettingsError, OverflowError):
        hint = "give a time such as 2026-12-24T12:00 (UTC), or a time from now such as 2h or 7d"
        raise SettingsError([Mistake(option, f"{text!r} is not such a time", hint)]) from None


def since_moment(text: str | None, now: datetime) -> datetime | None:
    """The time of `--since`; None if it is not given.

    Raises SettingsError, also for a time in the future.
    """
    if text is None:
        return None
    time = moment(text, "--since", now)
    if time > now:
        raise SettingsError(
            [Mistake("--since", f"{text!r} is in the future", f"now is {now:%Y-%m-%dT%H:%M} (UTC)")]
        )
    return time


def before_moment(text: str | None, now: datetime) -> datetime | None:
    """The time of `--before`; None if it is not given. Raises SettingsError."""
    return None if text is None else moment(text, "--before", now)


def hex_prefix(text: str, shortest: int, longest: int, source: str) -> str:
    """The first digits of a mail key or of a dead letter's id, in lower case.

    Raises SettingsError if `text` is too short or has other characters; `source` names the command
    that prints them.
    """
    digits = text.strip().lower()
    if not re.fullmatch(f"[0-9a-f]{{{shortest},{longest}}}", digits):
        hint = f"give at least the first {shortest} hexadecimal digits that {source} prints"
        raise SettingsError([Mistake("", f"{text!r} is not a key or an id", hint)])
    return digits


def key_prefix(text: str) -> str:
    """The first digits of a mail key. Raises SettingsError."""
    return hex_prefix(text, MIN_KEY, 64, "`mailcase parked list`")


def one_choice(command: str, what: str, names: Sequence[str] | None, *, everything: bool) -> None:
    """Raise SettingsError unless either names or `--all` are given, and not both."""
    if bool(names) == everything:
        hint = f"give {what}, or --all with the options that select"
        raise SettingsError([Mistake(command, f"needs either {what} or --all", hint)])
