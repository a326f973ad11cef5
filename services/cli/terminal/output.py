"""What the commands share: the settings, the logs, how texts are shown."""

import os
import sys
import unicodedata
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from services.cli.up.running import with_running_servers
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
HttpHost = Annotated[
    str,
    Parameter(name="--http-host", help="The address to serve them on; 127.0.0.1 keeps them on this machine."),
]
Json = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON for programs.")]

DEFAULT_CONFIG = Path("mailcase.toml")


def loaded(config: Path) -> Settings:
    """The settings, with logs configured as they say, and the servers of a running `mailcase up` if they name none.

    Raises SettingsError.
    """
    settings = with_running_servers(load_settings(config, os.environ), config)
    configure_logs(settings.logs.format, settings.logs.level)
    return settings


def printable(text: str) -> str:
    """Text of a mail for a terminal: what could move the cursor, colour or reorder what is shown becomes visible."""
    return "".join(
        one if one in "\n\t" or unicodedata.category(one) not in {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"} else "\ufffd"
        for one in text
    )


def report_failure(name: str, what: str) -> None:
    """One of several that a command works on failed, and the others go on: a line of its own."""
    print(printable(f"{name}: {what}"), file=sys.stderr, flush=True)


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
