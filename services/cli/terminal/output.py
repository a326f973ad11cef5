"""What all commands share: their options, and printing text safely."""

import sys
import unicodedata
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from services.cli.terminal import loading

DEFAULT_CONFIG = loading.DEFAULT_CONFIG
loaded = loading.loaded

Config = Annotated[Path, Parameter(name="--config", help="The settings, a TOML file.")]
HttpPort = Annotated[
    int,
    Parameter(
        name="--http-port",
        help="The port of /healthz, /readyz and /metrics; 0 chooses a free port.",
        validator=Number(gte=0, lte=65535),
    ),
]
HttpHost = Annotated[
    str,
    Parameter(
        name="--http-host", help="The address to listen on; 127.0.0.1 allows this machine only."
    ),
]
Json = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON.")]

# they can move the cursor, color or reorder text
_UNSAFE = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})


def printable(text: str) -> str:
    """Text of a mail for a terminal; control and format characters are replaced by U+FFFD."""
    return "".join(
        char if char in "\n\t" or unicodedata.category(char) not in _UNSAFE else "\ufffd"
        for char in text
    )


def report_failure(name: str, what: str) -> None:
    """Report the failure of one item of several, in one line on standard error."""
    print(printable(f"{name}: {what}"), file=sys.stderr, flush=True)


def counted(count: int, singular: str, plural: str) -> str:
    """`1 process`, `2 processes`."""
    return f"{count} {singular if count == 1 else plural}"


def size_text(size: int) -> str:
    """`12 B`, `3.4 kB`, `5.6 MB`."""
    value = float(size)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"
