"""`mailcase service install`: writes the unit file, and prints what is left to do."""

import os
import pwd
import re
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from services.cli.service.unit import MARK, UnitOptions, retention_texts, unit_text
from services.cli.terminal.lines import print_line
from services.cli.terminal.output import DEFAULT_CONFIG, Config
from services.cli.up.running import data_folder
from services.runtime.errors import Mistake, PermanentError, SettingsError
from services.runtime.settings import load_settings

_UNITS = Path("/etc/systemd/system/mailcase.service")

Unit = Annotated[
    Path, Parameter(name="--unit", help="The unit file; `-` prints it to standard output.")
]
User = Annotated[
    str | None,
    Parameter(name="--user", help="The user to run as; default: the owner of the settings."),
]
Data = Annotated[
    Path | None,
    Parameter(name="--data", help="The folder for the data; default: next to the settings."),
]
Memory = Annotated[
    str,
    Parameter(name="--memory", help="The memory limit for all parts together, such as 2G."),
]


def install(
    *,
    unit: Unit = _UNITS,
    user: User = None,
    data: Data = None,
    memory: Memory = "2G",
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Write a hardened unit of systemd that runs `mailcase up`.

    If a process has `retention_days`, it also writes a timer that runs `mailcase retention` every
    day. It never overwrites a unit of someone else. It does not start anything.
    """
    config = config.absolute()
    settings = load_settings(config, os.environ)
    data = (data or data_folder(config)).absolute()
    options = UnitOptions(_program(), config, data, _user(config, user), _memory(memory))
    text = unit_text(options)
    if str(unit) == "-":
        print(text, end="")
        return
    texts = {unit: text}
    if any(process.retention_days for process in settings.processes.values()):
        for ending, beside in retention_texts(options, unit.stem).items():
            texts[unit.with_name(unit.stem + ending)] = beside
    for file, content in texts.items():
        _write(file, content)
        print_line(f"written: {file}")
    _prepare(data, options.user)
    print("next:")
    print("  systemctl daemon-reload")
    print(f"  systemctl enable --now {unit.stem}")
    if len(texts) > 1:
        print(f"  systemctl enable --now {unit.stem}-retention.timer    # empties old cases daily")
    print(f"  journalctl -u {unit.stem}      # what it prints; details are in {data / 'logs'}")


def _program() -> tuple[str, ...]:
    """The command line that starts this installation."""
    return (sys.executable, "-m", "services.cli")


def _user(config: Path, given: str | None) -> str:
    """A user who exists, is not root, and can read the settings."""
    try:
        entry = pwd.getpwnam(given) if given is not None else pwd.getpwuid(config.stat().st_uid)
    except KeyError as error:
        hint = "create it: useradd --system --home-dir /var/lib/mailcase mailcase"
        raise SettingsError([Mistake("--user", f"there is no user {given}", hint)]) from error
    if entry.pw_uid == 0:
        hint = (
            "create a user (useradd --system --home-dir /var/lib/mailcase mailcase), "
            f"give it the settings (chown -R mailcase {config.parent}), and give --user mailcase"
        )
        raise SettingsError([Mistake("--user", "it must not run as root", hint)])
    return entry.pw_name


def _memory(text: str) -> str:
    if re.fullmatch(r"[1-9][0-9]{0,9}[KMGT]?|[1-9][0-9]?%", text, re.ASCII) is None:
        raise SettingsError(
            [Mistake("--memory", f"{text!r} is not a size", "give a size such as 2G")]
        )
    return text


def _write(unit: Path, text: str) -> None:
    try:
        if unit.exists() and not unit.read_text().startswith(MARK):
            raise PermanentError(
                f"{unit} was not written by Mailcase: name another file with --unit"
            )
        new = unit.with_name(f".{unit.name}.new")
        new.write_text(text)
        new.chmod(0o644)
        new.replace(unit)
    except OSError as error:
        raise PermanentError(
            f"{unit} cannot be written: {error.strerror}; run this as root, or print it with --unit -"
        ) from error


def _prepare(data: Path, user: str) -> None:
    """Create the data folder for the user. The service may write only there."""
    entry = pwd.getpwnam(user)
    try:
        if not data.exists():
            data.mkdir(parents=True, mode=0o700)
            os.chown(data, entry.pw_uid, entry.pw_gid)
        elif data.stat().st_uid != entry.pw_uid:
            raise PermanentError(f"{data} does not belong to {user}: chown -R {user} {data}")
    except OSError as error:
        raise PermanentError(
            f"{data} cannot be created: {error.strerror}; create it, and give it to {user}"
        ) from error
