"""Options that several commands have: the same words, the same bounds, the same mistakes."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated

from cyclopts import Parameter, Token
from cyclopts.validators import Number

from services.runtime.errors import Mistake, SettingsError

_LARGEST = 2**63 - 1  # what the database and the broker can count to


def said(_type: object, value: str | None) -> None:
    """A validator: an empty value is a script's variable that was not set, and would choose everything."""
    if value is not None and not value.strip():
        raise ValueError("is empty")


def _case_number(_type: object, tokens: Sequence[Token]) -> int:
    """A number as people copy it: `235`, `#235`, `[#235]`, `[Case #235]`."""
    text = tokens[0].value.strip()
    found = re.fullmatch(r"\[?\s*(?:[^\[\]#]{0,40}#)?\s*([1-9][0-9]{0,18})\s*\]?", text, re.ASCII)
    if found is None or int(found[1]) > _LARGEST:
        raise ValueError(f"{text!r} is no case number: give it as 235, #235 or [#235]")
    return int(found[1])


CaseNumber = Annotated[
    int,
    Parameter(
        help="The case's number: 235, #235 or [#235].", converter=_case_number, n_tokens=1, allow_leading_hyphen=True
    ),
]
Limit = Annotated[
    int, Parameter(name="--limit", help="At most so many; 0 shows all.", validator=Number(gte=0, lte=2**31 - 1))
]
Rate = Annotated[
    float, Parameter(name="--rate", help="Mails a second at most; 0 for no limit.", validator=Number(gte=0, lte=1e6))
]
FromOffset = Annotated[
    int | None,
    Parameter(
        name="--from-offset",
        help="Go on where a replay before this one ended.",
        validator=Number(gte=0, lte=_LARGEST),
    ),
]
Process = Annotated[str | None, Parameter(name="--process", help="Only mails of this process.", validator=said)]
Mailbox = Annotated[str | None, Parameter(name="--mailbox", help="Only mails of this mailbox.", validator=said)]
Before = Annotated[
    str | None, Parameter(name="--before", help="Only what came here before: a time (UTC), or an age as 2h, 7d.")
]
Everything = Annotated[bool, Parameter(name="--all", negative="", help="All that the other options choose.")]
Raw = Annotated[bool, Parameter(name="--raw", negative="", help="Write the exact bytes and nothing else.")]
Why = Annotated[str, Parameter(name="--why", help="Recorded with it.", validator=said)]

MIN_KEY = 8  # characters of a mail key that name a mail

_AGE = re.compile(r"([0-9]{1,6})\s*([smhdw])", re.ASCII)
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_MOMENT = "give a time such as 2026-11-23T08:15 (UTC) or an age such as 90m, 2h, 7d"


def moment(text: str, option: str, now: datetime) -> datetime:
    """A time such as `2026-11-23T08:15` or `2026-11-23`, UTC unless it says otherwise, or an age such as `2h` or `7d`.

    Raises SettingsError, naming `option`.
    """
    age = _AGE.fullmatch(text.strip())
    try:
        if age:
            return now - timedelta(seconds=int(age[1]) * _UNITS_S[age[2]])
        time = datetime.fromisoformat(text.strip())
        return time.astimezone(UTC) if time.tzinfo is not None else time.replace(tzinfo=UTC)
    except ValueError:
        raise SettingsError([Mistake(option, f"{text!r} is neither a time nor an age", _MOMENT)]) from None
    except OverflowError:
        raise SettingsError([Mistake(option, f"{text!r} is before all times", _MOMENT)]) from None


def since_moment(text: str | None, now: datetime) -> datetime | None:
    """The same for `--since`, which a time to come would leave nothing to choose from. None where it is not given."""
    if text is None:
        return None
    time = moment(text, "--since", now)
    if time > now:
        raise SettingsError([Mistake("--since", f"{text!r} is in the future", f"now is {now:%Y-%m-%dT%H:%M} (UTC)")])
    return time


def before_moment(text: str | None, now: datetime) -> datetime | None:
    """The same for `--before`."""
    return None if text is None else moment(text, "--before", now)


def hex_prefix(text: str, shortest: int, longest: int, where: str) -> str:
    """The beginning of a mail key or of a dead letter's id, in small letters.

    Raises SettingsError where nothing can begin so; `where` names the list that prints them.
    """
    small = text.strip().lower()
    if not re.fullmatch(f"[0-9a-f]{{{shortest},{longest}}}", small):
        hint = f"give its first {shortest} or more of the digits that {where} prints"
        raise SettingsError([Mistake("", f"{text!r} names nothing", hint)])
    return small


def key_prefix(text: str) -> str:
    """The beginning of a mail key, or all of it. Raises SettingsError."""
    return hex_prefix(text, MIN_KEY, 64, "`mailcase parked list`")


def one_choice(command: str, what: str, named: Sequence[str] | None, *, everything: bool) -> None:
    """Raise SettingsError unless there are either names or `--all`."""
    if bool(named) == everything:
        hint = f"name {what}, or give --all with the options that choose"
        raise SettingsError([Mistake(command, f"needs either {what} or --all", hint)])
