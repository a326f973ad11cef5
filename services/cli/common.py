"""What the commands share: the settings, the logs, how times and texts are shown."""

import os
import re
import unicodedata
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from services.runtime.errors import Mistake, SettingsError
from services.runtime.logs import configure_logs
from services.runtime.settings import Settings, load_settings

Config = Annotated[Path, Parameter(name="--config", help="The settings, a TOML file.")]
HttpPort = Annotated[
    int,
    Parameter(
        name="--http-port",
        help="Where /healthz, /readyz and /metrics are served; 0 takes a free port.",
        validator=Number(gte=0, lte=65535),
    ),
]
Json = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON for programs.")]

_AGE = re.compile(r"([0-9]{1,6})\s*([smhdw])", re.ASCII)
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}

DEFAULT_CONFIG = Path("mailcase.toml")


def loaded(config: Path) -> Settings:
    """The settings, with logs configured as they say. Raises SettingsError."""
    settings = load_settings(config, os.environ)
    configure_logs(settings.logs.format, settings.logs.level)
    return settings


def moment(text: str, option: str, now: datetime) -> datetime:
    """A time such as `2026-11-23T08:15` or `2026-11-23`, UTC unless it says otherwise, or an age such as `2h` or `7d`.

    Raises SettingsError, naming `option`.
    """
    age = _AGE.fullmatch(text.strip())
    if age:
        return now - timedelta(seconds=int(age[1]) * _UNITS_S[age[2]])
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError:
        mend = "give a time such as 2026-11-23T08:15 (UTC) or an age such as 90m, 2h, 7d"
        raise SettingsError([Mistake(option, f"{text!r} is neither a time nor an age", mend)]) from None
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)


def printable(text: str) -> str:
    """Text of a mail for a terminal: what could move the cursor, colour or reorder what is shown becomes visible."""
    return "".join(
        one if one in "\n\t" or unicodedata.category(one) not in {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"} else "\ufffd"
        for one in text
    )


def counted(count: int, one: str, several: str) -> str:
    """`1 process`, `2 processes`."""
    return f"{count} {one if count == 1 else several}"


def size_text(size: int) -> str:
    """`12 B`, `3.4 kB`, `5.6 MB`."""
    value = float(size)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"
